"""Rules on event.yaml: the fields, and the arguments of record()."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

from codegen.diagnostics import listing, quote, show, suggestion
from codegen.naming import OWN_PARAMETERS
from codegen.rules.files import Files, Finding, is_exact, number

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
_FROM_CALLERS = ("string", "number", "json", "timestamp")
# Of each part of the catalog: the type of the field that carries it, and who sets that field.
_CATALOG_PARTS = {
    "product": ("string", "caller"),
    "metric_type": ("string", "caller"),
    "status": ("string", "caller"),
    "billable": ("flag", "catalog"),
    "quantity": ("number", "caller"),
    "metadata": ("json", "caller"),
}
_NEVER_LEFT_OUT = ("product", "metric_type")


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
        elif name in OWN_PARAMETERS:
            message = f"{quote(name)} is a parameter that the calls already have: choose another"
            yield Finding("event", route, message)
        elif _of(fields[name], "type") in ("flag", "integer"):
            message = f"argument {quote(name)} is of type {_of(fields[name], 'type')}"
            hint = f"a caller gives {listing(_FROM_CALLERS)}"
            yield Finding("event", route, f"{message}: {hint}")
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
    """A part of the catalog is not carried by exactly one field."""
    fields = files.one("event", "fields", dict)
    for part in _CATALOG_PARTS:
        holders = [name for name, field in fields.items() if _of(field, "catalog") == part]
        if not holders and _is_needed(files, part):
            message = f"no field has `catalog: {part}`: exactly one must"
            yield Finding("event", ("fields",), message, at_key=True)
        for name in holders[1:]:
            message = f"a second field has `catalog: {part}`: exactly one must"
            other = ("the first is at", "event", ("fields", holders[0]))
            yield Finding("event", ("fields", name, "catalog"), message, other=other)


def _is_needed(files: Files, part: str) -> bool:
    """Quantities and metadata need a field only where a metric type has a rule on them."""
    pattern = f"products/*/metric_types/*/{part}"
    return part not in ("quantity", "metadata") or any(files.each("catalog", pattern, dict))


def field_role(files: Files) -> Iterator[Finding]:
    """A field cannot carry the part of the catalog that it names, or is set by none."""
    for route, field in files.each("event", "fields/*", dict):
        part, kind = str(field.get("catalog")), str(field.get("type"))
        if part in _CATALOG_PARTS and kind in LIMITS:
            wanted, setter = _CATALOG_PARTS[part]
            if (kind, field.get("set_by")) != (wanted, setter):
                message = f"the field of {part} must be a {wanted} that is set by the {setter}"
                yield Finding("event", (*route, "catalog"), message)
        if part in _NEVER_LEFT_OUT and field.get("optional") is True:
            message = f"nothing stands for a {part} that a caller leaves out: take this away"
            yield Finding("event", (*route, "optional"), message, at_key=True)
        if part == "quantity" and not {"minimum", "maximum"} <= field.keys():
            message = "what metric types narrow has both limits: add minimum and maximum"
            yield Finding("event", (*route, "catalog"), message)
        if field.get("set_by") == "catalog" and part != "billable":
            message = "the catalog sets nothing but the field of `catalog: billable`"
            yield Finding("event", (*route, "set_by"), message)


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
        for limit in ("minimum", "maximum"):
            if not is_exact(number(field.get(limit), 0)):
                message = f"no double is exactly {field[limit]}: choose one near it"
                yield Finding("event", (*route, limit), message)
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
    """A field's error is no error code of sdk.yaml, or a field that needs one has none."""
    codes = files.names("sdk", "errors")
    for key in ("error", "required_error"):
        for route, code in files.each("event", f"fields/*/{key}", str):
            if code not in codes:
                message = f"unknown error code {quote(code)}: {suggestion(code, codes)}"
                yield Finding("event", route, message)
    for route, field in files.each("event", "fields/*", dict):
        if field.get("set_by") == "caller" and "error" not in field:
            message = f"field {quote(str(route[-1]))} is set by the caller: add the `error` of a"
            yield Finding("event", route, f"{message} bad value", at_key=True)
        if (field.get("catalog") == "metadata") != ("required_error" in field):
            message = "the field of `catalog: metadata`, and no other, has a `required_error`"
            yield Finding("event", route, message, at_key=True)


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
