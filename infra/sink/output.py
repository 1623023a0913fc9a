"""Results for people and for programs: a table, CSV or JSON."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

Rows = Sequence[Mapping[str, Any]]


def text(value: Any) -> str:
    """A value as it is written everywhere: every digit of a number, none that says nothing."""
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return _plain(value)
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return str(value)


def table(rows: Rows, columns: Iterable[str]) -> str:
    """Columns side by side, numbers to the right."""
    names = list(columns)
    cells = [names, *([text(row[name]) for name in names] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    right = [any(isinstance(row[name], int | Decimal) for row in rows) for name in names]
    lines = (
        "  ".join(
            cell.rjust(width) if number else cell.ljust(width)
            for cell, width, number in zip(line, widths, right, strict=True)
        ).rstrip()
        for line in cells
    )
    return "".join(f"{line}\n" for line in lines)


def write_csv(rows: Rows, columns: Iterable[str]) -> None:
    """Rows under their names; nothing stands for null."""
    names = list(columns)
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([text(row[name]) for name in names] for row in rows)


def write_json(value: Any) -> None:
    """One document. Decimals are strings, so that no reader makes doubles of them."""
    json.dump(value, sys.stdout, indent=2, ensure_ascii=False, default=_as_json)
    sys.stdout.write("\n")


def _as_json(value: Any) -> str:
    if isinstance(value, Decimal | date):
        return text(value)
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def _plain(value: Decimal) -> str:
    digits = f"{value:f}"
    return digits.rstrip("0").rstrip(".") if "." in digits else digits
