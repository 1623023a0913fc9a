"""Messages and log lines show foreign text without what hides, reorders or forges text."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest
from eka_usage import ConfigError, EkaClient
from eka_usage._describe import printable

from sdks.python.tests.support import (
    CollectingProducer,
    ScriptedProducer,
    fixed_client,
    record_event,
)

SHARED = Path(__file__).resolve().parents[3] / "tests" / "conformance" / "printable.json"
CASES = [case for part in ("cases", "surrogates") for case in json.loads(SHARED.read_text())[part]]
HIDDEN = "a\u202e\x1b[31m\x9b\u2028b\nc"


@pytest.mark.parametrize("case", CASES, ids=lambda case: ascii(case["printable"]))
def test_text_is_shown_as_in_every_sdk(case: dict[str, str]) -> None:
    assert printable(case["text"]) == case["printable"]
    assert printable(case["printable"]) == case["printable"]


class HiddenError(Exception):
    """An error of other code with such a message."""


def named(name: str) -> Any:
    """Returns an object whose class has this name."""
    return type(name, (), {})()


@pytest.mark.parametrize(
    "arguments",
    [
        {"product": HIDDEN},
        {"workspace_id": named(HIDDEN)},
        {"metadata": {HIDDEN: {1}}},
        {"metadata": {"a": named(HIDDEN)}},
        {"metadata": type("Raising", (dict,), {"items": lambda _: 1 / 0})(a=1)},
    ],
    ids=range(5),
)
def test_an_error_shows_foreign_text_without_hidden_characters(arguments: dict[str, Any]) -> None:
    message = str(record_event(**arguments).error)
    assert message == printable(message)


def test_errors_of_other_code_are_shown_without_hidden_characters() -> None:
    def produce(**_: object) -> None:
        raise HiddenError(HIDDEN)

    messages: list[str] = []
    with fixed_client(
        producer=ScriptedProducer(produce), on_error=lambda error, _: messages.append(str(error))
    ) as client:
        client.record("ws", "api", "api_call")
    assert messages == [f"delivery failed: HiddenError: {printable(HIDDEN)}"]


def test_a_log_line_has_no_hidden_characters(caplog: pytest.LogCaptureFixture) -> None:
    def on_error(*_: object) -> None:
        raise HiddenError(HIDDEN)

    given: dict[str, Any] = {"debug": True, "on_error": on_error, "producer": CollectingProducer()}
    with caplog.at_level(logging.DEBUG), fixed_client(**given) as client:
        client._record(HIDDEN, "api", "api_call")
        client._record("", "api", "api_call")
    assert len(caplog.messages) > 1
    assert caplog.messages == [printable(line) for line in caplog.messages]


def test_a_configuration_error_has_no_hidden_characters() -> None:
    with pytest.raises(ConfigError) as raised:
        EkaClient("checkout", HIDDEN)
    assert str(raised.value) == printable(str(raised.value))
