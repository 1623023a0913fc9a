"""Rules on event.yaml: the fields, and the arguments of record()."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

from codegen.diagnostics import listing, quote, show, suggestion
from codegen.model import is_dimension
from codegen.naming import OWN_PARAMETERS
from codegen.rules.files import Files, Finding, attribute, is_exact, number

# The limits of each field type; event.schema.json describes them.
LIMITS: dict[str, tuple[str, ...]] = {
    "string": ("min_length", "max_length"),
    "number": ("minimum", "maximum", "max_digits"),
    "integer": ("minimum", "maximum"),
    "flag": (),
    "boolean": (),
    "json": ("max_bytes", "max_depth", "oversize", "too_deep"),
    "timestamp": ("ahead", "behind"),
    "uuid": (),
    "enum": ("values",),
    "list": ("min_items", "max_items", "min_length", "max_length", "max_bytes"),
}
_ALL_LIMITS = {limit for limits in LIMITS.values() for limit in limits}
_FROM_CALLERS = ("string", "number", "json", "timestamp")
# For each part of the catalog: the type of the field that carries it, and who sets that field.
_CATALOG_PARTS = {
    "product": ("string", "caller"),
    "metric_type": ("string", "caller"),
    "status": ("string", "caller"),
    "billable": ("flag", "catalog"),
    "quantity": ("number", "caller"),
    "metadata": ("json", "caller"),
}
_NEVER_OPTIONAL = ("product", "metric_type")


def call_field(files: Files) -> Iterator[Finding]:
    """The call's arguments are not exactly the fields that the caller sets."""
    fields = files.one("event", "fields", dict)
    callers = [name for name, field in fields.items() if attribute(field, "set_by") == "caller"]
    named: dict[str, Any] = {}
    for route, name in files.each("event", "call/*/*", str):
        if name not in fields:
            message = f"argument {quote(name)} is not a field: {suggestion(name, callers)}"
            yield Finding("event", route, message)
        elif name not in callers:
            setter = attribute(fields[name], "set_by")
            message = f"field {quote(name)} is set by {setter}: expected a field set by the caller"
            yield Finding("event", route, message)
        elif named.setdefault(name, route) != route:
            yield Finding("event", route, f"argument {quote(name)} appears twice: remove one")
        elif name in OWN_PARAMETERS:
            message = f"{quote(name)} is already a parameter of the calls: choose another name"
            yield Finding("event", route, message)
        elif attribute(fields[name], "type") in ("flag", "integer"):
            message = f"argument {quote(name)} has type {attribute(fields[name], 'type')}"
            hint = f"expected {listing(_FROM_CALLERS)}"
            yield Finding("event", route, f"{message}: {hint}")
    for name in callers:
        if name not in named and attribute(fields[name], "optional") is not True:
            message = (
                f"field {quote(name)} is set by the caller, but it is not an argument of the call:"
                " add it to `call`, or make it optional"
            )
            yield Finding("event", ("fields", name), message, at_key=True)


def call_order(files: Files) -> Iterator[Finding]:
    """A required argument follows an optional one."""
    fields = files.one("event", "fields", dict)
    optional = None
    for route, name in files.each("event", "call/positional/*", str):
        if attribute(fields.get(name), "optional") is True:
            optional = name
        elif optional is not None and name in fields:
            message = f"required argument {quote(name)} follows the optional {quote(optional)}"
            yield Finding("event", route, f"{message}: move it before")


def catalog_field(files: Files) -> Iterator[Finding]:
    """A part of the catalog is not carried by exactly one field."""
    fields = files.one("event", "fields", dict)
    for part in _CATALOG_PARTS:
        holders = [name for name, field in fields.items() if attribute(field, "catalog") == part]
        if not holders and _is_needed(files, part):
            message = f"no field has `catalog: {part}`: exactly one must have it"
            yield Finding("event", ("fields",), message, at_key=True)
        for name in holders[1:]:
            message = f"a second field has `catalog: {part}`: exactly one must have it"
            other = ("the first is at", "event", ("fields", holders[0]))
            yield Finding("event", ("fields", name, "catalog"), message, other=other)


def _is_needed(files: Files, part: str) -> bool:
    """Reports whether a field is needed: quantity and metadata only if a metric type has a rule."""
    pattern = f"products/*/metric_types/*/{part}"
    return part not in ("quantity", "metadata") or any(files.each("catalog", pattern, dict))


