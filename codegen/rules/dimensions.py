"""Rules on dimensions: the optional fields that an event lacks if they are not given."""

from __future__ import annotations

from collections.abc import Iterator

from codegen.diagnostics import listing, quote, suggestion
from codegen.model import Data, is_dimension
from codegen.naming import LANGUAGES, OWN_PARAMETERS
from codegen.rules.files import Files, Finding, attribute
from codegen.source import Route

# The limits without which a field could be of any size; an event must fit into the spool.
_REQUIRED = {
    "string": ("max_length",),
    "number": ("minimum", "maximum"),
    "integer": ("minimum", "maximum"),
    "json": ("max_bytes",),
    "enum": ("values",),
    "list": ("max_items", "max_length", "max_bytes"),
}
_TYPES = ("string", "number", "integer", "boolean", "json", "timestamp", "uuid", "enum", "list")
_ONLY_DIMENSIONS = ("boolean", "uuid", "enum", "list")
_FORBIDDEN = (
    *("nullable", "default", "constant_per", "catalog", "error", "required_error"),
    *("oversize", "too_deep", "max_depth"),
)
_KEYS = ("calls", "excludes", "dependent_required", "when_not_zero", "billed")
_LARGEST_INTEGER = 2**53 - 1


def _each(files: Files) -> Iterator[tuple[Route, Data, bool]]:
    """Yields every field, and whether it is a dimension."""
    arguments = {name for _, name in files.each("event", "call/*/*", str)}
    for route, field in files.each("event", "fields/*", dict):
        yield route, field, is_dimension(str(route[-1]), field, arguments)


def dimension_shape(files: Files) -> Iterator[Finding]:
    """A dimension has what only other fields have, or another field what only dimensions have."""
    for route, field, dimension in _each(files):
        kind = field.get("type")
        if dimension:
            yield from _shape(route, field)
            continue
        for key in _KEYS:
            if key in field:
                message = f"only an optional field that is no argument of `call` has {key}"
                yield Finding("event", (*route, key), f"{message}: remove it", at_key=True)
        if kind in _ONLY_DIMENSIONS:
            message = f"only an optional field that is no argument of `call` has type {kind}"
            yield Finding("event", (*route, "type"), message)


def _shape(route: Route, field: Data) -> Iterator[Finding]:
    kind = str(field.get("type"))
    by_client = field.get("set_by") == "client"
    allowed = ("string",) if by_client else _TYPES
    if kind == "flag" or (by_client and kind not in allowed):
        message = f"an optional field set by the {field.get('set_by')} cannot have type {kind}"
        yield Finding("event", (*route, "type"), f"{message}: expected {listing(allowed)}")
    forbidden = (*_FORBIDDEN, *(_KEYS[:-1] if by_client else _KEYS[-1:]))
    for key in forbidden:
        if key in field:
            message = f"a field that may be absent has no {key}: remove it"
            yield Finding("event", (*route, key), message, at_key=True)
    for key in _REQUIRED.get(kind, ()):
        if key not in field:
            message = f"an optional {kind} must have {key}, which bounds the size of an event"
            yield Finding("event", route, f"{message}: add it", at_key=True)
    if kind in ("number", "integer"):
        least, most = field.get("minimum"), field.get("maximum")
        if isinstance(least, int | float) and least < 0:
            message = f"minimum {least} is below 0: usage has no negative amounts"
            yield Finding("event", (*route, "minimum"), message)
        if kind == "integer" and isinstance(most, int | float) and most > _LARGEST_INTEGER:
            message = f"maximum {most} is above {_LARGEST_INTEGER}, the largest exact double"
            yield Finding("event", (*route, "maximum"), message)


def dimension_order(files: Files) -> Iterator[Finding]:
    """A field that every event has follows a dimension, or one of the client one of the caller."""
    last: tuple[int, Route] | None = None
    for route, field, dimension in _each(files):
        rank = 0 if not dimension else 1 if field.get("set_by") == "client" else 2
        if last is not None and rank < last[0]:
            message = (
                f"{quote(str(route[-1]))} must be before {quote(str(last[1][-1]))}: the fields of"
                " every event come first, then optional ones of the client, then those of calls"
            )
            yield Finding("event", route, message, at_key=True)
        else:
            last = rank, route


def dimension_relation(files: Files) -> Iterator[Finding]:
    """A field excludes or requires one that does not exist or cannot be left out."""
    fields = files.one("event", "fields", dict)
    optional = {
        str(route[-1])
        for route, field, dimension in _each(files)
        if dimension and field.get("set_by") == "caller"
    }
    arguments = {name for _, name in files.each("event", "call/*/*", str)}
    nullable = {name for name in arguments if attribute(fields.get(name), "nullable") is True}
    for key, allowed in (("excludes", optional | nullable), ("dependent_required", optional)):
        for route, name in files.each("event", f"fields/*/{key}/*", str):
            if name == route[1]:
                message = f"{quote(name)} names itself: remove it"
            elif name not in allowed:
                message = f"{quote(name)} is no field that a call may leave out"
                message += f": {suggestion(name, sorted(allowed - {str(route[1])}))}"
            else:
                continue
            yield Finding("event", route, message)
    for route, field in files.each("event", "fields/*", dict):
        if "when_not_zero" not in field:
            continue
        if field.get("type") not in ("number", "integer") or "dependent_required" not in field:
            message = "when_not_zero needs a number with dependent_required: remove it"
            yield Finding("event", (*route, "when_not_zero"), message, at_key=True)


def dimension_code(files: Files) -> Iterator[Finding]:
    """A dimension's error code, setting or argument is the name of another one."""
    codes, settings = files.names("sdk", "errors"), files.names("sdk", "settings")
    options = _go_options(files)
    for route, field, dimension in _each(files):
        name = str(route[-1])
        if not dimension:
            continue
        if name in OWN_PARAMETERS:
            message = f"{quote(name)} is already a parameter of the calls: choose another name"
            yield Finding("event", route, message, at_key=True)
            continue
        if field.get("set_by") == "client":
            taken = {name: ("settings", name)} if name in settings else {}
        else:
            own = (f"{name}.invalid", f"{name}.required")
            taken = {code: ("errors", code) for code in own if code in codes}
            option = LANGUAGES["go"].argument(name)
            taken |= {option: ("settings", options[option])} if option in options else {}
        for entry, place in taken.items():
            message = f"field {quote(name)} makes its own {quote(entry)}: rename one of the two"
            other = ("the other is at", "sdk", place)
            yield Finding("event", route, message, at_key=True, other=other)


def _go_options(files: Files) -> dict[str, str]:
    """Returns the settings by the option of a client, which may not be that of a call as well."""
    found = {}
    for route, setting in files.each("sdk", "settings/*", dict):
        arguments = setting.get("arguments")
        given = arguments.get("go") if isinstance(arguments, dict) else None
        name = str(route[-1])
        found[given if isinstance(given, str) else LANGUAGES["go"].argument(name)] = name
    return found
