"""The tables of the fields: dimensions as rows, and limits as constants."""

from __future__ import annotations

from collections.abc import Iterator

from codegen import phrases
from codegen.model import Field, Model
from codegen.naming import LANGUAGES
from codegen.targets.python.literals import literal

_PYTHON = LANGUAGES["python"]


def row(field: Field) -> str:
    """Returns the arguments of a row of the table of dimensions; durations in milliseconds."""
    named = {
        **phrases.limits(field),
        "values": field.values,
        "excludes": field.excludes,
        "requires": field.dependent_required,
        "when_not_zero": field.when_not_zero,
        "billed": field.billed,
    }
    arguments = [literal(field.name), literal(field.type)]
    if field.set_by == "caller":
        arguments.append(f"calls={literal(field.calls)}")
    arguments += [
        f"{name}={literal(value)}"
        for name, value in named.items()
        if value not in ((), False) and name not in phrases.DURATIONS
    ]
    return ", ".join(arguments)


def per_call(model: Model) -> Iterator[tuple[str, str]]:
    """Yields the name and lengths, as literals, of what a call may set in place of the client."""
    for field in model.event.fields:
        if field.per_call:
            lengths = phrases.limits(field)
            yield literal(field.name), literal((lengths["min_length"], lengths["max_length"]))


def limits(model: Model) -> Iterator[tuple[str, str]]:
    """Yields the name and literal of every limit of every field, durations in milliseconds."""
    for field in model.event.fixed:
        name = _PYTHON.constant(field.name)
        if field.default is not None:
            yield f"{name}_DEFAULT", literal(field.default)
        for limit, value in phrases.limits(field).items():
            if limit not in phrases.DURATIONS:
                yield f"{name}_{limit.upper()}", literal(value)
    yield "BLANK", ascii(model.event.blank)
