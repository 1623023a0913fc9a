"""Rules on event.yaml: the fields, and the arguments of record()."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

from codegen.diagnostics import listing, quote, show, suggestion
from codegen.rules.files import Files, Finding, number

# What may bound a field of each type; event.schema.json says what each limit means.
LIMITS: dict[str, tuple[str, ...]] = {
    "string": ("min_length", "max_length"),
    "number": ("minimum", "maximum", "max_digits"),
    "integer": ("minimum", "maximum"),
    "flag": (),
    "json": ("max_bytes", "max_depth", "oversize", "too_deep"),
    "timestamp": ("ahead", "behind"),
}
_ALL_LIMITS = {limit for limits in LIMITS.values() for limit in limits}
_CATALOG_PARTS = ("product", "metric_type", "status", "billable")


def call_field(files: Files) -> Iterator[Finding]:
    """The call's arguments are not exactly the fields that the caller sets."""
    fields = files.one("event", "fields", dict)
    callers = [name for name, field in fields.items() if _of(field, "set_by") == "caller"]
    named: dict[str, Any] = {}
    for route, name in files.each("event", "call/*/*", str):
        if name not in fields:
            message = f"argument {quote(name)} is no field: {suggestion(name, callers)}"
            yield Finding("event", route, message)
        elif name not in callers:
            setter = _of(fields[name], "set_by")
            message = f"field {quote(name)} is set by {setter}: expected a field set by the caller"
            yield Finding("event", route, message)
        elif named.setdefault(name, route) != route:
            yield Finding("event", route, f"argument {quote(name)} is here twice: keep one")
    for name in callers:
        if name not in named:
            message = (
                f"field {quote(name)} is set by the caller, but no argument of the call names it"
            )
            yield Finding("event", ("fields", name), message, at_key=True)


def call_order(files: Files) -> Iterator[Finding]:
    """A required argument stands after an optional one."""
    fields = files.one("event", "fields", dict)
    optional = None
    for route, name in files.each("event", "call/positional/*", str):
        if _of(fields.get(name), "optional") is True:
            optional = name
        elif optional is not None and name in fields:
            message = f"argument {quote(name)} is required, but stands after {quote(optional)}"
            yield Finding("event", route, f"{message}, which is optional: put it before")


def catalog_field(files: Files) -> Iterator[Finding]:
    """A part of the catalog is not named by exactly one field."""
    fields = files.one("event", "fields", dict)
    for part in _CATALOG_PARTS:
        holders = [name for name, field in fields.items() if _of(field, "catalog") == part]
        if not holders:
            message = f"no field has `catalog: {part}`: exactly one must"
            yield Finding("event", ("fields",), message, at_key=True)
        for name in holders[1:]:
            message = f"a second field has `catalog: {part}`: exactly one must"
            other = ("the first is at", "event", ("fields", holders[0]))
            yield Finding("event", ("fields", name, "catalog"), message, other=other)


def field_limits(files: Files) -> Iterator[Finding]:
    """A field has a limit that its type does not know, or limits that contradict."""
    for route, field in files.each("event", "fields/*", dict):
        kind = str(field.get("type"))
        if kind not in LIMITS:
            continue
        allowed = LIMITS[kind]
        for limit in _ALL_LIMITS & field.keys():
            if limit not in allowed:
                hint = f"expected {listing(allowed)}" if allowed else "it takes no limit"
                message = f"{limit} is no limit of a {kind}: {hint}"
                yield Finding("event", (*route, limit), message, at_key=True)
        for least, most in (("min_length", "max_length"), ("minimum", "maximum")):
            if number(field.get(most), math.inf) < number(field.get(least), -math.inf):
                message = f"{most} {field[most]} is below {least} {field[least]}"
                yield Finding("event", (*route, most), message)


def field_default(files: Files) -> Iterator[Finding]:
    """A field's default does not fit its type or its limits."""
    for route, field in files.each("event", "fields/*", dict):
        default, kind = field.get("default"), str(field.get("type"))
        if kind == "json":
            for key in ("default", "oversize"):
                text = field.get(key)
                if isinstance(text, str) and not _is_json_object(text):
                    yield Finding("event", (*route, key), f"{quote(text)} is no JSON object")
        elif isinstance(default, int | float) and kind in ("number", "integer"):
            least = number(field.get("minimum"), -math.inf)
            most = number(field.get("maximum"), math.inf)
            if not least <= default <= most:
                message = f"default {default} is outside the field's own limits"
                yield Finding("event", (*route, "default"), message)
        elif (
            default is not None
            and kind in LIMITS
            and isinstance(default, str) != (kind in ("string", "timestamp"))
        ):
            message = f"default {show(default)} is not of the field's type, {kind}"
            yield Finding("event", (*route, "default"), message)


def field_error(files: Files) -> Iterator[Finding]:
    """A field's error is no error code of sdk.yaml."""
    codes = files.names("sdk", "errors")
    for route, code in files.each("event", "fields/*/error", str):
        if code not in codes:
            message = f"unknown error code {quote(code)}: {suggestion(code, codes)}"
            yield Finding("event", route, message)


def log_keys(files: Files) -> Iterator[Finding]:
    """The level and the message of log() have one key."""
    if files.one("event", "log/level_key", str) == files.one("event", "log/message_key", str):
        message = "level and message have the same key: one would overwrite the other"
        yield Finding("event", ("log", "message_key"), message)


def _of(field: Any, key: str) -> Any:
    return field.get(key) if isinstance(field, dict) else None


def _is_json_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False
