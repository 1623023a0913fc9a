"""Rules on what is accepted: a value that was valid must stay valid."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from codegen.changes.pair import Break, Data, Pair, mapping, texts, turned
from codegen.diagnostics import quote
from codegen.model import DEFAULT_CALLS, milliseconds

# Limits by the side on which they exclude values.
_LEAST = ("minimum", "min_length", "min_items")
_MOST = (
    *("maximum", "max_length", "max_items", "max_digits", "max_bytes", "max_depth"),
    *("ahead", "behind"),
)
_SHAPE = ("type", "set_by", "catalog", "column")


def quantity_narrowed(pair: Pair) -> Iterator[Break]:
    """A metric type rejects quantities that it accepted."""
    for at, route, before, after in pair.metric_types():
        old, new = mapping(before, "quantity"), mapping(after, "quantity")
        for key in ("minimum", "maximum"):
            if _narrower(key, old.get(key), new.get(key)):
                message = f"the {key} quantity of {quote(at)} narrowed, {_turned(old, new, key)}"
                yield Break(at, "catalog", (*route, "quantity", key), message)
        if new.get("integer") and not old.get("integer"):
            message = f"the quantity of {quote(at)} must be a whole number now"
            yield Break(at, "catalog", (*route, "quantity", "integer"), message)


def limit_narrowed(pair: Pair) -> Iterator[Break]:
    """A field or a setting rejects values that it accepted."""
    for file, section, noun in (("event", "fields", "field"), ("sdk", "settings", "setting")):
        for name, old, new in pair.common(file, section):
            for key in (*_LEAST, *_MOST):
                if _narrower(key, old.get(key), new.get(key)):
                    message = f"the {key} of {noun} {quote(name)} narrowed, "
                    yield Break(name, file, (section, name, key), message + _turned(old, new, key))
            for key in ("choices", "values"):
                lost = [v for v in texts(old.get(key)) if key in new and v not in texts(new[key])]
                if lost:
                    message = f"{noun} {quote(name)} no longer allows {', '.join(map(str, lost))}"
                    yield Break(name, file, (section, name, key), message)


def field_required(pair: Pair) -> Iterator[Break]:
    """A call without an argument was accepted, and is rejected."""
    for name, field in pair.mappings("event", "fields")[1].items():
        was = mapping(pair.before, "event", "fields").get(name)
        optional_before = was is None or mapping(was).get("optional", False)
        if field.get("set_by") == "caller" and not field.get("optional") and optional_before:
            message = f"argument {quote(name)} is required now"
            yield Break(name, "event", ("fields", name), message)


def field_constrained(pair: Pair) -> Iterator[Break]:
    """A field may be set by fewer calls, or not beside other fields, or not alone."""
    for name, old, new in pair.common("event", "fields"):
        before, after = (texts(side.get("calls")) or DEFAULT_CALLS for side in (old, new))
        lost = [str(call) for call in before if call not in after]
        if lost:
            message = f"field {quote(name)} is no longer set by {', '.join(lost)}"
            yield Break(name, "event", ("fields", name, "calls"), message)
        for key, verb in (("excludes", "excludes"), ("dependent_required", "requires")):
            added = [str(one) for one in texts(new.get(key)) if one not in texts(old.get(key))]
            if added:
                message = f"field {quote(name)} {verb} {', '.join(added)} now"
                yield Break(name, "event", ("fields", name, key), message)
        if (
            old.get("when_not_zero")
            and not new.get("when_not_zero")
            and "dependent_required" in new
        ):
            message = f"field {quote(name)} requires others now, also if it is 0"
            yield Break(name, "event", ("fields", name, "dependent_required"), message)


def field_changed(pair: Pair) -> Iterator[Break]:
    """A field has another type, source or column."""
    for name, old, new in pair.common("event", "fields"):
        for key in _SHAPE:
            if old.get(key) != new.get(key):
                message = f"the {key} of field {quote(name)} changed, {_turned(old, new, key)}"
                yield Break(name, "event", ("fields", name, key), message)


def _narrower(key: str, before: Any, after: Any) -> bool:
    least = key in _LEAST
    unlimited = -math.inf if least else math.inf
    old, new = (_size(value, unlimited) for value in (before, after))
    return new > old if least else new < old


def _size(value: Any, unlimited: float) -> float:
    if isinstance(value, str):
        try:
            return milliseconds(value)
        except ValueError:
            return unlimited
    return value if isinstance(value, int | float) else unlimited


def _turned(before: Data, after: Data, key: str) -> str:
    return turned(before.get(key), after.get(key))
