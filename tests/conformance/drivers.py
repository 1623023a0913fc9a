"""Runs the driver program of one SDK; driver.md documents the protocol."""

from __future__ import annotations

import fcntl
import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ROOT = Path(__file__).resolve().parents[2]
_BIN = Path(sys.prefix) / "bin"
_GO_DRIVER = ROOT / ".cache/bin/driver-go"
COMMANDS: Mapping[str, Sequence[str]] = {
    "python": (sys.executable, str(ROOT / "sdks/python/tests/driver.py")),
    "go": (str(_GO_DRIVER),),
    "typescript": (str(_BIN / "node"), str(ROOT / "sdks/typescript/driver/driver.ts")),
}
# How a driver is built: the folder, the command, and the file that it makes.
_BUILDS: Mapping[str, tuple[Path, Sequence[str], Path]] = {
    "go": (
        ROOT / "sdks/go",
        # A module of its own, as it depends on what the SDK does not.
        (str(_BIN / "go"), "build", "-C", "internal/driver", "-o", str(_GO_DRIVER), "."),
        _GO_DRIVER,
    ),
    "typescript": (
        ROOT / "sdks/typescript",
        (str(_BIN / "npm"), "run", "--silent", "build"),
        ROOT / "sdks/typescript/dist/index.js",
    ),
}
_SECONDS = 60


@cache
def build(language: str) -> None:
    """Builds the driver if its sources changed, in one process at a time."""
    if language not in _BUILDS:
        return
    folder, command, made = _BUILDS[language]
    _GO_DRIVER.parent.mkdir(parents=True, exist_ok=True)
    with (_GO_DRIVER.parent / f"driver-{language}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists() or made.stat().st_mtime < _newest_source(folder):
            subprocess.run(command, cwd=folder, check=True)
            made.touch()


def _newest_source(folder: Path) -> float:
    made = {"node_modules", "dist"}
    files = (path for path in folder.rglob("*") if made.isdisjoint(path.parts) and path.is_file())
    return max(path.stat().st_mtime for path in files)


class Fault(Exception):
    """The driver rejected a request as invalid."""


class Driver:
    """A running driver process; leaving the context manager kills it."""

    def __init__(self, language: str, *, prefix: Sequence[str] = (), **environment: str) -> None:
        """Starts the driver, under the command `prefix` if there is one."""
        build(language)
        self._process = subprocess.Popen(
            (*prefix, *COMMANDS[language]),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
            env={**os.environ, **environment},
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._requests, self._output = self._process.stdin, self._process.stdout
        self._replies: queue.Queue[dict[str, Any]] = queue.Queue()
        self._sent = 0
        self.errors: list[dict[str, Any]] = []
        self.streamed: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        for line in self._output:
            reply = json.loads(line)
            if "error" in reply:
                self.errors.append(reply["error"])
            elif "id" not in reply:
                self.streamed.append(reply["accepted"])
            else:
                self._replies.put(reply)

    def send(self, do: str, **arguments: Any) -> None:
        """Sends a request without waiting for the response."""
        self._sent += 1
        self._requests.write(json.dumps({"id": self._sent, "do": do, **arguments}) + "\n")
        self._requests.flush()

    def response(self) -> dict[str, Any]:
        """Waits for the response to the oldest request that is still without one."""
        reply = self._replies.get(timeout=_SECONDS)
        if "fault" in reply:
            raise Fault(reply["fault"])
        return reply

    def request(self, do: str, **arguments: Any) -> dict[str, Any]:
        """Sends a request and returns the response."""
        self.send(do, **arguments)
        return self.response()

    def has_response(self) -> bool:
        """Reports whether a response has arrived."""
        return not self._replies.empty()

    def responses(self) -> list[dict[str, Any]]:
        """Returns the responses that have arrived and that nobody waited for."""
        return [self._replies.get() for _ in range(self._replies.qsize())]

    def codes(self) -> list[str]:
        """Returns the error codes reported to on_error so far."""
        return [error["code"] for error in self.errors]

    @property
    def pid(self) -> int:
        """Returns the process id."""
        return self._process.pid

    def send_signal(self, number: signal.Signals) -> None:
        """Sends a signal."""
        self._process.send_signal(number)

    def signal(self, number: signal.Signals) -> int:
        """Sends a signal and waits for the process to end."""
        self.send_signal(number)
        return self.wait()

    def end(self) -> int:
        """Closes standard input, on which the program ends, and returns its exit code."""
        self._requests.close()
        return self.wait()

    def wait(self) -> int:
        """Returns the exit code, negative for a signal, once all output has been read."""
        code = self._process.wait(_SECONDS)
        self._reader.join(_SECONDS)
        return code

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.wait()
        self._reader.join()
        self._requests.close()
        self._output.close()
