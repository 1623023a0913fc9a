"""Reads the lines of a file, CSV or NDJSON, as arguments of `record()`."""

from __future__ import annotations

import csv
import difflib
import re
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any, NamedTuple, Protocol

from infra.sink import strict_json
from infra.sink._generated.fields import (
    ARGUMENTS,
    FIELDS,
    ID,
    METADATA,
    QUANTITY,
    SERVICE,
)

FORMATS = ("csv", "ndjson")

_NAMES = {**{name: name for name in (*ARGUMENTS, SERVICE) if name}, "id": ID}
_KEY = f"{METADATA}."
_NUMBERS = {QUANTITY, *(field.name for field in FIELDS if field.kind == "number")}
_JSON = {METADATA, *(field.name for field in FIELDS if field.kind == "list")}
_DECIMAL = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?", re.ASCII)
# An event at all of its limits fits several times.
_LONGEST = 1 << 20


class FaultError(ValueError):
    """Says what is wrong with a line."""


class Line(NamedTuple):
    """A line of a file, the first being 1: the arguments that it has, or what is wrong with it."""

    number: int
    arguments: dict[str, Any]
    fault: str = ""


class Lines(Protocol):
    """A file, read line by line."""

    def readline(self, size: int, /) -> bytes: ...


def read(file: Lines, format_name: str) -> Iterator[Line]:
    """Yields the lines of a file that hold an event.

    Raises:
        FaultError: the header of a CSV is not one, which no line can be read without.
    """
    return _csv(file) if format_name == "csv" else _ndjson(file)


def _ndjson(file: Lines) -> Iterator[Line]:
    for number, text in _texts(file):
        if len(text) > _LONGEST:
            yield Line(number, {}, f"is longer than {_LONGEST:,} bytes")
        elif text.strip():
            yield _of_json(number, text)


def _of_json(number: int, text: bytes) -> Line:
    try:
        found = strict_json.parse_json(text)
        names = _known(_object(found))
    except ValueError as error:
        return Line(number, {}, str(error))
    given = {names[name]: value for name, value in found.items() if value is not None}
    return Line(number, given)


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise FaultError("expected an object with the arguments of an event")
    return value


def _csv(file: Lines) -> Iterator[Line]:
    reader = csv.reader(_decoded(file), strict=True)
    header = next(reader, None)
    if header is None:
        raise FaultError("the file is empty")
    header[0] = header[0].removeprefix("\ufeff")
    names = _known(header)
    last = reader.line_num
    while True:
        number = last + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            yield Line(number, {}, f"not CSV: {error}")
            return  # where the next line begins is not known
        last = reader.line_num
        if cells is None:
            return
        if not cells:
            continue
        if len(cells) != len(header):
            yield Line(number, {}, f"has {len(cells)} cells, and the header has {len(header)}")
            continue
        try:
            yield Line(number, _of_cells([names[name] for name in header], cells))
        except ValueError as error:
            yield Line(number, {}, str(error))


def _of_cells(names: list[str], cells: list[str]) -> dict[str, Any]:
    """Returns the arguments of a line; an empty cell is an argument that it lacks."""
    found: dict[str, Any] = {}
    keys: dict[str, str] = {}
    for name, cell in zip(names, cells, strict=True):
        if cell == "":
            continue
        if name.startswith(_KEY):
            keys[name.removeprefix(_KEY)] = cell
        elif name in _JSON:
            try:
                found[name] = strict_json.parse_json(cell.encode())
            except ValueError as error:
                raise FaultError(f"{name}: {error}") from None
        elif name in _NUMBERS and _DECIMAL.fullmatch(cell):
            found[name] = Decimal(cell)
        else:
            found[name] = cell
    if keys:
        found[METADATA] = keys
    return found


def _known(names: Iterable[str]) -> dict[str, str]:
    """Returns the arguments by the names that a line or a header gives them.

    Raises:
        FaultError: one is no argument, or is given twice.
    """
    found: dict[str, str] = {}
    for name in names:
        is_key = METADATA and name.startswith(_KEY) and name != _KEY
        known = name if is_key else _NAMES.get(name)
        if known is None:
            near = difflib.get_close_matches(name, _NAMES, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"details are columns {_KEY}NAME"
            raise FaultError(f"no such argument {name[:64]!r}: {hint}")
        if known in found.values():
            raise FaultError(f"{known} is given twice")
        found[name] = known
    if METADATA in found.values() and any(each.startswith(_KEY) for each in found.values()):
        raise FaultError(f"{METADATA} is given as a whole and by its keys")
    return found


def _texts(file: Lines) -> Iterator[tuple[int, bytes]]:
    number = 0
    while text := file.readline(_LONGEST + 1):
        number += 1
        yield number, text
        while len(text) > _LONGEST and not text.endswith(b"\n"):
            text = file.readline(_LONGEST + 1)


def _decoded(file: Lines) -> Iterator[str]:
    """Yields lines as the parser of CSV needs them, with their ends.

    What is not UTF-8 is kept as what no event accepts, so that the error names its line.
    """
    for _, text in _texts(file):
        yield text.decode(errors="surrogateescape")


def guess_format(name: str) -> str | None:
    """Returns the format that the name of a file stands for."""
    endings = {".csv": "csv", ".ndjson": "ndjson", ".jsonl": "ndjson"}
    return next((each for end, each in endings.items() if name.lower().endswith(end)), None)
