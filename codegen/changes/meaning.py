"""Rules on what quantities mean and on what is charged, and on the topics."""

from __future__ import annotations

from collections.abc import Iterator

from codegen.changes.pair import Break, Data, Pair, mapping, turned
from codegen.diagnostics import quote

_TEXTS = ("title", "description")


def unit_changed(pair: Pair) -> Iterator[Break]:
    """A metric type counts in another unit, or a unit means something else."""
    for at, route, before, after in pair.metric_types():
        if before.get("unit") != after.get("unit"):
            message = f"the unit of {quote(at)} changed, {_turned(before, after, 'unit')}"
            yield Break(at, "catalog", (*route, "unit"), f"{message}: add a new metric type")
    for name, before, after in pair.common("catalog", "units"):
        for key in before:
            # A meaning that is added, such as the seconds of a unit, changes none.
            if key not in _TEXTS and not key.startswith("x-") and before[key] != after.get(key):
                message = f"the {key} of unit {quote(name)} changed, {_turned(before, after, key)}"
                yield Break(
                    name, "catalog", ("units", name, key), f"{message}: add a new unit instead"
                )


def aggregation_changed(pair: Pair) -> Iterator[Break]:
    """The quantities of a metric type are totalled in another way."""
    for at, route, before, after in pair.metric_types():
        old, new = (side.get("aggregation", "sum") for side in (before, after))
        if old != new:
            message = f"the aggregation of {quote(at)} changed, {turned(old, new)}"
            yield Break(at, "catalog", (*route, "aggregation"), f"{message}: add a new metric type")
            continue
        for key in ("of", "series"):
            if before.get(key) != after.get(key):
                message = f"`{key}` of {quote(at)} changed, {_turned(before, after, key)}"
                yield Break(at, "catalog", (*route, key), f"{message}: add a new metric type")
        for key in ("unit", "seconds"):
            old, new = (mapping(side.get("total")).get(key) for side in (before, after))
            if old != new:
                message = f"the {key} of the total of {quote(at)} changed, {turned(old, new)}"
                here = (*route, "total", key)
                yield Break(at, "catalog", here, f"{message}: add a new metric type")


def billability_changed(pair: Pair) -> Iterator[Break]:
    """Events of a status are charged that were not, or the reverse."""
    for name, before, after in pair.common("catalog", "statuses"):
        if before.get("billable") != after.get("billable"):
            message = f"billable of status {quote(name)} changed, "
            message += _turned(before, after, "billable")
            yield Break(name, "catalog", ("statuses", name, "billable"), message)
    yield from _billed_changed(pair)


def _billed_changed(pair: Pair) -> Iterator[Break]:
    for name, before, after in pair.common("event", "fields"):
        if before.get("billed") != after.get("billed"):
            message = f"billed of field {quote(name)} changed, {_turned(before, after, 'billed')}"
            yield Break(name, "event", ("fields", name, "billed"), message)


def default_changed(pair: Pair) -> Iterator[Break]:
    """A call that leaves an argument out records something else."""
    for flag, use in (("default", "default"), ("log", "status of log()")):
        old, new = (_flagged(side, flag) for side in pair.mappings("catalog", "statuses"))
        if old != new:
            message = f"another status is the {use}, {turned(old, new)}"
            yield Break(f"statuses/{flag}", "catalog", ("statuses",), message)
    old, new = (side["catalog"].get("default_log_level") for side in (pair.before, pair.after))
    if old != new:
        message = f"default_log_level changed, {turned(old, new)}"
        yield Break("default_log_level", "catalog", ("default_log_level",), message)
    for name, before, after in pair.common("event", "fields"):
        if before.get("default") != after.get("default"):
            message = f"the default of field {quote(name)} changed, "
            message += _turned(before, after, "default")
            yield Break(name, "event", ("fields", name, "default"), message)


def _flagged(statuses: Data, flag: str) -> str | None:
    """Returns the first status with a flag; the rules allow one."""
    flagged = (name for name, s in statuses.items() if isinstance(s, dict) and s.get(flag) is True)
    return next(flagged, None)


def undeclared_rejected(pair: Pair) -> Iterator[Break]:
    """Event types that the catalog lacks were accepted, and are rejected."""
    old, new = (side["catalog"].get("undeclared", "reject") for side in (pair.before, pair.after))
    if old == "accept" and new != "accept":
        message = f"undeclared event types are rejected, {turned(old, new)}"
        yield Break("undeclared", "catalog", ("undeclared",), message)


def time_zone_changed(pair: Pair) -> Iterator[Break]:
    """Days and months begin in another time zone."""
    before, after = pair.mappings("catalog", "billing")
    old, new = (side.get("time_zone", "UTC") for side in (before, after))
    if old != new:
        message = f"the time zone of days and months changed, {turned(old, new)}"
        advice = "set that of each workspace from a month on with `workspace set`"
        yield Break("time_zone", "catalog", ("billing", "time_zone"), f"{message}: {advice}")


def currency_changed(pair: Pair) -> Iterator[Break]:
    """Costs are in another currency; that they have one may be said later."""
    before, after = pair.mappings("catalog", "billing")
    old, new = before.get("currency"), after.get("currency")
    if old is not None and old != new:
        message = f"the currency of costs changed, {turned(old, new)}"
        yield Break("currency", "catalog", ("billing", "currency"), message)


def topic_changed(pair: Pair) -> Iterator[Break]:
    """Events go to another topic."""
    yield from _topics(pair, "name", "the topic", "name")


def key_changed(pair: Pair) -> Iterator[Break]:
    """Messages have another key."""
    yield from _topics(pair, "key", "the message key of topic", "key")


def _topics(pair: Pair, key: str, noun: str, attribute: str) -> Iterator[Break]:
    for role, before, after in pair.common("catalog", "topics"):
        if before.get(key) != after.get(key):
            message = f"{noun} {quote(role)} changed, {_turned(before, after, attribute)}"
            yield Break(role, "catalog", ("topics", role, key), message)


def partitions_lowered(pair: Pair) -> Iterator[Break]:
    """A topic has fewer partitions than it was created with."""
    for role, before, after in pair.common("catalog", "topics"):
        old, new = before.get("partitions"), after.get("partitions")
        if isinstance(old, int) and isinstance(new, int) and new < old:
            message = f"topic {quote(role)} has fewer partitions, {turned(old, new)}"
            yield Break(role, "catalog", ("topics", role, "partitions"), message)


def _turned(before: Data, after: Data, key: str) -> str:
    return turned(before.get(key), after.get(key))
