"""Loads the conformance vectors that all SDKs share, and decodes their calls into Python values."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import make_dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pydantic
from eka_usage import CATALOG_VERSION, SDK_VERSION

DIRECTORY = Path(__file__).resolve().parents[3] / "tests" / "conformance" / "vectors"
_OWN = {
    "$sdk_language": "python",
    "$sdk_version": SDK_VERSION,
    "$catalog_version": CATALOG_VERSION,
}


class Unencodable:
    """A value that JSON cannot represent."""

    def __str__(self) -> str:
        return "unencodable"


class Strict(msgspec.Struct, forbid_unknown_fields=True):
    """A part of a vector file; an unknown key is an error."""


class Given(Strict):
    """What is injected into the client."""

    service_name: str
    hostname: str
    clock: str
    instance_id: str
    event_id: str


class Expect(Strict):
    """The expected event, as its differences from the file's, or the expected code and field."""

    event: dict[str, str] | None = None
    partition: int | None = None
    degraded: bool = False
    code: str | None = None
    field: str | None = None
    says: str = ""


class Case(Strict):
    """One call and its expected result in every SDK."""

    id: str
    call: dict[str, Any]
    expect: Expect
    client: dict[str, str] = {}
    cannot: dict[str, str] = {}


class VectorFile(Strict):
    """A file of cases with a common base."""

    schema: str = msgspec.field(name="$schema")
    given: Given
    call: dict[str, Any]
    event: dict[str, str]
    cases: list[Case]
    comment: str = msgspec.field(name="$comment", default="")


class Vector(msgspec.Struct):
    """One case, together with its file."""

    file: VectorFile
    case: Case

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments of the call, as Python values."""
        call = {**self.file.call, **self.case.call}
        return {name: _decoded(value) for name, value in call.items() if value != {"$": "absent"}}

    @property
    def event(self) -> bytes:
        """The expected bytes."""
        texts = {**self.file.event, **(self.case.expect.event or {})}
        text = "{" + ",".join(f'"{name}":{value}' for name, value in texts.items() if value) + "}"
        for name, value in _OWN.items():
            text = text.replace(name, value)
        return text.encode()


def load() -> list[Vector]:
    """Returns all cases of all files.

    Raises:
        ValueError: there is no file, a file has no case, or a key is unknown.
    """
    found: list[Vector] = []
    for path in sorted(DIRECTORY.glob("*.json")):
        # json, not msgspec: some vectors hold lone surrogates
        file = msgspec.convert(json.loads(path.read_bytes()), VectorFile)
        if not file.cases:
            raise ValueError(f"{path.name} has no cases")
        found += [Vector(file, case) for case in file.cases]
    if not found:
        raise ValueError(f"no vectors in {DIRECTORY}")
    return found


def _decoded(value: Any) -> Any:
    if isinstance(value, list):
        return [_decoded(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "$" in value:
        return _special(value)
    return {key: _decoded(item) for key, item in value.items()}


def _object(fields: dict[str, Any]) -> Any:
    return make_dataclass("Details", fields)(**fields)


def _model(fields: dict[str, Any]) -> Any:
    definitions: Any = dict.fromkeys(fields, (Any, ...))
    return pydantic.create_model("Details", **definitions)(**fields)


_FROM_TEXT: dict[str, Callable[[str], Any]] = {"integer": int, "decimal": Decimal, "uuid": UUID}
_FROM_FIELDS: dict[str, Callable[[Any], Any]] = {"object": _object, "model": _model}


def _special(value: dict[str, Any]) -> Any:
    kind = value["$"]
    if kind in {"NaN", "Infinity", "-Infinity"}:
        return float(kind)
    if kind in _FROM_TEXT:
        return _FROM_TEXT[kind](value["text"])
    if kind == "repeat":
        return value["text"] * value["times"]
    if kind == "unencodable":
        return Unencodable()
    if kind in _FROM_FIELDS:
        return _FROM_FIELDS[kind](_decoded(value["fields"]))
    if kind == "cycle":
        cycle: dict[str, Any] = {}
        cycle["self"] = cycle
        return cycle
    if kind == "nested":
        nested: dict[str, Any] = {}
        for _ in range(value["levels"] - 1):
            nested = {"a": nested}
        return nested
    raise ValueError(f"unknown special value {kind!r}")
