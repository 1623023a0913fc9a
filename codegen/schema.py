"""Validates a file by its JSON Schema, with messages and positions of our own."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, cast

import jsonschema_rs

from codegen.diagnostics import Diagnostic, error, listing, nearest, quote, show, suggestion
from codegen.scalars import Scalar, describe, is_number, plain
from codegen.source import Route, Source

FOLDER = Path(__file__).resolve().parent.parent / "schema"


@cache
def schema(name: str) -> dict[str, Any]:
    """Returns the JSON Schema of `catalog`, `event` or `sdk`."""
    text = (FOLDER / f"{name}.schema.json").read_text(encoding="utf-8")
    return cast("dict[str, Any]", json.loads(text))


@cache
def _validator(name: str) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(schema(name))


@dataclass(frozen=True, slots=True)
class _Violation:
    """A violated keyword, with the schema that contains it."""

    source: Source
    route: Route
    rule: Mapping[str, Any]
    limit: Any
    instance: Any
    kind: Any

    @property
    def expected(self) -> str:
        """Returns what a pattern expects; editors show the same message."""
        return str(self.rule.get("patternErrorMessage", f"expected {self.limit}"))

    def found(self) -> str:
        """Returns the value as the file has it."""
        if isinstance(self.instance, str):
            return quote(self.instance)
        written = self.source.written(self.route)
        if written is not None:
            return f"`{written}`" if written else "nothing"
        return "a list" if isinstance(self.instance, list) else "a mapping"

    @property
    def key(self) -> str:
        """Returns the key of the value, or of the list that contains it."""
        return next((step for step in reversed(self.route) if isinstance(step, str)), "")

    def here(self, code: str, message: str) -> Diagnostic:
        path = self.source.file(self.route)
        return error(path, self.source.value(self.route), code, message)

    def at_key(self, code: str, message: str, route: Route | None = None) -> Diagnostic:
        route = self.route if route is None else route
        return error(self.source.file(route), self.source.key(route), code, message)

    def within(self) -> str:
        """Returns `in 'api_call'`, which identifies one of many similar entries."""
        return f" in {quote(self.key)}" if self.key else ""


def check(source: Source, name: str) -> Iterator[Diagnostic]:
    """Validates one file against the schema of that name."""
    violations = [
        _Violation(
            source,
            tuple(found.instance_path),
            (rule := _resolve(schema(name), found.schema_path[:-1])),
            rule.get(str(found.schema_path[-1])),
            found.instance,
            found.kind,
        )
        for found in _validator(name).iter_errors(source.data)
    ]
    misspelt = {
        (v.route, nearest(key, v.rule.get("properties", ())))
        for v in violations
        if v.kind.name == "additionalProperties"
        for key in v.kind.unexpected
    }
    for violation in violations:
        if (
            violation.kind.name == "required"
            and (violation.route, violation.kind.property) in misspelt
        ):
            continue
        yield from TRANSLATIONS[violation.kind.name](violation)


def _resolve(root: Mapping[str, Any], path: list[str | int]) -> Mapping[str, Any]:
    found: Any = root
    for step in path:
        found = found[step]
    return cast("Mapping[str, Any]", found)


def _additional_properties(v: _Violation) -> Iterator[Diagnostic]:
    allowed = v.rule.get("properties", {})
    for key in v.kind.unexpected:
        message = f"unknown key {quote(key)}{v.within()}: {suggestion(key, allowed)}"
        yield v.at_key("unknown-key", message, (*v.route, key))


def _required(v: _Violation) -> Iterator[Diagnostic]:
    yield v.at_key("missing-key", f"missing key {quote(v.kind.property)}{v.within()}")


def _property_names(v: _Violation) -> Iterator[Diagnostic]:
    nested = v.kind.error
    message = f"invalid name {quote(nested.instance)}: {v.expected}"
    yield v.at_key("name", message, (*v.route, nested.instance))


def _pattern(v: _Violation) -> Iterator[Diagnostic]:
    yield v.here("format", f"invalid {v.key} {v.found()}: {v.expected}")


def _enum(v: _Violation) -> Iterator[Diagnostic]:
    options = [str(option) for option in v.kind.options]
    written = v.source.written(v.route)
    text = v.instance if isinstance(v.instance, str) else written or ""
    hint = suggestion(text, options)
    yield v.here("unknown-value", f"invalid {v.key} {v.found()}: {hint}")


_TYPES = {
    "string": "text",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping",
}
_TRUE = {"yes", "on", "y", "true"}
_FALSE = {"no", "off", "n", "false"}


def _type(v: _Violation) -> Iterator[Diagnostic]:
    types = [name for name in _TYPES if name in v.kind.types]
    written = v.source.written(v.route)
    if written and "string" in types and not re.search(v.rule.get("pattern", ""), written):
        # Quoting the value would only lead to this message.
        yield from _pattern(v)
        return
    wanted = listing(_TYPES[name] for name in types)
    message = f"expected {wanted}{v.within()}, found {v.found()}"
    yield v.here("type", message + _advice(v, types, written))


def _advice(v: _Violation, types: list[str], written: str | None) -> str:
    """Returns how to write what was probably meant, if that would be accepted."""
    if written == "" and v.source.rest(v.route).startswith("#"):
        return ": # begins a comment, so quote the text"
    if written:
        word = written.lower()
        if "string" in types:
            return f', which may be read as {describe(written)}: quote it: "{written}"'
        if "boolean" in types and word in _TRUE | _FALSE:
            return f": write {'true' if word in _TRUE else 'false'}"
        if v.instance is None and {"integer", "number"} & set(types) and is_number(written):
            return ": write it in the fewest plain decimal digits, such as 10 or 0.5"
    elif isinstance(v.instance, str) and _is_one_of(plain(v.instance), types):
        return ": remove the quotes"
    return ""


def _is_one_of(value: Scalar, types: list[str]) -> bool:
    if isinstance(value, bool):
        return "boolean" in types
    if isinstance(value, int):
        return "integer" in types or "number" in types
    return isinstance(value, float) and "number" in types


def _bound(side: str) -> Callable[[_Violation], Iterator[Diagnostic]]:
    def translate(v: _Violation) -> Iterator[Diagnostic]:
        yield v.here("range", f"invalid {v.key} {v.found()}: expected {side} {v.limit}")

    return translate


def _empty(v: _Violation) -> Iterator[Diagnostic]:
    properties = v.rule.get("properties")
    hint = f": expected {listing(properties)}" if properties else ": expected at least one entry"
    yield v.at_key("empty", f"nothing{v.within()}{hint}")


def _min_length(v: _Violation) -> Iterator[Diagnostic]:
    yield v.here("empty", f"empty text{v.within()}: expected at least {v.limit} character")


def _unique_items(v: _Violation) -> Iterator[Diagnostic]:
    seen: list[Any] = []
    for index, item in enumerate(v.instance):
        # In JSON, true is not 1.
        if item is not None and any(
            one == item and isinstance(one, bool) == isinstance(item, bool) for one in seen
        ):
            route = (*v.route, index)
            place = v.source.value(route)
            message = f"{show(item)} appears twice"
            yield error(v.source.file(route), place, "duplicate-item", message)
        seen.append(item)


TRANSLATIONS: dict[str, Callable[[_Violation], Iterator[Diagnostic]]] = {
    "additionalProperties": _additional_properties,
    "enum": _enum,
    "maximum": _bound("at most"),
    "minItems": _empty,
    "minLength": _min_length,
    "minProperties": _empty,
    "minimum": _bound("at least"),
    "pattern": _pattern,
    "propertyNames": _property_names,
    "required": _required,
    "type": _type,
    "uniqueItems": _unique_items,
}
