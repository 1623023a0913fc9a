"""Stores with all migrations applied: copies of one that each process makes once."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

from infra.sink.migrate import migrate
from infra.sink.store import open_store


def make_store(folder: Path) -> None:
    """Makes a chDB store in a new folder, while this process has no store open."""
    shutil.copytree(_first(), folder, symlinks=True)


@cache
def _first() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="eka-store-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    with open_store(f"chdb://{folder}/store") as client:
        migrate(client)
    return folder / "store"
