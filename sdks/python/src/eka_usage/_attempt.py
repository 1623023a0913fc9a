"""Attempts of the HTTP API's client that end in time, whatever the server does meanwhile."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterable
from typing import Any, Final

import httpcore
import httpx

from ._clock import monotonic

ATTEMPT_ERRORS: Final = (
    httpx.HTTPError,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.TimeoutException,
    httpcore.UnsupportedProtocol,
)
"""What an attempt without an answer raises."""

# As of httpx.
_CONNECTIONS, _KEPT_CONNECTIONS, _KEPT_SECONDS = 100, 20, 5.0
# To write so much does not wait often enough to matter.
_PART = 16 * 1024


class AttemptTransport(httpx.BaseTransport):
    """Gives each request a time within which its whole answer must be there.

    httpx gives as much to each read, so that a server which sends a byte at a time holds the caller
    as long as it likes.

    Args:
        seconds: of one request, from its connection to the end of its answer.
        trusted: the authorities.
    """

    def __init__(self, seconds: float, trusted: ssl.SSLContext) -> None:
        self._seconds = seconds
        self._deadline = _Deadline()
        self._pool = httpcore.ConnectionPool(
            ssl_context=trusted,
            max_connections=_CONNECTIONS,
            max_keepalive_connections=_KEPT_CONNECTIONS,
            keepalive_expiry=_KEPT_SECONDS,
            network_backend=_Network(self._deadline),
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Returns the answer, which is read."""
        self._deadline.at = monotonic() + self._seconds
        url = request.url
        response = self._pool.request(
            request.method,
            httpcore.URL(
                scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
            ),
            headers=request.headers.raw,
            content=request.read(),
            extensions={"timeout": {"pool": self._seconds}},
        )
        return httpx.Response(
            response.status, headers=response.headers, content=response.content, request=request
        )

    def close(self) -> None:
        """Closes the connections."""
        self._pool.close()


class _Deadline(threading.local):
    """When the attempt of the current thread ends."""

    at = 0.0

    def left(self, error: type[httpcore.TimeoutException]) -> float:
        """Returns how many seconds are left; raises the error if none are."""
        left = self.at - monotonic()
        if left <= 0:
            raise error("the answer took too long")
        return left


class _Network(httpcore.NetworkBackend):
    """Opens connections that end in time; their own times are not used."""

    def __init__(self, deadline: _Deadline) -> None:
        self._deadline = deadline
        self._inner = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise httpcore.ConnectError(str(error)) from error
        failed: Exception = httpcore.ConnectError(f"no address of {host}")
        # One at a time, as each would have all the time otherwise.
        for *_, address in found:
            left = self._deadline.left(httpcore.ConnectTimeout)
            try:
                stream = self._inner.connect_tcp(
                    str(address[0]), port, left, local_address, socket_options
                )
            except (httpcore.NetworkError, httpcore.TimeoutException) as error:
                failed = error
            else:
                return _Stream(stream, self._deadline)
        raise failed


class _Stream(httpcore.NetworkStream):
    """A connection, of which each step ends in time."""

    def __init__(self, inner: httpcore.NetworkStream, deadline: _Deadline) -> None:
        self._inner = inner
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, self._deadline.left(httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        for start in range(0, len(buffer), _PART):
            left = self._deadline.left(httpcore.WriteTimeout)
            self._inner.write(buffer[start : start + _PART], left)

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        left = self._deadline.left(httpcore.ConnectTimeout)
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, left), self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)

    def close(self) -> None:
        self._inner.close()
