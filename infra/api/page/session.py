"""Who is logged in: a signed cookie that names the API key, and does not hold it."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from infra.api.errors import AnswerError
from infra.api.keys.key import Key
from infra.api.keys.keyring import Keyring

_COOKIE = "usage_session"
_SECONDS = 12 * 3600
_SCOPE = "read"


class Sessions:
    """Begins, checks and ends sessions, each as long as its key is valid, and half a day at most.

    The cookie is signed with the key's own hash, so that every worker accepts it, and nobody who
    lacks the key can make one.
    """

    def __init__(self, keyring: Keyring, clock: Callable[[], float] = time.time) -> None:
        self._keyring = keyring
        self._clock = clock

    def begin(self, request: Request, response: Response, token: str) -> None:
        """Sets the cookie of a key.

        Raises:
            AnswerError: there is no such key, or it may not read.
        """
        key = self._keyring.find(token)
        if key is None:
            raise AnswerError.of("key.unknown")
        if _SCOPE not in key.scopes:
            raise AnswerError.of("scope.missing", hint=_SCOPE)
        claim = f"{key.id}.{int(self._clock()) + _SECONDS}"
        response.set_cookie(
            _COOKIE,
            f"{claim}.{_signature(key, claim)}",
            max_age=_SECONDS,
            httponly=True,
            samesite="strict",
            secure=request.url.scheme == "https",
        )

    def key(self, request: Request) -> Key | None:
        """Returns the key of a request's session; None without one that is valid."""
        claim, _, signature = request.cookies.get(_COOKIE, "").rpartition(".")
        key_id, _, until = claim.partition(".")
        key = self._keyring.find_id(key_id) if key_id else None
        if key is None or _SCOPE not in key.scopes:
            return None
        if not hmac.compare_digest(signature.encode(), _signature(key, claim).encode()):
            return None
        return key if int(until) > self._clock() else None

    def end(self, response: Response) -> None:
        """Removes the cookie."""
        response.delete_cookie(_COOKIE, httponly=True, samesite="strict")


def refuse_other_sites(request: Request) -> None:
    """Refuses a form that another site sent.

    Raises:
        AnswerError: it is not a page of this server that sends it.
    """
    site = request.headers.get("sec-fetch-site", "same-origin")
    origin = request.headers.get("origin")
    host = request.headers.get("host", "")
    if site not in {"same-origin", "none"} or (origin and urlsplit(origin).netloc != host):
        raise AnswerError.of("scope.missing", hint="of this site: the form is of another")


def _signature(key: Key, claim: str) -> str:
    # Apart from what else is signed with the hash, such as ids of customers.
    text = f"session {claim}".encode()
    return hmac.digest(bytes.fromhex(key.digest), text, hashlib.sha256).hex()
