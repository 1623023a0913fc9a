"""Rules on catalog.yaml: units, statuses, topics, products and their metric types."""

from __future__ import annotations

import math
import zoneinfo
from collections.abc import Iterator
from typing import Any

from codegen.diagnostics import listing, nearest, quote, suggestion
from codegen.model import LONGEST_DURATION, milliseconds
from codegen.rules.files import Files, Finding, is_exact, number
from codegen.source import Route

_METRIC_TYPES = "products/*/metric_types/*"
# Names in a database of zones that are no place: the machine's own zone, and none.
_NO_ZONES = {"localtime", "Factory"}


def unknown_unit(files: Files) -> Iterator[Finding]:
    """A metric type has a unit that the catalog does not define."""
    units = files.names("catalog", "units")
    for route, unit in _units(files):
        if unit not in units:
            message = f"unknown unit {quote(unit)}: {suggestion(unit, units)}"
            yield Finding("catalog", route, message)


def unused_unit(files: Files) -> Iterator[Finding]:
    """A unit is defined, but no metric type has it."""
    used = {unit for _, unit in _units(files)}
    for unit in files.names("catalog", "units"):
        if unit not in used:
            message = f"no metric type has the unit {quote(unit)}: remove it"
            yield Finding("catalog", ("units", unit), message, at_key=True, severity="warning")


def _units(files: Files) -> Iterator[tuple[Route, str]]:
    """Yields the units of quantities and of totals, with their routes."""
    for key in ("unit", "total/unit"):
        yield from files.each("catalog", f"{_METRIC_TYPES}/{key}", str)


def default_status(files: Files) -> Iterator[Finding]:
    """Not exactly one status is the default of events without one."""
    yield from _exactly_one(files, "default", "events without a status")


def log_status(files: Files) -> Iterator[Finding]:
    """Not exactly one status is that of log()."""
    yield from _exactly_one(files, "log", "logged events")


def _exactly_one(files: Files, flag: str, use: str) -> Iterator[Finding]:
    statuses = files.names("catalog", "statuses")
    flagged = [route for route, on in files.each("catalog", f"statuses/*/{flag}", bool) if on]
    if not flagged:
        message = f"no status has `{flag}: true`, for {use}: set it on {listing(statuses)}"
        yield Finding("catalog", ("statuses",), message, at_key=True)
    for route in flagged[1:]:
        message = f"a second status has `{flag}: true`, for {use}: exactly one must have it"
        other = ("the first is at", "catalog", flagged[0])
        yield Finding("catalog", route, message, at_key=True, other=other)


def default_log_level(files: Files) -> Iterator[Finding]:
    """The default log level is not one of the log levels."""
    levels = files.texts("catalog", "log_levels")
    for route, level in files.each("catalog", "default_log_level", str):
        if level not in levels:
            message = f"unknown log level {quote(level)}: {suggestion(level, levels)}"
            yield Finding("catalog", route, message)


def topic_key(files: Files) -> Iterator[Finding]:
    """A topic's key is not a field of the event, or not a string."""
    fields = files.one("event", "fields", dict)
    texts = [name for name, field in fields.items() if _is_text(field)]
    for route, key in files.each("catalog", "topics/*/key", str):
        if key not in fields:
            message = f"key {quote(key)} is not a field of the event: {suggestion(key, texts)}"
            yield Finding("catalog", route, message)
        elif key not in texts:
            message = f"key {quote(key)} must be a string: expected {listing(texts)}"
            yield Finding("catalog", route, message)


def _is_text(field: Any) -> bool:
    return isinstance(field, dict) and field.get("type") == "string"


def duplicate_topic(files: Files) -> Iterator[Finding]:
    """Two topics have the same name."""
    first: dict[str, Any] = {}
    for route, name in files.each("catalog", "topics/*/name", str):
        # Kafka's metrics do not distinguish '.' and '_': it rejects the second of two such topics.
        same = first.setdefault(name.replace(".", "_"), route)
        if same != route:
            message = f"topic {quote(name)} is taken: Kafka does not distinguish '.' and '_'"
            other = ("the first is at", "catalog", same)
            yield Finding("catalog", route, message, other=other)


