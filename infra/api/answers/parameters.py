"""Parses the query of a request by the generated table of parameters."""

from __future__ import annotations

import argparse
import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from typing import Any, TypeVar
from zoneinfo import ZoneInfo, available_timezones

from eka_usage import find_event_type

from infra.api.errors import AnswerError, shown
from infra.api.parameter import Parameter, Read
from infra.sink import arguments as argument
from infra.sink._generated.fields import ACCOUNT, FIRST_YEAR, LAST_YEAR, METRIC_TYPE, PRODUCT
from infra.sink.usage.query import DIMENSIONS, EVENT_TYPE, METADATA, Dimension, Filter

_PREFIX = f"{METADATA}."
_FILTERS = (PRODUCT, METRIC_TYPE, *DIMENSIONS)
_FORMAT = "format"
_MOST_VALUES = 1_000
_CAPITAL = re.compile(r"(?<=[a-z0-9])[A-Z]")
_MILLISECONDS = re.compile(r"-?[0-9]{5,16}", re.ASCII)
_INTEGER = re.compile(r"[0-9]{1,12}", re.ASCII)


_Bound = TypeVar("_Bound", date, datetime)


@dataclass(frozen=True, slots=True)
class Parameters:
    """What a request asks.

    Attributes:
        values: by the names of the table, those that are not given with their default or None.
        accounts: those that are named; None if none is.
        filters: by dimensions.
        format: of the answer.
    """

    values: Mapping[str, Any]
    accounts: tuple[str, ...] | None
    filters: tuple[Filter, ...]
    format: str


def parse(read: Read, given: Sequence[tuple[str, str]], accept: str = "") -> Parameters:
    """Returns the parameters of a query, whose names may be in camelCase.

    Args:
        read: what is asked.
        given: names and values, as often as they occur.
        accept: the media types that the client accepts.

    Raises:
        AnswerError: a name or a value is not one of the table.
    """
    if len(given) > _MOST_VALUES:
        raise _invalid("query", f"it has more than {_MOST_VALUES:,} values")
    texts: dict[str, list[str]] = {}
    for name, text in given:
        texts.setdefault(_name(name), []).append(text)
    form = _form(read, texts.pop(_FORMAT, []), accept)
    accounts = _several(texts.pop(ACCOUNT)) if read.account and ACCOUNT in texts else None
    values: dict[str, Any] = {
        name: _typed(name, parameter, texts.pop(name, []))
        for name, parameter in read.parameters.items()
    }
    filters = []
    for name, found in texts.items():
        if not read.filters or not (name in _FILTERS or (METADATA and name.startswith(_PREFIX))):
            raise AnswerError.of("parameter.unknown", given=shown(name), hint=_known(read))
        filters.append(Filter(Dimension.parse(name), _several(found)))
    if values.get(EVENT_TYPE):
        types = tuple(_event_type(each) for each in values[EVENT_TYPE])
        filters.append(Filter(Dimension(EVENT_TYPE), types))
    return Parameters(values, accounts, tuple(filters), form)


def as_instant(bound: date | datetime | None, zone: ZoneInfo | None) -> date | datetime | None:
    """Returns a bound, a date as the instant at which it begins in a zone, if there is one."""
    if zone is None or bound is None or isinstance(bound, datetime):
        return bound
    return datetime(bound.year, bound.month, bound.day, tzinfo=zone).astimezone(UTC)


def accounts_of(
    allowed: Sequence[str] | None, named: Iterable[str] | None
) -> tuple[str, ...] | None:
    """Returns the accounts to read, None for all, of those that a key may read.

    Raises:
        AnswerError: one is named that the key may not read.
    """
    if named is None:
        return None if allowed is None else tuple(allowed)
    found = tuple(dict.fromkeys(named))
    for each in found:
        if allowed is not None and each not in allowed:
            raise AnswerError.of("workspace.unknown", given=shown(each))
    return found


