"""The embedded broker as a child process, for tests, the demo and the benchmarks."""

from __future__ import annotations

import fcntl
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.child import Child

_ROOT = Path(__file__).resolve().parent.parent
_SOURCE = _ROOT / "infra" / "devbroker"
_BINARY = _ROOT / ".cache" / "bin" / "devbroker"


@cache
def build() -> Path:
    """Builds the broker's binary and returns it; Go skips the work if nothing changed."""
    _BINARY.parent.mkdir(parents=True, exist_ok=True)
    go = Path(sys.prefix) / "bin" / "go"
    with (_BINARY.parent / "devbroker.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        subprocess.run([go, "build", "-o", _BINARY, "."], cwd=_SOURCE, check=True)
    return _BINARY


class DevBroker(Child):
    """A running broker.

    With `kafka_3` it supports what that version does; with `sasl`, as `user:password`, clients
    authenticate; with `replicas`, there are as many brokers. Without `data_dir` it loses all data
    when it stops. `kill` and `restart` make an outage: the address stays the same, so that clients
    reconnect.
    """

    bootstrap: str
    topics: dict[str, int]
    # What the next start requires of clients.
    sasl: str | None

    def __init__(
        self,
        *,
        listen: str = "127.0.0.1:0",
        data_dir: Path | None = None,
        kafka_3: bool = False,
        sasl: str | None = None,
        replicas: int = 1,
    ) -> None:
        self.sasl = sasl
        self._replicas = replicas
        self._data_dir = data_dir
        self._kafka_3 = kafka_3
        self._start(listen)

    def _start(self, listen: str) -> None:
        command = [str(build()), "--listen", listen]
        if self._data_dir is not None:
            command += ["--data-dir", str(self._data_dir)]
        if self._kafka_3:
            command += ["--kafka-3"]
        if self.sasl is not None:
            command += ["--sasl", self.sasl]
        command += ["--replicas", str(self._replicas)]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
            start_new_session=True,  # Ctrl-C is for the program, which stops it last
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._commands, self._replies = self._process.stdin, self._process.stdout
        line = self._replies.readline()
        if not line:
            self._close()
            code = self._process.wait()
            raise RuntimeError(f"the embedded broker did not start (exit code {code}); see stderr")
        ready = json.loads(line)
        self.bootstrap = ready["bootstrap"]
        self.topics = ready["topics"]

    @property
    def pid(self) -> int:
        """Returns the process id, for tests that check whether it still runs."""
        return self._process.pid

    def restart(self) -> None:
        """Restarts the broker on the same address, with the data of its data directory."""
        self.stop()
        self._start(self.bootstrap)

    def fail(self, error: str, times: int = -1) -> None:
        """Fails the next produce requests with a Kafka error, such as REQUEST_TIMED_OUT."""
        self._command(do="fail", error=error, times=times)

    def heal(self) -> None:
        """Stops failing produce requests."""
        self._command(do="heal")

    def produce_requests(self) -> int:
        """Returns how many produce requests were received since the start."""
        return int(self._command(do="count")["requests"])

    def required_acks(self) -> int:
        """Returns how many acknowledgements the last produce request required; -1 is all."""
        return int(self._command(do="count")["acks"])

    def logins(self) -> int:
        """Returns how many attempts to authenticate were received since the start."""
        return int(self._command(do="count")["logins"])

    def _command(self, **command: object) -> dict[str, Any]:
        self._commands.write(json.dumps(command) + "\n")
        reply: dict[str, Any] = json.loads(self._replies.readline())
        if fault := reply.get("fault"):
            raise ValueError(fault)
        return reply

    def _close(self) -> None:
        self._commands.close()
        self._replies.close()

    def _end(self, how: signal.Signals) -> None:
        try:
            super()._end(how)
        finally:
            self._close()


@pytest.fixture(scope="session")
def broker() -> Iterator[DevBroker]:
    """The shared broker of a pytest worker; a test that stops or kills a broker starts its own."""
    with DevBroker() as running:
        yield running
