"""Each invalid argument is rejected with a code of its own and a message that shows it."""

from __future__ import annotations

from collections import Counter
from typing import Any, ClassVar

import pytest
from eka_usage import METRIC_TYPES, PRODUCTS, ErrorCode, ErrorContext, ValidationError, metrics
from eka_usage._generated.errors import ERRORS

from sdks.python.tests.support import (
    VALID,
    CollectingProducer,
    ReportedErrors,
    fixed_client,
    outcome_of,
    record_event,
)

# One invalid value for each argument, in the order in which they are checked.
INVALID: dict[str, tuple[Any, ErrorCode]] = {
    "workspace_id": (" ", "workspace_id.invalid"),
    "product": ("bogus", "product.unknown"),
    "metric_type": ("bogus", "metric_type.unknown"),
    "status": ("bogus", "status.unknown"),
    "quantity": (-1, "quantity.invalid"),
    "unit_cost": (-1, "unit_cost.invalid"),
    "metadata": (["bogus"], "metadata.invalid"),
    "event_id": ("", "event_id.invalid"),
    "occurred_at": ("bogus", "occurred_at.invalid"),
}


@pytest.mark.parametrize("argument", INVALID)
def test_each_invalid_argument_has_its_own_code_and_field(argument: str) -> None:
    value, code = INVALID[argument]
    outcome = record_event(**{argument: value})
    assert outcome.event_id is None
    assert outcome.sent is None
    assert isinstance(outcome.error, ValidationError)
    assert isinstance(outcome.error, ValueError)
    assert (outcome.error.code, outcome.error.field) == (code, argument)
    assert outcome.context["code"] == outcome.context["reason"] == code
    assert outcome.context["field"] == argument
    assert str(outcome.error).startswith(f"invalid {argument} ")


@pytest.mark.parametrize("first", range(len(INVALID)))
def test_of_several_invalid_arguments_the_first_is_reported(first: int) -> None:
    later = {argument: value for argument, (value, _) in list(INVALID.items())[first:]}
    assert record_event(**later).error.code == list(INVALID.values())[first][1]


def test_the_context_identifies_the_rejected_event() -> None:
    outcome = record_event(quantity=-1, event_id="e-1", status="error")
    expected: ErrorContext = {
        "code": "quantity.invalid",
        "reason": "quantity.invalid",
        "field": "quantity",
        "topic": "eka.usage.events",
        "event_id": "e-1",
        "workspace_id": "ws-1",
        "product": "api",
        "metric_type": "api_call",
        "status": "error",
    }
    assert outcome.context == expected


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"product": "apii"}, "invalid product 'apii': did you mean 'api'?"),
        ({"product": "API"}, "invalid product 'API': did you mean 'api'?"),
        (
            {"product": "bogus"},
            f"invalid product 'bogus': expected one of {', '.join(map(repr, PRODUCTS))}",
        ),
        ({"product": 5}, "invalid product 5: expected one of 'ekascribe', 'mr_ai'"),
        ({"product": None}, "invalid product None: expected one of"),
        (
            {"metric_type": "api_cal"},
            "invalid metric_type 'api_cal' for product 'api': did you mean 'api_call'?",
        ),
        (
            {"metric_type": "sms"},
            "invalid metric_type 'sms' for product 'api': expected one of 'api_call', 'api_error'",
        ),
        ({"status": "okay"}, "invalid status 'okay': did you mean 'ok'?"),
        ({"status": "x"}, "invalid status 'x': expected one of 'ok', 'error'"),
        (
            {"workspace_id": ""},
            "invalid workspace_id '': expected a non-blank string of 1 to 256 characters",
        ),
        (
            {"workspace_id": 4.2},
            "invalid workspace_id 4.2: expected a non-blank string of 1 to 256 characters",
        ),
        (
            {"quantity": "3"},
            (
                "invalid quantity '3': expected a finite number from 0 to 1000000000000000000;"
                " a string is not a number"
            ),
        ),
        ({"quantity": True}, "invalid quantity True: expected a finite number from 0 to"),
        ({"unit_cost": -0.5}, "invalid unit_cost -0.5: expected a finite number from 0 to"),
        ({"quantity": 10**400}, "invalid quantity of type int: expected a finite number"),
        (
            {"metadata": [1]},
            "invalid metadata of type list: expected a mapping of strings to values",
        ),
        (
            {"event_id": "x" * 129},
            f"invalid event_id '{'x' * 80}'…: expected a non-blank string of 1 to 128 characters",
        ),
        (
            {"occurred_at": "yesterday"},
            (
                "invalid occurred_at 'yesterday': expected an RFC 3339 time with an offset,"
                " at most 5m ahead and 35d behind; import older work by `usage-sink import`"
            ),
        ),
    ],
)
def test_the_message_shows_the_value_and_what_is_allowed(
    arguments: dict[str, Any], message: str
) -> None:
    assert str(record_event(**arguments).error).startswith(message)


