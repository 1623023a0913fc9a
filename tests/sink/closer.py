"""Closes a month as a process of its own: `python -m tests.sink.closer DSN MONTH WORKSPACE…`."""

from __future__ import annotations

import sys
from datetime import date

from infra.sink.closing import printing
from infra.sink.closing.make import Terms, make
from infra.sink.store import open_store


def main(dsn: str, month: str, *workspaces: str) -> None:
    """Prints the lines of the month as they are billed."""
    first_day = date.fromisoformat(f"{month}-01")
    with open_store(dsn) as client:
        closes = make(client, first_day, workspaces, Terms("UTC", ""))
        rows = list(printing.lines(client, closes, first_day, workspaces))
        printing.write_json(closes, rows)


if __name__ == "__main__":
    main(*sys.argv[1:])