def field_role(files: Files) -> Iterator[Finding]:
    """A field cannot carry its part of the catalog, or has none although the catalog sets it."""
    for route, field in files.each("event", "fields/*", dict):
        part, kind = str(field.get("catalog")), str(field.get("type"))
        if part in _CATALOG_PARTS and kind in LIMITS:
            wanted, setter = _CATALOG_PARTS[part]
            if (kind, field.get("set_by")) != (wanted, setter):
                message = f"the field of {part} must be a {wanted} set by the {setter}"
                yield Finding("event", (*route, "catalog"), message)
        if part in _NEVER_OPTIONAL and field.get("optional") is True:
            message = f"a {part} cannot be optional: remove this"
            yield Finding("event", (*route, "optional"), message, at_key=True)
        if part == "quantity" and not {"minimum", "maximum"} <= field.keys():
            message = "a quantity must have both limits: add minimum and maximum"
            yield Finding("event", (*route, "catalog"), message)
        if field.get("set_by") == "catalog" and part != "billable":
            message = "the catalog sets only the field of `catalog: billable`"
            yield Finding("event", (*route, "set_by"), message)


def field_limits(files: Files) -> Iterator[Finding]:
    """A field has a limit that its type does not support, or contradictory limits."""
    for route, field in files.each("event", "fields/*", dict):
        kind = str(field.get("type"))
        if kind not in LIMITS:
            continue
        allowed = LIMITS[kind]
        for limit in _ALL_LIMITS & field.keys():
            if limit not in allowed:
                hint = f"expected {listing(allowed)}" if allowed else "remove it"
                message = f"type {kind} has no {limit}: {hint}"
                yield Finding("event", (*route, limit), message, at_key=True)
        for limit in ("minimum", "maximum"):
            if not is_exact(number(field.get(limit), 0)):
                message = f"{field[limit]} is not exact as a double: choose a number near it"
                yield Finding("event", (*route, limit), message)
        pairs = (("min_length", "max_length"), ("minimum", "maximum"), ("min_items", "max_items"))
        for least, most in pairs:
            if number(field.get(most), math.inf) < number(field.get(least), -math.inf):
                message = f"{most} {field[most]} is below {least} {field[least]}"
                yield Finding("event", (*route, most), message)


def field_default(files: Files) -> Iterator[Finding]:
    """A field's default does not match its type or its limits."""
    for route, field in files.each("event", "fields/*", dict):
        default, kind = field.get("default"), str(field.get("type"))
        if kind == "json":
            for key in ("default", "oversize"):
                text = field.get(key)
                if isinstance(text, str) and not _is_json_object(text):
                    yield Finding("event", (*route, key), f"{quote(text)} is not a JSON object")
        elif isinstance(default, int | float) and kind in ("number", "integer"):
            least = number(field.get("minimum"), -math.inf)
            most = number(field.get("maximum"), math.inf)
            if not least <= default <= most:
                message = f"default {default} is outside the field's limits"
                yield Finding("event", (*route, "default"), message)
        elif (
            default is not None
            and kind in LIMITS
            and isinstance(default, str) != (kind in ("string", "timestamp"))
        ):
            message = f"default {show(default)} does not match the field's type {kind}"
            yield Finding("event", (*route, "default"), message)


def field_error(files: Files) -> Iterator[Finding]:
    """A field's error is not an error code of sdk.yaml, or a field lacks a required one."""
    codes = files.names("sdk", "errors")
    for key in ("error", "required_error"):
        for route, code in files.each("event", f"fields/*/{key}", str):
            if code not in codes:
                message = f"unknown error code {quote(code)}: {suggestion(code, codes)}"
                yield Finding("event", route, message)
    arguments = {name for _, name in files.each("event", "call/*/*", str)}
    for route, field in files.each("event", "fields/*", dict):
        if is_dimension(str(route[-1]), field, arguments):
            continue
        if field.get("set_by") == "caller" and "error" not in field:
            message = f"field {quote(str(route[-1]))} is set by the caller: add its `error`"
            yield Finding("event", route, message, at_key=True)
        if (field.get("catalog") == "metadata") != ("required_error" in field):
            message = "exactly the field of `catalog: metadata` must have a `required_error`"
            yield Finding("event", route, message, at_key=True)


def per_call(files: Files) -> Iterator[Finding]:
    """A field that calls may set for their own event is not one that the client sets."""
    for route, field in files.each("event", "fields/*", dict):
        if field.get("per_call") is True and field.get("set_by") != "client":
            message = "only a field with `set_by: client` has per_call: remove it"
            yield Finding("event", (*route, "per_call"), message, at_key=True)


def log_keys(files: Files) -> Iterator[Finding]:
    """The level and the message of log() have the same key."""
    if files.one("event", "log/level_key", str) == files.one("event", "log/message_key", str):
        message = "level and message have the same key: one would overwrite the other"
        yield Finding("event", ("log", "message_key"), message)


def _is_json_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False