def test_the_message_is_one_short_line_whatever_the_value() -> None:
    for value in ("a\nb\u2028c\x1b[31m\ud800", "x" * 1_000_000, b"\n" * 1000, {"a": "\n" * 9999}):
        for argument in INVALID:
            message = str(record_event(**{"workspace_id": "", argument: value}).error)
            assert message.isprintable()
            assert len(message) < 300


@pytest.mark.parametrize("length", [1, 256])
def test_a_workspace_id_of_any_allowed_length_is_accepted(length: int) -> None:
    assert record_event(workspace_id="🩺" * length).event["workspace_id"] == "🩺" * length


@pytest.mark.parametrize(
    "value",
    ["", " ", "\t\n\v\f\r", "\x85\xa0\u1680\u2003\u2028\u3000", "x" * 257, None, b"ws", 1.0],
)
def test_a_blank_too_long_or_non_string_workspace_id_is_rejected(value: object) -> None:
    assert record_event(workspace_id=value).error.code == "workspace_id.invalid"


@pytest.mark.parametrize("value", ["\u200b", "\ufeff", "\x1c", " a ", "0"], ids=ascii)
def test_characters_that_are_not_unicode_white_space_are_not_blank(value: str) -> None:
    assert record_event(workspace_id=value).event["workspace_id"] == value


@pytest.mark.parametrize("product", PRODUCTS)
def test_a_metric_type_of_another_product_is_unknown(product: str) -> None:
    everywhere = {name for names in METRIC_TYPES.values() for name in names}
    for metric_type in everywhere - set(METRIC_TYPES[product]):
        assert (
            record_event(product=product, metric_type=metric_type).error.code
            == "metric_type.unknown"
        )


@pytest.mark.parametrize("value", [None, "api.api_call", ("api", "api_call"), ...], ids=repr)
def test_record_metric_accepts_only_a_metric(value: Any) -> None:
    outcome = outcome_of(lambda client: client.record_metric("ws-1", value))
    assert outcome.error.code == "product.unknown"
    assert str(outcome.error).startswith("invalid metric ")
    assert str(outcome.error).endswith(": expected a constant of eka_usage.metrics")


def test_a_made_up_metric_is_unknown() -> None:
    made_up = metrics.api.api_call._replace(metric_type="api_cal")
    outcome = outcome_of(lambda client: client.record_metric("ws-1", made_up))
    assert outcome.error.code == "metric_type.unknown"


def test_an_unknown_log_level_becomes_the_default_and_is_reported() -> None:
    outcome = outcome_of(lambda client: client.log("ws-1", "api", "api_error", "m", "warn"))  # type: ignore[call-overload]
    assert outcome.metadata == {"level": "error", "message": "m"}
    assert outcome.error.code == "metadata.degraded"
    assert str(outcome.error) == "degraded metadata: level 'warn': did you mean 'warning'?"
    assert outcome.context.get("event_id") == outcome.event_id


def test_log_rejects_what_record_rejects() -> None:
    outcome = outcome_of(lambda client: client.log("ws-1", "api", "bogus", "m"))  # type: ignore[call-overload]
    assert outcome.error.code == "metric_type.unknown"


@pytest.mark.parametrize("metadata", [["a"], "text", 5, ()], ids=repr)
def test_log_rejects_metadata_that_is_not_a_mapping(metadata: Any) -> None:
    outcome = outcome_of(
        lambda client: client.log("ws-1", "api", "api_error", "m", "error", metadata)
    )
    assert outcome.error.code == "metadata.invalid"


def test_rejections_are_counted_by_code() -> None:
    with fixed_client(producer=CollectingProducer(), on_error=ReportedErrors()) as client:
        for argument, (value, _) in INVALID.items():
            for _ in range(3):
                client._record(**{**VALID, argument: value})
        stats = client.stats()
    assert stats.rejected == Counter({code: 3 for _, code in INVALID.values()})
    assert (stats.accepted, stats.delivered, stats.failed, stats.queued) == (0, 0, 0, 0)


def test_every_error_text_uses_only_known_placeholders() -> None:
    class Anything(dict[str, str]):
        used: ClassVar[set[str]] = set()

        def __missing__(self, key: str) -> str:
            self.used.add(key)
            return key

    for known in ERRORS.values():
        known.text.format_map(Anything())
    assert Anything.used <= {"parameter", "given", "hint", "product"}