def duration(files: Files) -> Iterator[Finding]:
    """A retention or a time limit is longer than the longest duration."""
    for file, pattern in (
        ("catalog", "topics/*/retention"),
        ("catalog", "store/retention"),
        ("catalog", "store/ahead"),
        ("catalog", "products/*/metric_types/*/session/timeout"),
        ("event", "session/timeout"),
        ("event", "fields/*/ahead"),
        ("event", "fields/*/behind"),
    ):
        for route, text in files.each(file, pattern, str):
            try:
                too_long = milliseconds(text) > milliseconds(LONGEST_DURATION)
            except ValueError:
                continue  # the schema reports it
            if too_long:
                message = f"{quote(text)} is too long: expected at most {LONGEST_DURATION}"
                yield Finding(file, route, message)


def unknown_time_zone(files: Files) -> Iterator[Finding]:
    """The time zone is not in the IANA database."""
    for route, name in files.each("catalog", "billing/time_zone", str):
        zones = zoneinfo.available_timezones() - _NO_ZONES
        if name not in zones:
            near = nearest(name, sorted(zones))
            hint = f"did you mean {quote(near)}?" if near else "expected one such as Asia/Kolkata"
            yield Finding("catalog", route, f"unknown time zone {quote(name)}: {hint}")


def empty_product(files: Files) -> Iterator[Finding]:
    """There is no product, or a product has no metric type."""
    for route, products in files.each("catalog", "products", dict):
        if not products:
            message = "no product: add one, with a metric type"
            yield Finding("catalog", route, message, at_key=True)
    for route, metric_types in files.each("catalog", "products/*/metric_types", dict):
        if not metric_types:
            message = f"product {quote(str(route[1]))} has no metric type: add one, or remove it"
            yield Finding("catalog", route, message, at_key=True)


def undeclared_name(files: Files) -> Iterator[Finding]:
    """A product has the name of the call that names undeclared event types."""
    accepted = [value for _, value in files.each("catalog", "undeclared", str)] == ["accept"]
    for product in files.names("catalog", "products") if accepted else ():
        if product == "undeclared":
            message = "'undeclared' is the call for event types that the catalog lacks: rename it"
            yield Finding("catalog", ("products", product), message, at_key=True)


def quantity_limits(files: Files) -> Iterator[Finding]:
    """A metric type's limits contradict each other or the limits of the field."""
    field = _quantity_field(files)
    least = number(field.get("minimum"), -math.inf)
    most = number(field.get("maximum"), math.inf)
    for route, quantity in files.each("catalog", f"{_METRIC_TYPES}/quantity", dict):
        bounds = {
            side: value
            for side in ("minimum", "maximum")
            if isinstance(value := quantity.get(side), int | float)
        }
        for side, value in bounds.items():
            here = (*route, side)
            if not least <= value <= most:
                message = (
                    f"{side} {value} is outside the limits of every quantity, {least} to {most}"
                )
                yield Finding("catalog", here, message)
            elif not is_exact(value):
                message = f"{value} is not exact as a double: choose a number near it"
                yield Finding("catalog", here, message)
            elif quantity.get("integer") is True and isinstance(value, float):
                yield Finding("catalog", here, f"{side} {value} must be a whole number")
        if len(bounds) == 2 and bounds["minimum"] > bounds["maximum"]:
            message = f"maximum {bounds['maximum']} is below the minimum {bounds['minimum']}"
            yield Finding("catalog", (*route, "maximum"), message)


def _quantity_field(files: Files) -> dict[str, Any]:
    """Returns the field that quantity rules constrain; empty if there is none."""
    fields = files.one("event", "fields", dict).values()
    holders = (f for f in fields if isinstance(f, dict) and f.get("catalog") == "quantity")
    return next(holders, {})
