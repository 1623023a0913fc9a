"""One connection to the HTTP API, and what its answers mean for events."""

from __future__ import annotations

import json
import re
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any, NamedTuple, cast
from urllib.parse import urlsplit

from .._clock import monotonic
from .._describe import describe_error
from .._generated.settings import CLIENT_NAME
from .._generated.spool import FINAL_STATUSES
from .._secret import TOKEN, PasswordFile, Secret

_PATH = "/v1/events/encoded"
_OK, _UNAUTHORIZED = 200, 401
# An answer is short; what is longer comes from something else.
_LONGEST_ANSWER = 65_536
_LONGEST_TEXT = 300
_SECONDS = re.compile(r"[0-9]{1,6}")


class Answer(NamedTuple):
    """What an answer means for the events of its request.

    Attributes:
        why: why the server did not take them; empty if it did.
        final: whether it refuses them permanently.
        place: of the one event that it refuses; None if it does not say.
        retry_after: how many seconds the server asks to wait.
    """

    why: str = ""
    final: bool = False
    place: int | None = None
    retry_after: float = 0.0


class Token:
    """The API key: fixed, or from a file that may be replaced by one with another."""

    def __init__(self, token: Secret | None, file: PasswordFile | None) -> None:
        self._file = file
        self._token = token

    def current(self, warn: Callable[[str], object]) -> Secret:
        """Returns the key to send."""
        if self._token is None:
            self.renew(warn)
        return cast("Secret", self._token)

    def renew(self, warn: Callable[[str], object]) -> bool:
        """Reads the file again, and reports whether it has another key."""
        if self._file is None:
            return False
        before, latest = self._token, self._file.latest(warn)
        if not TOKEN.fullmatch(latest.reveal()):
            warn(f"the file {self._file.path} does not contain an API key")
            if before is None:
                raise ValueError("there is no API key")
            return False
        self._token = latest
        return before is None or before.reveal() != latest.reveal()


class HttpApi:
    """Posts events over one connection, which it opens again when it is needed.

    Redirects are not followed: the key is for this server alone.

    Args:
        url: of the server, with a path if it has a prefix.
        token: the API key.
        ca_location: a file of the authorities to trust, None for the system's.
        timeout: how many seconds an answer may take.
        warn: receives what concerns the file of the key.
    """

    def __init__(
        self,
        url: str,
        token: Token,
        ca_location: str | None,
        timeout: float,
        warn: Callable[[str], object],
    ) -> None:
        self._parts = urlsplit(url)
        self._ssl = None
        if self._parts.scheme == "https":
            self._ssl = ssl.create_default_context(cafile=ca_location)
        self._path = self._parts.path.rstrip("/") + _PATH
        self._token = token
        self._timeout = timeout
        self._warn = warn
        self._connection: HTTPConnection | None = None
        self._deadline = 0.0

    def post(self, events: list[bytes]) -> Answer:
        """Returns the answer to events, all of which the server has if it has no `why`."""
        try:
            answer = self._post(events)
            if answer is None and self._token.renew(self._warn):
                answer = self._post(events)
        except (OSError, HTTPException, ValueError) as error:
            self.close()
            return Answer(self._without_token(f"{self._parts.netloc}: {describe_error(error)}"))
        return Answer("HTTP 401: the server refuses the API key") if answer is None else answer

    def expire(self) -> None:
        """Ends a request that takes too long, from another thread than that which waits for it."""
        if self._deadline and monotonic() > self._deadline:
            self._hang_up()

    def close(self) -> None:
        """Closes the connection."""
        self._deadline = 0.0
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def abort(self) -> None:
        """Ends a request that is under way, from another thread."""
        self._hang_up()

    def _hang_up(self) -> None:
        sock: socket.socket | None = getattr(self._connection, "sock", None)
        if sock is not None:
            with suppress(OSError):
                # That of an SSLSocket goes on in the clear, for a moment, with what it is sending.
                socket.socket.shutdown(sock, socket.SHUT_RDWR)

    def _post(self, events: list[bytes]) -> Answer | None:
        """Returns the answer; None if the server refuses the key."""
        body = b"\n".join(events)
        is_new = self._connection is None
        try:
            status, headers, text = self._exchange(body)
        except (OSError, HTTPException):
            self.close()
            if is_new or monotonic() > self._deadline > 0:
                raise
            # The server has closed a connection that was idle.
            status, headers, text = self._exchange(body)
        if status == _UNAUTHORIZED:
            return None
        return self._read(status, headers, text, len(events))

    def _exchange(self, body: bytes) -> tuple[int, Any, bytes]:
        self._deadline = monotonic() + self._timeout
        if self._connection is None:
            self._connection = self._open()
        headers = {
            "Content-Type": "application/x-ndjson",
            "Authorization": f"Bearer {self._token.current(self._warn).reveal()}",
            "User-Agent": CLIENT_NAME,
        }
        self._connection.request("POST", self._path, body, headers)
        with self._connection.getresponse() as response:
            text = response.read(_LONGEST_ANSWER)
            if not response.isclosed() and response.read(1):
                self.close()  # the rest would be taken for the next answer
        self._deadline = 0.0
        return response.status, response.headers, text

    def _open(self) -> HTTPConnection:
        host, port = self._parts.hostname or "", self._parts.port
        if self._ssl is not None:
            return HTTPSConnection(host, port, timeout=self._timeout, context=self._ssl)
        return HTTPConnection(host, port, timeout=self._timeout)

    def _read(self, status: int, headers: Any, text: bytes, count: int) -> Answer:
        try:
            document: Any = json.loads(text)
        except ValueError:
            document = None
        document = _object(document)
        if status == _OK and document.get("events") == count:
            return Answer()
        error = _object(document.get("error"))
        said = ": ".join(str(error[name]) for name in ("code", "message") if name in error)
        why = self._without_token(f"HTTP {status}{f' {said}' if said else ''}"[:_LONGEST_TEXT])
        index = error.get("index")
        is_place = isinstance(index, int) and not isinstance(index, bool) and 0 <= index < count
        seconds = (headers.get("Retry-After") or "").strip()
        return Answer(
            "HTTP 200, but not by the API" if status == _OK else why,
            status in FINAL_STATUSES,
            index if is_place else None,
            float(seconds) if _SECONDS.fullmatch(seconds) else 0.0,
        )

    def _without_token(self, text: str) -> str:
        try:
            return text.replace(self._token.current(self._warn).reveal(), "***")
        except (OSError, ValueError):  # there is none yet
            return text


def _object(value: Any) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}
