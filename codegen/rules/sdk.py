"""Rules on sdk.yaml: settings and error codes."""

from __future__ import annotations

import math
import string
from collections.abc import Iterator, Sequence
from typing import Any

from codegen.diagnostics import listing, quote, show, suggestion
from codegen.naming import LANGUAGES
from codegen.rules.event import LIMITS
from codegen.rules.files import Files, Finding, number
from codegen.rules.names import title
from codegen.source import Route

_PLACEHOLDERS = ("parameter", "given", "hint", "product")
_HTTP_PLACEHOLDERS = ("parameter", "given", "hint")
_KINDS: dict[str, type] = {
    "string": str,
    "list": str,
    "choice": str,
    "integer": int,
    "boolean": bool,
}


def error_field(files: Files) -> Iterator[Finding]:
    """An error's field is not a field of the event."""
    fields = files.names("event", "fields")
    for route, name in files.each("sdk", "errors/*/field", str):
        if name not in fields:
            message = f"{quote(name)} is not a field of the event: {suggestion(name, fields)}"
            yield Finding("sdk", route, message)


def error_text(files: Files) -> Iterator[Finding]:
    """An error's text has an unknown placeholder, or one with a format."""
    fields = files.one("event", "fields", dict)
    for route, text in files.each("sdk", "errors/*/text", str):
        name = files.sources["sdk"].data["errors"][route[1]].get("field")
        field = fields.get(name) if isinstance(name, str) else None
        kind = field.get("type") if isinstance(field, dict) else None
        limits = [
            key for key in LIMITS.get(str(kind), ()) if isinstance(field, dict) and key in field
        ]
        yield from _unknown_placeholders(route, text, [*_PLACEHOLDERS, *limits])


def _unknown_placeholders(route: Route, text: object, allowed: Sequence[str]) -> Iterator[Finding]:
    if not isinstance(text, str):
        return
    try:
        placeholders = list(string.Formatter().parse(text))
    except ValueError:
        message = f"unbalanced brace: expected {{name}}, with the name {listing(allowed)}"
        yield Finding("sdk", route, message)
        return
    for _, name, form, conversion in placeholders:
        if name is not None and name not in allowed:
            hint = suggestion(name, allowed)
            yield Finding("sdk", route, f"unknown placeholder {{{name}}}: {hint}")
        elif form or conversion:
            message = f"placeholder {{{name}}} must not have a format: remove ! and :"
            yield Finding("sdk", route, message)


def http_code(files: Files) -> Iterator[Finding]:
    """An HTTP status is for no code that rejects, or an HTTP error has the code of another."""
    errors = files.one("sdk", "errors", dict)
    rejecting = [
        name
        for name, error in errors.items()
        if isinstance(error, dict) and error.get("outcome") == "rejected"
    ]
    for route, _ in files.each("sdk", "http/statuses/*", int):
        if (code := str(route[-1])) not in rejecting:
            message = f"{quote(code)} is not a code that rejects: {suggestion(code, rejecting)}"
            yield Finding("sdk", route, message, at_key=True)
    for route, error in files.each("sdk", "http/errors/*", dict):
        if route[-1] in errors:
            message = f"{quote(str(route[-1]))} is an error code already: choose another name"
            yield Finding(
                "sdk", route, message, True, other=("it is at", "sdk", ("errors", route[-1]))
            )
        yield from _unknown_placeholders((*route, "text"), error.get("text"), _HTTP_PLACEHOLDERS)


def setting_limits(files: Files) -> Iterator[Finding]:
    """A setting has limits that its type does not support, or contradictory limits."""
    for route, setting in files.each("sdk", "settings/*", dict):
        kind = str(setting.get("type"))
        if kind not in _KINDS:
            continue
        for key, of in (("minimum", "integer"), ("maximum", "integer"), ("choices", "choice")):
            if key in setting and kind != of:
                message = f"{key} requires a setting of type {of}; this one has type {kind}"
                yield Finding("sdk", (*route, key), message, at_key=True)
            elif key not in setting and kind == of == "integer":
                message = f"an integer must have both limits: add its {key}"
                yield Finding("sdk", route, message, at_key=True)
        least, most = _limits(setting)
        if least > most:
            message = f"maximum {most} is below the minimum {least}"
            yield Finding("sdk", (*route, "maximum"), message)


