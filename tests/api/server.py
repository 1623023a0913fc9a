"""The HTTP API as a child process, for tests."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import httpx

from infra.api.__main__ import main
from tests.child import Child
from tests.environment import environment

_ROOT = Path(__file__).resolve().parent.parent.parent


class ApiServer(Child):
    """A running server with a spool and a file of keys of its own.

    Attributes:
        address: its URL.
        keys: the file of keys.
        log: what it has written to stderr.
    """

    address: str

    def __init__(self, folder: Path, bootstrap: str, *arguments: str, **settings: str) -> None:
        self.keys = folder / "keys.json"
        self._log = folder / "api.log"
        self._environment = environment(
            **{
                "kafka_brokers": bootstrap,
                "spool": "durable",
                "spool_dir": str(folder / "spool"),
                **settings,
            }
        )
        self._arguments = arguments
        if not self.keys.exists():
            self.new_key("svc")
        self.start()

    def start(self) -> None:
        """Starts the server, and waits until it answers."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "infra.api", "run"),
                    *("--listen", "127.0.0.1:0", "--keys", str(self.keys)),
                    *("--drain-seconds", "0", *self._arguments),
                ],
                cwd=_ROOT,
                env=self._environment,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
                text=True,
            )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._close()
            raise RuntimeError(f"the API did not start:\n{self.log}")
        self.address = json.loads(line)["address"]

    @property
    def log(self) -> str:
        return self._log.read_text("utf-8")

    def new_key(self, service: str, *arguments: str) -> str:
        """Returns the text of a new key."""
        return run("keys", "new", "--keys", str(self.keys), "--service", service, *arguments)

    def workers(self) -> list[int]:
        """Returns the process ids of the workers, not of Python's tracker of semaphores."""
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        pids = map(int, children.read_text().split())
        return [pid for pid in pids if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]

    def terminate(self) -> None:
        """Asks the server to stop, and does not wait until it has."""
        self._process.send_signal(signal.SIGTERM)

    def kill_worker(self, pid: int) -> None:
        """Kills one worker, which the server replaces."""
        os.kill(pid, signal.SIGKILL)

    def kill(self) -> None:
        """Kills the server and its workers, as a machine that fails does."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._close()

    def _end(self, how: signal.Signals) -> None:
        if self._process.returncode is None:
            try:
                super()._end(how)
            finally:
                self._close()

    def _close(self) -> None:
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def client(self, token: str, **arguments: Any) -> httpx.Client:
        """Returns a client that sends this key."""
        headers = {"authorization": f"Bearer {token}"} if token else {}
        return httpx.Client(base_url=self.address, headers=headers, timeout=30, **arguments)


def run(*arguments: str) -> str:
    """Returns what a command prints in this process, without the line break at its end."""
    with redirect_stdout(io.StringIO()) as output, redirect_stderr(io.StringIO()) as errors:
        status = main(arguments)
    if status:
        raise RuntimeError(errors.getvalue())
    return output.getvalue().rstrip("\n")
