"""The platform of a serverless function: the process runs only while it is invoked."""

from __future__ import annotations

import signal
import subprocess
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.waiting import eventually

_SECONDS = 60
# What a platform's runtime does: it calls the handler with each request that it reads.
_RUNTIMES = {
    ".py": """
import sys
from types import SimpleNamespace
from function import handler

for line in sys.stdin:
    print(handler({}, SimpleNamespace(aws_request_id=line.strip())), flush=True)
""",
    ".ts": """
import { createInterface } from "node:readline";
import { handler } from "./function.ts";

for await (const line of createInterface({ input: process.stdin })) {
  console.log(await handler({}, { awsRequestId: line }));
}
""",
}


class Function:
    """A function's process, which is frozen between invocations and killed at the end.

    `command` runs a program that serves HTTP on `PORT`, or a module with a `handler`.
    """

    def __init__(
        self, command: Sequence[str], folder: Path, environment: Mapping[str, str]
    ) -> None:
        *interpreter, program = command
        runtime = _RUNTIMES.get(Path(program).suffix)
        self._address = None if runtime else f"http://127.0.0.1:{environment['PORT']}/"
        if runtime:
            program = f"runtime{Path(program).suffix}"
            (folder / program).write_text(runtime)
        self._process = subprocess.Popen(
            (*interpreter, program),
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def invoke(self, request: str) -> str:
        """Returns the answer to a request; at once, the process is frozen."""
        self._process.send_signal(signal.SIGCONT)
        answer = self._call(request) if self._address is None else self._get(request)
        self._process.send_signal(signal.SIGSTOP)
        return answer.strip()

    def _call(self, request: str) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{request}\n")
        self._process.stdin.flush()
        return self._process.stdout.readline()

    def _get(self, request: str) -> str:
        answers: list[str] = []

        def answered() -> bool:
            headers = {"Idempotency-Key": request}
            wanted = urllib.request.Request(str(self._address), headers=headers)
            try:
                with urllib.request.urlopen(wanted, timeout=_SECONDS) as response:
                    answers.append(response.read().decode())
            except urllib.error.HTTPError:
                raise
            except urllib.error.URLError:
                return False  # it does not listen yet
            return True

        eventually(answered)
        return answers[0]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with self._process:  # which closes the pipes
            self._process.kill()
