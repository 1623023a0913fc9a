"""`watch`: generates again whenever a file of the schema changes."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from codegen.commands import SUCCESS
from codegen.commands.generating import Options, generate
from codegen.output import Printer

# Short enough to seem immediate, long enough that an editor has finished writing.
_SECONDS = 0.3

_State = Mapping[str, tuple[int, int]]


def watch(options: Options, printer: Callable[[], Printer]) -> int:
    """Generates until SIGINT or SIGTERM; each run prints as `generate` does."""
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    seen: _State | None = None
    while True:
        now = _state(options.schema)
        if now != seen:
            seen = now
            generate(options, printer())
            sys.stdout.write(f"watching {options.schema}, Ctrl-C ends\n")
            sys.stdout.flush()
        if ended.wait(_SECONDS):
            return SUCCESS


def _state(folder: Path) -> _State:
    """Returns what tells whether a YAML file below a folder changed."""
    state = {}
    for path in sorted(folder.rglob("*.yaml")):
        try:
            stat = path.stat()
        except FileNotFoundError:
            continue
        state[str(path)] = (stat.st_mtime_ns, stat.st_size)
    return state
