"""The SQL scripts of the store: numbered migrations, and the catalog and the views of now."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from infra.sink.errors import SinkError

FOLDER = Path(__file__).resolve().parents[1] / "clickhouse"
CURRENT = "current/"

# Begins the line of a script that is not safe to repeat after its last statement.
_UNLESS = "-- unless: "


@dataclass(frozen=True, slots=True)
class Script:
    """A file of SQL statements; `once` marks a numbered migration, which never changes."""

    name: str
    text: str
    once: bool

    @property
    def checksum(self) -> str:
        """The digest that the history stores for the file."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def unless(self) -> str | None:
        """The query that returns 1 if a crash hid that the script was applied completely."""
        lines = (line.partition(_UNLESS) for line in self.text.splitlines())
        return next((query for before, mark, query in lines if mark and not before), None)

    def statements(self) -> Iterator[str]:
        """Yields the statements; a semicolon at the end of a line, never in a literal, ends one."""
        lines = [line for line in self.text.splitlines() if not line.lstrip().startswith("--")]
        parts = ("\n".join(lines) + "\n").split(";\n")
        yield from filter(None, (part.strip() for part in parts))


def read_scripts(folder: Path = FOLDER) -> list[Script]:
    """Returns the scripts of a folder in the order in which they are applied.

    Raises:
        SinkError: there is none.
    """
    numbered, current = sorted(folder.glob("*.sql")), sorted(folder.glob(f"{CURRENT}*.sql"))
    if not numbered:
        raise SinkError(f"no migrations in {folder}: run `make generate`")
    return [
        Script(path.relative_to(folder).as_posix(), path.read_text("utf-8"), once)
        for paths, once in ((numbered, True), (current, False))
        for path in paths
    ]
