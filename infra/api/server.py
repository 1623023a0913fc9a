"""Serves the application: several processes on one port, replaced when they fail."""

from __future__ import annotations

import json
import multiprocessing
import resource
import socket
import ssl
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from granian.constants import HTTPModes, Interfaces, Loops
from granian.http import HTTP1Settings
from granian.server.mp import MPServer

from infra.api import app, metrics
from infra.api.errors import ApiError

_POLL = 0.05
_HEADER_MS = 10_000
# A worker accepts no further connection while it has so many, and each that sends nothing is closed
# when its time for a request's head is over. They are cheap, so that many idle ones stop nobody.
_MOST_CONNECTIONS = 20_000
_WAITING_CONNECTIONS = 4_096
# What a worker has open beside connections.
_OTHER_FILES = 512


@dataclass(frozen=True, slots=True)
class Listening:
    """Where to listen, with how many processes.

    Attributes:
        host: the address of a network interface.
        port: 0 picks a free one.
        workers: how many processes.
        drain_seconds: how long to serve on after SIGTERM, so that balancers see it.
        certificate: with the chain, as PEM; None for no TLS.
        private_key: as PEM.
    """

    host: str
    port: int
    workers: int = 1
    drain_seconds: float = 0
    certificate: Path | None = None
    private_key: Path | None = None


def serve(listening: Listening, options: app.Options) -> None:
    """Serves until SIGTERM or SIGINT, then drains; prints the address once it answers.

    Raises:
        ApiError: the address cannot be used.
    """
    # A fork would copy the locks that threads of this process hold, such as OpenSSL's.
    multiprocessing.set_start_method("spawn", force=True)
    stopping = multiprocessing.Event()
    connections = max(1, min(_MOST_CONNECTIONS, _raise_file_limit() - _OTHER_FILES))
    with _reserve(listening) as port, metrics.shared_by_workers():
        server = _DrainingServer(
            "infra.api",
            stopping.set,
            listening.drain_seconds,
            address=listening.host,
            port=port,
            interface=Interfaces.ASGI,
            # While it finds out which version a client speaks, the server limits no time.
            http=HTTPModes.http1,
            loop=Loops.asyncio,
            workers=listening.workers,
            respawn_failed_workers=True,
            respawn_interval=0.1,
            websockets=False,
            backlog=_WAITING_CONNECTIONS,
            backpressure=connections,
            http1_settings=HTTP1Settings(header_read_timeout=_HEADER_MS),
            log_enabled=False,
            ssl_cert=listening.certificate,
            ssl_key=listening.private_key,
        )
        scheme = "https" if listening.certificate else "http"
        host = f"[{listening.host}]" if ":" in listening.host else listening.host
        address = f"{scheme}://{host}:{port}"
        threading.Thread(target=_announce, args=(address, stopping.is_set), daemon=True).start()
        server.serve(target_loader=partial(app.create, options, stopping.is_set), wrap_loader=False)


def _raise_file_limit() -> int:
    """Lets the workers open as many files as this process may, and returns how many that are."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard if hard != resource.RLIM_INFINITY else _MOST_CONNECTIONS + _OTHER_FILES


class _DrainingServer(MPServer):
    """Goes on serving for a while after it is asked to stop."""

    def __init__(
        self, target: str, stop: Callable[[], None], drain_seconds: float, **arguments: Any
    ) -> None:
        super().__init__(target, **arguments)
        self._stop = stop
        self._drain_seconds = drain_seconds

    def signal_handler_interrupt(self, *arguments: Any, **named: Any) -> None:
        self._stop()
        interrupt = super().signal_handler_interrupt
        timer = threading.Timer(self._drain_seconds, interrupt, arguments, named)
        timer.daemon = True
        timer.start()


class _reserve:  # noqa: N801  used like a function
    """Picks the port, and keeps it until the workers have it, who share it."""

    def __init__(self, listening: Listening) -> None:
        self._listening = listening

    def __enter__(self) -> int:
        host, port = self._listening.host, self._listening.port
        try:
            family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
            self._socket = socket.socket(family, socket.SOCK_STREAM)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            self._socket.bind(address)
        except OSError as error:
            raise ApiError(f"cannot listen on {host}:{port}: {error}") from None
        found: int = self._socket.getsockname()[1]
        return found

    def __exit__(self, *_: object) -> None:
        self._socket.close()


def _announce(address: str, is_stopping: Callable[[], bool]) -> None:
    """Prints the address as one line of JSON once a worker answers."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # it is this very server
    while not is_stopping():
        try:
            with urllib.request.urlopen(f"{address}/healthz", timeout=1, context=context):  # noqa: S310
                break
        except OSError:
            time.sleep(_POLL)
    else:
        return
    sys.stdout.write(json.dumps({"address": address}) + "\n")
    sys.stdout.flush()