def setting_default(files: Files) -> Iterator[Finding]:
    """A setting's default does not match its type, its limits or its choices."""
    for route, setting in files.each("sdk", "settings/*", dict):
        defaults = setting.get("defaults")
        places: dict[tuple[str, ...], Any] = {("default",): setting.get("default")}
        if isinstance(defaults, dict):
            places |= {("defaults", language): value for language, value in defaults.items()}
        for place, default in places.items():
            message = _bad_default(setting, default)
            if message:
                yield Finding("sdk", (*route, *place), message)


def _bad_default(setting: dict[str, Any], default: Any) -> str | None:
    kind = str(setting.get("type"))
    if default is None or kind not in _KINDS:
        return None
    if setting.get("required") is True:
        return "a required setting cannot have a default: remove one of the two"
    if type(default) is not _KINDS[kind]:
        wanted = {int: "a whole number", bool: "true or false", str: "text"}[_KINDS[kind]]
        return f"default {show(default)} does not match the type {kind}: expected {wanted}"
    choices = setting.get("choices")
    if kind == "choice" and isinstance(choices, list) and default not in choices:
        names = [str(choice) for choice in choices]
        return (
            f"default {show(default)} is not one of the choices: {suggestion(str(default), names)}"
        )
    least, most = _limits(setting)
    if isinstance(default, int) and least <= most and not least <= default <= most:
        return f"default {default} is outside the limits {least} to {most}"
    return None


def _limits(setting: dict[str, Any]) -> tuple[int | float, int | float]:
    return number(setting.get("minimum"), -math.inf), number(setting.get("maximum"), math.inf)


def duplicate_argument(files: Files) -> Iterator[Finding]:
    """A setting's argument is another setting's or the client's, or a reserved word."""
    for language in LANGUAGES.values():
        first: dict[str, Route] = {}
        for route, setting in files.each("sdk", "settings/*", dict):
            arguments = setting.get("arguments")
            given = arguments.get(language.name) if isinstance(arguments, dict) else None
            name = given if isinstance(given, str) else language.argument(str(route[-1]))
            place = (*route, "arguments", language.name) if given else route
            same = first.setdefault(name, route)
            if same != route:
                message = f"{name} is the argument of two settings in {title(language)}: rename one"
                yield Finding("sdk", place, message, True, other=("the other is at", "sdk", same))
            elif name in language.client:
                message = f"{name} is an argument of every client in {title(language)}"
                yield Finding("sdk", place, f"{message}: choose another name", True)
            elif name in language.reserved:
                message = (
                    f"{quote(name)} is a reserved word of {title(language)}: choose another name"
                )
                yield Finding("sdk", place, message, True)


def duplicate_path(files: Files) -> Iterator[Finding]:
    """Two packages have the same directory."""
    first: dict[str, Route] = {}
    for route, path in files.each("sdk", "packages/*/path", str):
        same = first.setdefault(path, route)
        if same != route:
            message = f"two packages are in {quote(path)}: give each its own directory"
            yield Finding("sdk", route, message, other=("the other is at", "sdk", same))


def duplicate_property(files: Files) -> Iterator[Finding]:
    """Two settings map to the same librdkafka property."""
    first: dict[str, Route] = {}
    for route, name in files.each("sdk", "settings/*/librdkafka", str):
        same = first.setdefault(name, route)
        if same != route:
            message = f"two settings map to librdkafka's {name}: remove one"
            yield Finding("sdk", route, message, other=("the other is at", "sdk", same))
