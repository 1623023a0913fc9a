"""Ids of customers that prove what an API key allows, for clients that send the key only once.

Such a client looks an account up with its key, and afterwards sends the id of the account alone.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import time
from collections.abc import Callable

from infra.api.errors import AnswerError
from infra.api.keys.key import Key
from infra.api.keys.keyring import Keyring

_SECONDS = 86_400


class Capabilities:
    """Issues and checks ids that are valid for a day, as long as their key is.

    They are signed with the key's own hash, so that every worker and every server with the file
    of keys accepts them, and nobody else can make one.
    """

    def __init__(self, keyring: Keyring, clock: Callable[[], float] = time.time) -> None:
        self._keyring = keyring
        self._clock = clock

    def issue(self, key: Key, workspace: str) -> str:
        """Returns an id by which usage of a workspace can be reported in the name of a key."""
        until = int(self._clock()) + _SECONDS
        account = base64.urlsafe_b64encode(workspace.encode()).decode().rstrip("=")
        claim = f"{key.id}.{until}.{account}"
        return f"{claim}.{_signature(key, claim)}"

    def open(self, capability: object) -> tuple[Key, str]:
        """Returns the key and the workspace of an id.

        Raises:
            AnswerError: nobody issued it, it has expired, or its key was revoked.
        """
        claim, _, signature = str(capability).rpartition(".")
        key_id, _, rest = claim.partition(".")
        until, _, account = rest.partition(".")
        key = self._keyring.find_id(key_id)
        if (
            key is None
            or not hmac.compare_digest(_bytes(signature), _bytes(_signature(key, claim)))
            or int(until) < self._clock()
        ):
            raise AnswerError.of("key.unknown")
        try:
            return key, base64.urlsafe_b64decode(account + "=" * (-len(account) % 4)).decode()
        except (binascii.Error, UnicodeDecodeError):
            raise AnswerError.of("key.unknown") from None


def _signature(key: Key, claim: str) -> str:
    digest = hmac.digest(bytes.fromhex(key.digest), _bytes(claim), hashlib.sha256)
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def _bytes(given: str) -> bytes:
    # JSON may have half of a pair of surrogates.
    return given.encode(errors="surrogatepass")
