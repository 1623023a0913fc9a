"""A server of the HTTP API whose answers, and faults, a test chooses."""

from __future__ import annotations

import json
import socket
import ssl
import struct
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

_SECONDS = 60
_DRIP_SECONDS = 0.01


@dataclass(frozen=True, slots=True)
class Request:
    """A request that the server has read.

    Attributes:
        connection: the number of its connection, from 1.
    """

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    connection: int

    def ids(self) -> list[str]:
        """Returns the ids of its events, a line each."""
        return [json.loads(line)["event_id"] for line in self.body.splitlines()]


@dataclass(frozen=True, slots=True)
class Reply:
    """What the server does with a request.

    Attributes:
        status: of HTTP; 0 resets the connection without an answer.
        body: as JSON, or bytes as they are; None is 200's to the events of the request.
        part: how much of the body is sent before the connection is closed; 1 for all of it.
        hangs: whether there is no answer until the client gives up.
        closes: whether the connection is closed after the answer, without saying so.
        drips: from which byte of the answer on each is sent alone, with pauses in between.
    """

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    part: float = 1
    hangs: bool = False
    closes: bool = False
    drips: int | None = None


TAKEN = Reply()
RESET = Reply(status=0)
HANG = Reply(hangs=True)


def error(
    status: int, code: str, index: int | None = None, headers: Mapping[str, str] | None = None
) -> Reply:
    """Returns the reply of an error, as the API words it."""
    found: dict[str, Any] = {"code": code, "message": f"the server says {code}"}
    if index is not None:
        found["index"] = index
    return Reply(status, {"error": found, "request_id": "r"}, headers or {})


class FaultServer:
    """Answers each request by the next of `replies`, then by `usual`; closes with the context.

    Attributes:
        requests: what was read so far, in the order of its arrival.
        taken: the ids of the events in requests that were answered 200, copies too.
        key: the API key; any other is answered 401. Empty for any.
        certificate: a PEM file of the key and the chain of further connections; None for HTTP.
    """

    def __init__(self, *replies: Reply, key: str = "", certificate: Path | None = None) -> None:
        self.certificate = certificate
        self.replies = deque(replies)
        self.usual = TAKEN
        self.key = key
        self.requests: list[Request] = []
        self.taken: list[str] = []
        self._sockets: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    @property
    def url(self) -> str:
        """The address of the server."""
        scheme = "http" if self.certificate is None else "https"
        return f"{scheme}://127.0.0.1:{self._listener.getsockname()[1]}"

    @property
    def connections(self) -> int:
        """How many there were, also those that a client has closed at once."""
        return len(self._sockets)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        for each in (self._listener, *self._sockets):
            _hang_up(each)
        for thread in self._threads:
            thread.join(_SECONDS)

    def bodies(self) -> Sequence[Any]:
        """Returns the bodies of the requests, as JSON."""
        return [json.loads(request.body) for request in self.requests if request.body]

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._sockets.append(connection)
            serving = (connection, len(self._sockets))
            thread = threading.Thread(target=self._serve, args=serving, daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket, number: int) -> None:
        try:
            connection = self._encrypted(connection)
        except OSError:
            connection.close()
            return
        with connection, connection.makefile("rb") as reader:
            try:
                while (request := _read(reader, number)) is not None:
                    if not self._answer(connection, reader, request):
                        return
            except (OSError, ValueError):
                return

    def _encrypted(self, connection: socket.socket) -> socket.socket:
        if self.certificate is None:
            return connection
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate)
        return context.wrap_socket(connection, server_side=True)

    def _answer(self, connection: socket.socket, reader: Any, request: Request) -> bool:
        """Answers a request, and reports whether the connection stays open."""
        self.requests.append(request)
        sent = request.headers.get("authorization")
        if self.key and sent != f"Bearer {self.key}":
            reply = error(401, "key.unknown")
        else:
            reply = self.replies.popleft() if self.replies else self.usual
        if reply.hangs:
            reader.read(1)
            return False
        if not reply.status:
            linger = struct.pack("ii", 1, 0)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            return False
        body = reply.body
        if body is None:
            ids = request.ids()
            self.taken += ids
            body = {"events": len(ids), "request_id": "r"}
        text = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Content-Type": "application/json", "Content-Length": str(len(text))}
        lines = [f"HTTP/1.1 {reply.status} Reason"]
        lines += [f"{name}: {value}" for name, value in {**headers, **reply.headers}.items()]
        head = "\r\n".join([*lines, "", ""]).encode()
        _send(connection, head + text[: int(len(text) * reply.part)], reply.drips)
        return reply.part == 1 and not reply.closes


def _read(reader: Any, number: int) -> Request | None:
    first = reader.readline().decode().split()
    if len(first) != 3:
        return None
    headers = {}
    while (line := reader.readline().decode().strip()) != "":
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    if headers.get("transfer-encoding") == "chunked":
        body = b""
        while size := int(reader.readline(), 16):
            body += reader.read(size)
            reader.readline()
        reader.readline()
    else:
        body = reader.read(int(headers.get("content-length", 0)))
    return Request(first[0], first[1], headers, body, number)


def _send(connection: socket.socket, answer: bytes, drips: int | None) -> None:
    at_once = len(answer) if drips is None else drips
    connection.sendall(answer[:at_once])
    for each in answer[at_once:]:
        time.sleep(_DRIP_SECONDS)
        connection.sendall(bytes([each]))


def _hang_up(each: socket.socket) -> None:
    with suppress(OSError):
        each.shutdown(socket.SHUT_RDWR)
    each.close()
