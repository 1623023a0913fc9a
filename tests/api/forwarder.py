"""The listener of the forward protocol as a child process, for tests."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from pathlib import Path

from tests.child import Child
from tests.environment import environment

_ROOT = Path(__file__).resolve().parents[2]


class Forwarder(Child):
    """A running listener with a spool of its own.

    Attributes:
        log: what it has written to stderr.
    """

    def __init__(self, folder: Path, bootstrap: str, *arguments: str, **settings: str) -> None:
        self._log = folder / "forward.log"
        spool = {"spool": "durable", "spool_dir": str(folder / "spool")}
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "infra.api", "forward"),
                    *("--service", "svc", "--listen", "127.0.0.1:0", *arguments),
                ],
                cwd=_ROOT,
                env=environment(kafka_brokers=bootstrap, **spool, **settings),
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self._process.stdout is not None
        with self._process.stdout as stdout:
            line = stdout.readline()
        if not line:
            self._process.wait()
            raise RuntimeError(f"the listener did not start:\n{self.log}")
        host, port = json.loads(line)["address"].split(":")
        self._address = (host, int(port))

    @property
    def log(self) -> str:
        return self._log.read_text("utf-8")

    def connect(self) -> socket.socket:
        """Returns a connection."""
        connection = socket.create_connection(self._address, timeout=60)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def pause(self) -> None:
        """Keeps it from running until `resume_and_stop`."""
        self._process.send_signal(signal.SIGSTOP)

    def resume_and_stop(self) -> None:
        """Lets it run again, with SIGTERM waiting for it."""
        self._process.send_signal(signal.SIGTERM)
        self._process.send_signal(signal.SIGCONT)
        self._process.wait(60)
