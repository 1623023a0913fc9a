"""What each argument of `record()` must be: one function per argument, each with one error code.

Even a value whose own methods raise is rejected with the code of its argument. An event that passes
the encoder's table lookup needs few of these checks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import wraps
from typing import Any, Concatenate, NamedTuple, ParamSpec, TypeVar, cast

from . import _number
from ._clock import format_time, parse_time
from ._describe import describe_value, suggest
from ._errors import ConfigError, ValidationError, invalid
from ._generated import limits
from ._generated.catalog import (
    BILLABLE,
    LOG_LEVELS,
    METRIC_TYPES,
    PRODUCTS,
    REMOVED,
    STATUSES,
    VOID_STATUS,
)
from ._generated.errors import ErrorCode
from ._generated.fields import PER_CALL
from ._generated.metrics import METRICS
from ._interrupts import is_interruption
from ._json_text import escape, is_well_formed
from ._metric import MetadataKey, Metric, QuantityRule
from ._models import fields_of, is_model
from ._text import name_text
from ._undeclared import UndeclaredName, undeclared_fault, undeclared_metric

_P = ParamSpec("_P")
_R = TypeVar("_R")
_Check = Callable[Concatenate[Any, _P], _R]

# What a message has in place of a value about a person.
_UNSHOWN = "a value that is not shown"
_JSON_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float, Decimal),
}


def rejects_with(code: ErrorCode, **values: object) -> Callable[[_Check[_P, _R]], _Check[_P, _R]]:
    """Rejects a value with the code of its argument, whatever its methods raise."""

    def decorate(check: _Check[_P, _R]) -> _Check[_P, _R]:
        @wraps(check)
        def guarded(value: Any, /, *args: _P.args, **kwargs: _P.kwargs) -> _R:
            try:
                return check(value, *args, **kwargs)
            except ValidationError:
                raise
            except Exception as error:
                if is_interruption(error):
                    raise
                hint = f"a value whose own methods do not raise {type(error).__name__}"
                raise invalid(code, value, hint, **values) from None

        return guarded

    return decorate


@rejects_with("workspace_id.invalid")
def workspace_id(value: object) -> str:
    """Returns the workspace's id, escaped for JSON."""
    shortest, longest = limits.WORKSPACE_ID_MIN_LENGTH, limits.WORKSPACE_ID_MAX_LENGTH
    return _identifier("workspace_id.invalid", value, shortest, longest)


@rejects_with("event_id.invalid")
def event_id(value: object) -> str:
    """Returns the idempotency key, escaped for JSON."""
    return _identifier(
        "event_id.invalid", value, limits.EVENT_ID_MIN_LENGTH, limits.EVENT_ID_MAX_LENGTH
    )


def service_name(value: object) -> str:
    """Returns the service's name."""
    return _argument(
        "service_name", value, limits.SERVICE_NAME_MIN_LENGTH, limits.SERVICE_NAME_MAX_LENGTH
    )


def per_call(name: str, value: object) -> str:
    """Returns what a call sets in place of the client."""
    return _argument(name, value, *PER_CALL[name])


def hostname(value: object) -> str:
    """Returns the machine's name as the caller passes it."""
    return _argument("hostname", value, limits.HOSTNAME_MIN_LENGTH, limits.HOSTNAME_MAX_LENGTH)


def _argument(parameter: str, value: object, shortest: int, longest: int) -> str:
    text = usable_text(value, shortest, longest)
    if text is None:
        hint = f"a non-blank string of {shortest} to {longest} characters"
        given = describe_value(value)
        raise ConfigError.of("config.invalid", parameter=parameter, given=given, hint=hint)
    return text


def _identifier(code: ErrorCode, value: object, shortest: int, longest: int) -> str:
    text = usable_text(value, shortest, longest)
    if text is None:
        raise invalid(code, value)
    return escape(text)


def usable_text(value: object, shortest: int, longest: int) -> str | None:
    """Returns the characters of a valid, non-blank string of an allowed length; otherwise None."""
    text = name_text(value)
    if text is None:
        return None
    usable = (
        shortest <= len(text) <= longest and text.strip(limits.BLANK) != "" and is_well_formed(text)
    )
    return text if usable else None


@rejects_with("product.unknown")
def product(value: object, metric_type: object) -> str:
    """Returns the product's name; all metric types of it may be removed, or none declared."""
    name = name_text(value)
    if type(metric_type) is UndeclaredName:
        return name or ""
    if name is None or (name not in METRIC_TYPES and _removal(name, metric_type) is None):
        raise invalid("product.unknown", value, suggest(value, PRODUCTS))
    return name


@rejects_with("metric_type.unknown", product="")
def metric_type(value: object, product: str) -> Metric:
    """Returns a metric type of a valid product."""
    name = name_text(value)
    if type(value) is UndeclaredName:
        if fault := undeclared_fault(product, value):
            raise invalid("metric_type.unknown", value, fault, product=describe_value(product))
        return undeclared_metric(product, value)
    metric = None if name is None else METRICS.get((product, name))
    if metric is None:
        hint = _removal(product, value) or suggest(value, METRIC_TYPES[product])
        raise invalid("metric_type.unknown", value, hint, product=describe_value(product))
    return metric


def _removal(product: str, metric_type: object) -> str | None:
    """Returns what became of a removed metric type, None of any other."""
    name = name_text(metric_type)
    return None if name is None else REMOVED.get((product, name))


