"""The services of the demo: one in each language, each a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec

from tests.conformance.drivers import build
from tests.environment import environment

_SDKS = Path(__file__).resolve().parents[2] / "sdks"
_BIN = Path(sys.prefix) / "bin"
# By the language's name in an event: the folder and the command of its service.
SERVICES: Mapping[str, tuple[Path, Sequence[str | Path]]] = {
    "python": (_SDKS / "python", (sys.executable, "examples/service.py")),
    "go": (_SDKS / "go", (_BIN / "go", "run", "./examples/service")),
    "typescript": (_SDKS / "typescript", (_BIN / "node", "examples/service.ts")),
}
_SECONDS = 120  # on the first run, Go compiles its client


class Rejection(msgspec.Struct):
    """A call that was rejected, as reported to `on_error`."""

    code: str
    text: str


class Report(msgspec.Struct):
    """The counters that a service prints when it ends."""

    accepted: int
    delivered: int
    rejected: list[Rejection]


def run_services(bootstrap: str, calls: Sequence[Mapping[str, Any]]) -> dict[str, Report]:
    """Makes the same calls in all services at once, and returns their reports by language."""
    lines = "".join(json.dumps(call) + "\n" for call in calls)

    def run(language: str) -> Report:
        build(language)
        folder, command = SERVICES[language]
        ended = subprocess.run(
            command,
            cwd=folder,
            # Events that other services of this machine spooled are not part of the demo.
            env=environment(kafka_brokers=bootstrap, spool="off"),
            input=lines.encode(),
            stdout=subprocess.PIPE,
            timeout=_SECONDS,
            check=True,
        )
        return msgspec.json.decode(ended.stdout, type=Report)

    with ThreadPoolExecutor() as pool:
        return dict(zip(SERVICES, pool.map(run, SERVICES), strict=True))
