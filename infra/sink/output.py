"""Prints results as a table, as CSV or as JSON, with foreign text escaped."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from itertools import chain
from typing import Any

from infra.sink.text import csv_cell, json_document, printable

Rows = Sequence[Mapping[str, Any]]


def text(value: Any) -> str:
    """Formats a value: all digits of a number, without trailing zeros."""
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return _plain(value)
    if isinstance(value, list):
        return json.dumps(value, ensure_ascii=False) if value else ""
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return str(value)


def table(rows: Rows, columns: Iterable[str]) -> str:
    """Formats rows as aligned columns, numbers to the right."""
    names = list(columns)
    cells = [names, *([printable(text(row[name])) for name in names] for row in rows)]
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


def write_csv(rows: Iterable[Mapping[str, Any]], columns: Iterable[str]) -> None:
    """Writes rows as they come."""
    sys.stdout.writelines(csv_lines(rows, columns))


def csv_lines(rows: Iterable[Mapping[str, Any]], columns: Iterable[str]) -> Iterator[str]:
    """Yields rows under a header; null is an empty cell, and text is quoted."""
    names = list(columns)
    for cells in chain([names], ([row[name] for name in names] for row in rows)):
        yield ",".join(map(_cell, cells)) + "\n"


def _cell(value: Any) -> str:
    return csv_cell(text(value)) if isinstance(value, str | list) else text(value)


def write_json(value: Any) -> None:
    """Writes one document; decimals are strings, so that no parser turns them into doubles."""
    sys.stdout.write(json_document(value, _as_json) + "\n")


def _as_json(value: Any) -> str:
    if isinstance(value, Decimal | date):
        return text(value)
    raise TypeError(f"cannot write {type(value).__name__} as JSON")


def _plain(value: Decimal) -> str:
    digits = f"{value:f}"
    return digits.rstrip("0").rstrip(".") if "." in digits else digits