@rejects_with("status.unknown")
def status(value: object) -> str:
    """Returns the status."""
    name = name_text(value)
    if name is None or name not in BILLABLE:
        hint = suggest(value, STATUSES)
        if name == VOID_STATUS:
            hint = "void() sets it, for an event that takes another one back"
        raise invalid("status.unknown", value, hint)
    return name


@rejects_with("product.unknown", parameter="metric")
def metric_names(value: object) -> tuple[str, str]:
    """Returns the product and metric type of a generated `Metric` constant."""
    if not isinstance(value, Metric):
        hint = f"expected a constant of {__package__}.metrics"
        raise invalid("product.unknown", value, hint, parameter="metric")
    return value.product, value.metric_type


@rejects_with("quantity.invalid")
def quantity(value: object, rule: QuantityRule | None) -> str:
    """Returns the quantity as JSON."""
    low: float = limits.QUANTITY_MINIMUM
    high: float = limits.QUANTITY_MAXIMUM
    if rule is not None:
        low = low if rule.minimum is None else max(low, rule.minimum)
        high = high if rule.maximum is None else min(high, rule.maximum)
    bounds = Bounds(low, high, limits.QUANTITY_MAX_DIGITS, rule is not None and rule.integer)
    return amount("quantity.invalid", value, bounds)


@rejects_with("unit_cost.invalid")
def unit_cost(value: object) -> str:
    """Returns the unit cost as JSON."""
    return "null" if value is None else amount("unit_cost.invalid", value, _COSTS)


class Bounds(NamedTuple):
    low: float
    high: float
    digits: int
    integer: bool = False

    def admit(self, exact: int | float | Decimal) -> bool:
        return (
            self.low <= exact <= self.high
            and _number.has_digits(exact, self.digits)
            and not (self.integer and exact != int(exact))
        )

    def __str__(self) -> str:
        kind = "an integer" if self.integer else "a finite number"
        return f"{kind} from {_number.text(self.low)} to {_number.text(self.high)}"


_COSTS = Bounds(limits.UNIT_COST_MINIMUM, limits.UNIT_COST_MAXIMUM, limits.UNIT_COST_MAX_DIGITS)


def amount(code: ErrorCode, value: object, bounds: Bounds) -> str:
    """Returns a number within bounds as JSON."""
    is_huge = _number.is_huge(value)
    exact = None if is_huge else _number.exact(value)
    if exact is None or not bounds.admit(exact):
        hint = str(bounds)
        if isinstance(value, (bool, str)):
            hint += f"; a {'boolean' if isinstance(value, bool) else 'string'} is not a number"
        elif is_huge or (exact is not None and not _number.has_digits(exact, bounds.digits)):
            hint += f" of at most {bounds.digits} digits"
        elif code == "quantity.invalid" and exact is not None and exact < 0:
            hint += "; void() takes an event back"
        raise invalid(code, value, hint)
    return _number.text(exact)


@rejects_with("metadata.invalid")
def metadata(
    value: Any, keys: tuple[MetadataKey, ...], pii: tuple[tuple[str, str], ...] = ()
) -> tuple[Mapping[Any, Any], str]:
    """Returns the metadata, and which declared keys have invalid values, or "".

    Values of the keys about persons are in no message.
    """
    given: Any = {} if value is None else fields_of(value) if is_model(value) else value
    if not isinstance(given, Mapping):
        raise invalid("metadata.invalid", value, "a mapping of strings to values")
    given = cast("Any", given)
    wrong = [fault for key in keys if (fault := _key_fault(key, given, dict(pii)))]
    return given, "; ".join(wrong)


def _key_fault(key: MetadataKey, metadata: Mapping[Any, Any], pii: Mapping[str, str]) -> str:
    if key.name not in metadata:
        if key.required:
            raise invalid("metadata.required", metadata, repr(key.name))
        return ""
    value = metadata[key.name]
    if key.allowed is not None and not any(_same(value, allowed) for allowed in key.allowed):
        allowed = f"{key.name!r} to be one of {', '.join(map(repr, key.allowed))}"
    elif key.type is not None and not _is(value, key.type):
        article = "an" if key.type == "integer" else "a"
        allowed = f"{key.name!r} to be {article} {key.type}"
    else:
        return ""
    shown = _UNSHOWN if key.name in pii else describe_value(value)
    if key.required:
        raise ValidationError.of("metadata.invalid", given=shown, hint=allowed)
    return f"expected {allowed}, got {shown}"


def _same(value: object, allowed: object) -> bool:
    return isinstance(value, bool) == isinstance(allowed, bool) and value == allowed


def _is(value: object, kind: str) -> bool:
    if kind == "integer" and isinstance(value, float):
        return value.is_integer()  # JSON does not distinguish it from an integer
    return isinstance(value, bool) == (kind == "boolean") and isinstance(value, _JSON_TYPES[kind])


def log_level(value: object) -> str | None:
    """Returns the level of a log(), or None if there is no such level."""
    name = name_text(value)
    return name if name in LOG_LEVELS else None


@rejects_with("occurred_at.invalid")
def occurred_at(value: object, now: int) -> str:
    """Returns the time as JSON; `now` is in milliseconds since 1970."""
    milliseconds = parse_time(value)
    if (
        milliseconds is None
        or milliseconds > now + limits.OCCURRED_AT_AHEAD_MS
        or milliseconds < now - limits.OCCURRED_AT_BEHIND_MS
    ):
        raise invalid("occurred_at.invalid", str(value) if milliseconds is not None else value)
    return format_time(milliseconds)