def _name(name: str) -> str:
    if name.startswith(_PREFIX):
        return name
    return _CAPITAL.sub(lambda found: f"_{found[0].lower()}", name)


def _known(read: Read) -> str:
    names = [*read.parameters, *([ACCOUNT] if read.account else [])]
    if read.filters:
        names += [*_FILTERS, *([f"{_PREFIX}KEY"] if METADATA else [])]
    names += [_FORMAT] if len(read.formats) > 1 else []
    return f"use one of {', '.join(names)}" if names else "this path has none"


def _form(read: Read, given: list[str], accept: str) -> str:
    if given:
        if len(given) > 1 or given[0] not in read.formats:
            raise _invalid(_FORMAT, f"must be one of {', '.join(read.formats)}")
        return given[0]
    return "csv" if "csv" in read.formats and "text/csv" in accept.lower() else read.formats[0]


def _several(given: Sequence[str]) -> tuple[str, ...]:
    """Returns the values: one text has several, separated by commas, as CSV has them."""
    if len(given) > 1:
        return tuple(given)
    try:
        values: list[str] = next(csv.reader(given, strict=True), [])
        return tuple(values) or ("",)
    except csv.Error:
        return tuple(given)


def _typed(name: str, parameter: Parameter, given: Sequence[str]) -> Any:
    if parameter.repeated:
        return _several(given) if given else ()
    if not given:
        return parameter.default
    if len(given) > 1:
        raise _invalid(name, "it is given twice")
    [text] = given
    if parameter.choices and text not in parameter.choices:
        raise _invalid(name, f"must be one of {', '.join(parameter.choices)}, got {shown(text)}")
    try:
        return _READ[parameter.type](text, parameter)
    except (argparse.ArgumentTypeError, ValueError) as error:
        raise _invalid(name, str(error)) from None


def _integer(text: str, parameter: Parameter) -> int:
    least, most = parameter.minimum or 0, parameter.maximum or 0
    if not _INTEGER.fullmatch(text) or not least <= int(text) <= most:
        raise ValueError(f"must be a whole number from {least:,} to {most:,}, got {shown(text)}")
    return int(text)


def _boolean(text: str, _: Parameter) -> bool:
    if text not in {"true", "false"}:
        raise ValueError(f"must be true or false, got {shown(text)}")
    return text == "true"


def _time(text: str, _: Parameter) -> datetime:
    if _MILLISECONDS.fullmatch(text):
        try:
            found = datetime.fromtimestamp(int(text) / 1000, UTC)
        except (OverflowError, OSError, ValueError):
            raise ValueError(f"{text} ms since 1970 is not a time that events can have") from None
        return _possible(found)
    return _possible(argument.time(_with_plus(text)))


def _bound(text: str, _: Parameter) -> date | datetime:
    return _possible(argument.bound(_with_plus(text)))


def _month(text: str, _: Parameter) -> date:
    return _possible(argument.month(text))


def _zone(text: str, _: Parameter) -> ZoneInfo:
    if text not in _zones():
        raise ValueError(f"must be a time zone such as Europe/Paris, got {shown(text)}")
    return ZoneInfo(text)


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _with_plus(text: str) -> str:
    """Returns a time with its offset: in a query, a plus that is not encoded means a space."""
    return text.replace(" ", "+") if "T" in text else text


def _possible(found: _Bound) -> _Bound:
    if not FIRST_YEAR <= found.year <= LAST_YEAR:
        raise ValueError(f"{found.isoformat()} is not a time that events can have")
    return found


def _event_type(text: str) -> str:
    metric = find_event_type(text)
    # What the catalog lacks may be in the store, from an older release.
    return text if metric is None else f"{metric.product}.{metric.metric_type}"


def _invalid(name: str, hint: str) -> AnswerError:
    return AnswerError.of("parameter.invalid", parameter=name, hint=hint)


_READ = {
    "string": lambda text, _: text,
    "integer": _integer,
    "boolean": _boolean,
    "time": _time,
    "bound": _bound,
    "month": _month,
    "zone": _zone,
}
