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
# By the name that a language has in an event: where to start the service, and how.
SERVICES: Mapping[str, tuple[Path, Sequence[str | Path]]] = {
    "python": (_SDKS / "python", (sys.executable, "examples/service.py")),
    "go": (_SDKS / "go", (_BIN / "go", "run", "./examples/service")),
    "typescript": (_SDKS / "typescript", (_BIN / "node", "examples/service.ts")),
}
_SECONDS = 120  # the first time, Go compiles its client


class Refused(msgspec.Struct):
    """A call that was not accepted, as `on_error` heard of it."""

    code: str
    text: str


class Books(msgspec.Struct):
    """What a service says of its work when it ends."""

    accepted: int
    delivered: int
    refused: list[Refused]


def work(bootstrap: str, calls: Sequence[Mapping[str, Any]]) -> dict[str, Books]:
    """Have all services make the same calls, at the same time; their books by language."""
    lines = "".join(json.dumps(call) + "\n" for call in calls)

    def run(language: str) -> Books:
        build(language)
        folder, command = SERVICES[language]
        ended = subprocess.run(
            command,
            cwd=folder,
            # What another service of this machine left in the spool is no part of this day.
            env=environment(kafka_brokers=bootstrap, spool="off"),
            input=lines.encode(),
            stdout=subprocess.PIPE,
            timeout=_SECONDS,
            check=True,
        )
        return msgspec.json.decode(ended.stdout, type=Books)

    with ThreadPoolExecutor() as pool:
        return dict(zip(SERVICES, pool.map(run, SERVICES), strict=True))
