"""The queries of the HTTP API: checked here, so that a mistake costs no request."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from typing import Any, cast
from uuid import UUID

from ._describe import describe_value
from ._usage_answer import UsageError

_EXPECTED = {
    "text": "a string",
    "integer": "an integer",
    "boolean": "a bool",
    "time": "a datetime with an offset from UTC, or a string",
    "bound": "a date, a datetime with an offset from UTC, or a string",
    "list": "a string, or a list of at least one",
    "keys": "a mapping of keys to a string, or to a list of at least one",
}


def query_of(
    query: Mapping[str, Any] | None, parameters: Mapping[str, str]
) -> tuple[tuple[str, str], ...]:
    """Returns the parameters of a query as they are sent; what is None is left out.

    Args:
        query: the values by name.
        parameters: what each parameter is that may be asked.

    Raises:
        UsageError: there is no such parameter, or it cannot have the value.
    """
    given: Any = {} if query is None else query
    if not isinstance(given, Mapping):
        raise UsageError.local(
            [("query", f"expected a mapping, got {describe_value(given)}", None)]
        )
    problems: list[tuple[str, str, int | None]] = []
    found: list[tuple[str, str]] = []
    for name, value in cast("Mapping[str, Any]", given).items():
        kind = parameters.get(name)
        if kind is None:
            problems.append((name, f"no such parameter, use one of {', '.join(parameters)}", None))
        elif value is not None:
            try:
                found += _ENCODERS[kind](name, value)
            except TypeError:
                got = describe_value(value)
                problems.append((name, f"expected {_EXPECTED[kind]}, got {got}", None))
    if problems:
        raise UsageError.local(problems)
    return tuple(found)


def _text(name: str, value: Any) -> Iterator[tuple[str, str]]:
    yield name, _one(value)


def _integer(name: str, value: Any) -> Iterator[tuple[str, str]]:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError
    yield name, str(value)


def _boolean(name: str, value: Any) -> Iterator[tuple[str, str]]:
    if not isinstance(value, bool):
        raise TypeError
    yield name, "true" if value else "false"


def _time(name: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, date) and not isinstance(value, datetime):
        raise TypeError
    yield from _bound(name, value)


def _bound(name: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, datetime) and value.utcoffset() is None:
        raise TypeError
    yield name, value.isoformat() if isinstance(value, date) else _one(value)


def _list(name: str, value: Any) -> Iterator[tuple[str, str]]:
    if not isinstance(value, (list, tuple, set, frozenset)):
        yield name, _alone(_one(value))
        return
    values = [_one(each) for each in cast("list[Any]", value)]
    if not values:  # nothing is asked for, which without the parameter would be everything
        raise TypeError
    for each in values:
        yield name, each if len(values) > 1 else _alone(each)


def _keys(name: str, value: Any) -> Iterator[tuple[str, str]]:
    if not isinstance(value, Mapping):
        raise TypeError
    for key, each in cast("Mapping[str, Any]", value).items():
        yield from _list(f"{name}.{key}", each)


def _one(value: Any) -> str:
    if not isinstance(value, (str, int, UUID)) or isinstance(value, bool):
        raise TypeError
    return str(value)


def _alone(text: str) -> str:
    """Returns a value that is the only one, which the API would split at commas, as CSV has it."""
    if any(each in text for each in ',"\r\n'):
        return f'"{text.replace(chr(34), chr(34) * 2)}"'
    return text


_ENCODERS: Mapping[str, Callable[[str, Any], Iterator[tuple[str, str]]]] = {
    "text": _text,
    "integer": _integer,
    "boolean": _boolean,
    "time": _time,
    "bound": _bound,
    "list": _list,
    "keys": _keys,
}
