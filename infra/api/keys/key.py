"""One API key: what it may do, and the text that proves it."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from typing import Any

SCOPES = ("write", "encoded", "read")
"""write: events as calls. encoded: events as an SDK wrote them. read: what was used."""

# A word in front lets scanners for secrets recognize a key that was committed by mistake.
_PREFIX = "usage_"
_SECRET_BYTES = 32
_ID_LENGTH = 12


@dataclass(frozen=True, slots=True)
class Key:
    """What is kept of an API key; the key itself is shown once and cannot be derived from this.

    Attributes:
        id: names it in logs and commands.
        digest: the SHA-256 of the key in hexadecimal.
        service: the service whose usage it reports.
        scopes: what it may do.
        workspaces: those that it may write for and read; None for all.
        created_at: in RFC 3339.
        revoked_at: likewise; empty while it is valid.
    """

    id: str
    digest: str
    service: str
    scopes: tuple[str, ...]
    workspaces: tuple[str, ...] | None
    created_at: str
    revoked_at: str = ""

    @classmethod
    def read(cls, data: dict[str, Any]) -> Key:
        """Returns the key of an entry of the file; raises an error if it is not one."""
        workspaces = data["workspaces"]
        return cls(
            id=_text(data["id"]),
            digest=_text(data["sha256"]),
            service=_text(data["service"]),
            scopes=tuple(scope for scope in SCOPES if scope in data["scopes"]),
            workspaces=None if workspaces is None else tuple(map(_text, workspaces)),
            created_at=_text(data["created_at"]),
            revoked_at=_text(data.get("revoked_at", "")),
        )

    def entry(self) -> dict[str, Any]:
        """Returns the entry of the file."""
        return {
            "id": self.id,
            "sha256": self.digest,
            "service": self.service,
            "scopes": list(self.scopes),
            "workspaces": None if self.workspaces is None else list(self.workspaces),
            "created_at": self.created_at,
            "revoked_at": self.revoked_at,
        }

    def allows(self, workspace: object) -> bool:
        """Reports whether the key is for this workspace."""
        return self.workspaces is None or workspace in self.workspaces


def new_token() -> str:
    """Returns the text of a new key, which nobody can guess."""
    return f"{_PREFIX}{secrets.token_urlsafe(_SECRET_BYTES)}"


def digest_of(token: str) -> str:
    """Returns what is kept of a key; a plain hash suffices, as a key has 256 random bits."""
    return hashlib.sha256(token.encode()).hexdigest()


def id_of(digest: str) -> str:
    """Returns the id of a key."""
    return digest[:_ID_LENGTH]


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"expected a text, got {value!r}")
    return value
