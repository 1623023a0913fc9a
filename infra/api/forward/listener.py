"""Listens for connections of the forward protocol, and reads them in one thread.

Its clients have no acknowledgement unless they ask for it: what they have written, they count as
sent. So a connection is always read from, also while nothing can be recorded; and it is never
closed by this side with a FIN, after which the client's next write would succeed and be lost, but
read to its end and then reset.
"""

from __future__ import annotations

import logging
import selectors
import socket
import struct
import time
from collections.abc import Callable

from infra.api.errors import AnswerError
from infra.api.forward.frames import FrameError, Frames, JsonFrames, MsgpackFrames
from infra.api.forward.intake import Intake
from infra.api.forward.message import JSON, MSGPACK, Message, read_message

_LOG = logging.getLogger("api")
_READ = 65_536
_RESET = struct.pack("ii", 1, 0)
# A message that a client has half written arrives in this time, or is written again.
_REST_SECONDS = 1.0
_MAX_BUFFERED = 64 * 1024 * 1024


class Listener:
    """Serves until it is asked to stop.

    Args:
        server: a socket that listens.
        intake: what records messages.
        max_connections: beyond which a connection is reset.
    """

    def __init__(self, server: socket.socket, intake: Intake, max_connections: int) -> None:
        self._server = server
        self._intake = intake
        self._max_connections = max_connections
        self._selector = selectors.DefaultSelector()
        self._connections: set[_Connection] = set()
        server.setblocking(False)

    def serve(self, wake: socket.socket, is_stopping: Callable[[], bool]) -> None:
        """Reads until `is_stopping`, which is asked when `wake` has something to read."""
        self._selector.register(self._server, selectors.EVENT_READ, self._accept)
        self._selector.register(wake, selectors.EVENT_READ, lambda: wake.recv(_READ))
        while not is_stopping():
            self._turn(None)
        self._drain()

    def _drain(self) -> None:
        """Takes what clients have written, then resets them: they write the rest elsewhere."""
        self._accept()
        self._selector.unregister(self._server)
        self._server.close()
        deadline = time.monotonic() + _REST_SECONDS
        while self._connections:
            left = deadline - time.monotonic()
            for connection in list(self._connections):
                while connection.read() and time.monotonic() < deadline:
                    pass
                if not connection.buffered or left <= 0:
                    self._close(connection)
            if self._connections:
                self._turn(max(left, 0))

    def _turn(self, timeout: float | None) -> None:
        for key, _ in self._selector.select(timeout):
            key.data()

    def _accept(self) -> None:
        while True:
            try:
                client, address = self._server.accept()
            except BlockingIOError:
                return
            except OSError as error:  # such as no file descriptors left
                _LOG.warning("forward: cannot accept: %s", error)
                return
            connection = _Connection(client, str(address[0]), self._intake)
            if len(self._connections) >= self._max_connections:
                _LOG.warning("forward: more than %d connections", self._max_connections)
                connection.close()
                continue
            self._connections.add(connection)
            self._selector.register(
                client, selectors.EVENT_READ, lambda c=connection: self._read(c)
            )

    def _read(self, connection: _Connection) -> None:
        connection.read()
        if connection.is_ended:
            self._close(connection)
        elif sum(each.buffered for each in self._connections) > _MAX_BUFFERED:
            _LOG.warning("forward: too much is half written; resetting %s", connection.peer)
            self._close(connection)

    def _close(self, connection: _Connection) -> None:
        if connection in self._connections:
            self._connections.remove(connection)
            self._selector.unregister(connection.socket)
            connection.close()


class _Connection:
    """One client; its first byte says which form it writes."""

    def __init__(self, client: socket.socket, peer: str, intake: Intake) -> None:
        client.setblocking(False)
        self.socket = client
        self.peer = peer
        self.is_ended = False
        self._is_broken = False
        self._intake = intake
        self._frames: Frames | None = None
        self._form = JSON

    @property
    def buffered(self) -> int:
        """How many bytes are of a message that has not ended."""
        return self._frames.buffered if self._frames else 0

    def read(self) -> bool:
        """Takes what has arrived, up to a bound; reports whether there may be more."""
        if self.is_ended:
            return False
        try:
            data = self.socket.recv(_READ)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
            self._is_broken = True
        if not data:
            if self.buffered:
                _LOG.warning("forward: %s ended within a message", self.peer)
            self.is_ended = True
            return False
        try:
            self._take(data)
        except (FrameError, OSError) as error:
            _LOG.warning("forward: resetting %s: %s", self.peer, error)
            self.is_ended = self._is_broken = True
            return False
        return True

    def close(self) -> None:
        """Closes the connection; if the client has not, so that its next write fails."""
        if self._is_broken or not self.is_ended:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.socket.close()

    def _take(self, data: bytes) -> None:
        if self._frames is None:
            is_msgpack = data[0] & 0xF0 == 0x90
            self._form = MSGPACK if is_msgpack else JSON
            self._frames = MsgpackFrames() if is_msgpack else JsonFrames()
        messages: list[Message] = []
        for frame in self._frames.feed(data):
            try:
                messages.append(read_message(frame, self._form))
            except AnswerError as error:
                self._intake.refuse(error)
        for message, is_done in zip(messages, self._intake.take(messages), strict=True):
            if message.chunk and is_done:
                self._acknowledge(message.chunk)

    def _acknowledge(self, chunk: str) -> None:
        """Writes an ack; a client that does not read its acks is reset, and sends again."""
        ack = self._form.encode({"ack": chunk})
        if self.socket.send(ack) < len(ack):
            raise OSError("it does not read its acknowledgements")
