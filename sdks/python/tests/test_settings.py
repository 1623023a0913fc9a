"""Every setting: from the environment, overridden by its argument, refused where it is malformed.

The tests go over the generated table, so that a new setting is covered by being there.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from eka_usage import ConfigError, EkaClient
from eka_usage._generated.settings import SETTINGS, Setting
from eka_usage.settings import Settings

from sdks.python.tests.support import NO_BROKER, CollectingProducer

REQUIRED = {setting.argument: "in-memory:1" for setting in SETTINGS if setting.required}


def resolved(setting: Setting, argument: Any = None, variable: str | None = None) -> Any:
    """What a setting comes to, from its argument and its environment variable."""
    arguments = {**REQUIRED, setting.argument: argument}
    return Settings.resolve(
        {name: value for name, value in arguments.items() if value is not None},
        {} if variable is None else {setting.variable: variable},
    )[setting.name]


def valid(setting: Setting) -> Iterator[tuple[str, Any]]:
    """Some texts and what they mean."""
    match setting.type:
        case "integer":
            for value in (setting.minimum, setting.maximum, setting.default):
                yield str(value), value
                yield f" {value} ", value
        case "boolean":
            yield from [("true", True), ("FALSE", False), ("1", True), (" 0 ", False)]
        case "choice":
            for choice in setting.choices:
                yield from [(choice, choice), (f" {choice.upper()} ", choice)]
        case "list":
            yield "a:1", ["a:1"]
            yield (
                " a , [::1]:2,,b:65535,10.0.0.1 ",
                ["a", "[::1]:2", "b:65535", "10.0.0.1"],
            )
        case "string":
            yield "any text, really", "any text, really"


def malformed(setting: Setting) -> Iterator[str]:
    """Some texts that mean nothing."""
    match setting.type:
        case "integer":
            yield from [str(setting.minimum - 1), str(setting.maximum + 1)]
            yield from ["many", "1.0", "1e3", "0x10", "1_000", "٣", "--1", "9" * 5000, "\x00"]
        case "boolean":
            yield from ["yes", "on", "2", "tru", "none"]
        case "choice":
            yield from ["bogus", *(f"{choice}x" for choice in setting.choices), "\n"]
        case "list":
            yield from [
                ",",
                " , ",
                "a:0",
                "a:65536",
                "a:port",
                "a b:1",
                "a:1:2",
                "http://a/b",
                ":1",
            ]
        case "string":
            yield from [" ", "\n"]


EVERY = pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
TEXTS = pytest.mark.parametrize(
    ("setting", "text", "value"),
    [(setting, *pair) for setting in SETTINGS for pair in valid(setting)],
    ids=lambda part: part.name if isinstance(part, Setting) else repr(part)[:20],
)
WRONG = pytest.mark.parametrize(
    ("setting", "text"),
    [(setting, text) for setting in SETTINGS for text in malformed(setting)],
    ids=lambda part: part.name if isinstance(part, Setting) else ascii(part)[:20],
)


@EVERY
def test_every_type_of_setting_has_examples_here(setting: Setting) -> None:
    assert list(valid(setting))
    assert list(malformed(setting))


@TEXTS
def test_a_variable_is_read(setting: Setting, text: str, value: Any) -> None:
    if not setting.required:
        assert resolved(setting, variable=text) == value
    assert Settings.resolve({}, {"EKA_KAFKA_BROKERS": "a:1", setting.variable: text})[
        setting.name
    ] == (value)


@TEXTS
def test_an_argument_is_read_as_text_and_as_itself(setting: Setting, text: str, value: Any) -> None:
    assert resolved(setting, argument=text) == value
    assert resolved(setting, argument=value) == value


@TEXTS
def test_an_argument_overrides_its_variable_however_malformed(
    setting: Setting, text: str, value: Any
) -> None:
    for wrong in malformed(setting):
        assert resolved(setting, argument=text, variable=wrong) == value


@EVERY
def test_an_empty_variable_is_not_set(setting: Setting) -> None:
    if not setting.required:
        assert resolved(setting, variable="") == resolved(setting) == setting.default


@WRONG
def test_a_malformed_variable_is_named_shown_and_answered(setting: Setting, text: str) -> None:
    environment = {"EKA_KAFKA_BROKERS": "a:1", setting.variable: text}
    with pytest.raises(ConfigError) as caught:
        Settings.resolve({}, environment)
    assert_says(str(caught.value), setting, setting.variable, text)
    assert caught.value.code == "config.invalid"


@WRONG
def test_a_malformed_argument_is_named_shown_and_answered(setting: Setting, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        resolved(setting, argument=text)
    assert_says(str(caught.value), setting, setting.argument, text)


@EVERY
@pytest.mark.parametrize("value", [1.5, b"a:1", {}, {"a"}, object, [5], [None], (b"a",)], ids=repr)
def test_an_argument_of_another_type_is_refused(setting: Setting, value: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        resolved(setting, argument=value)
    assert str(caught.value).startswith(f"invalid {setting.argument} ")


def assert_says(message: str, setting: Setting, name: str, text: str) -> None:
    """A message names the setting, shows its value unless secret, and says what is allowed."""
    assert message.startswith(f"invalid {name} ")
    assert message.isprintable()
    assert len(message) < 300
    given, _, expected = message.removeprefix(f"invalid {name} ").partition(": expected ")
    if setting.secret:
        assert given == "a secret"
    elif len(text) < 80:
        assert given == repr(text)
    match setting.type:
        case "integer":
            assert expected == f"an integer from {setting.minimum} to {setting.maximum}"
        case "choice":
            assert expected == f"one of {', '.join(map(repr, setting.choices))}"
        case "boolean":
            assert expected == "true or false"
        case "list":
            assert expected == "addresses host:port, separated by commas"
        case "string":
            assert expected == "a string"


@EVERY
def test_the_client_reads_every_variable(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(setting.variable, next(malformed(setting)))
    arguments: dict[str, Any] = {} if setting.required else {"kafka_brokers": NO_BROKER}
    with pytest.raises(ConfigError, match=f"^invalid {setting.variable} "):
        EkaClient("checkout", **arguments)


def test_missing_brokers_are_a_value_error_that_says_how_to_give_them() -> None:
    with pytest.raises(ValueError, match="kafka brokers not configured") as caught:
        EkaClient("checkout")
    assert isinstance(caught.value, ConfigError)
    assert str(caught.value) == (
        "kafka brokers not configured: pass kafka_brokers= or set EKA_KAFKA_BROKERS"
    )


def test_brokers_are_not_missed_where_a_producer_or_kafka_config_has_them() -> None:
    EkaClient("checkout", producer=CollectingProducer()).shutdown()
    EkaClient("checkout", kafka_config={"bootstrap.servers": NO_BROKER}).shutdown()


def test_an_unknown_argument_is_a_type_error_with_the_nearest_name() -> None:
    with pytest.raises(TypeError) as caught:
        EkaClient("checkout", NO_BROKER, linger=5)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    assert str(caught.value) == "EkaClient() has no argument 'linger': did you mean 'linger_ms'?"


@pytest.mark.parametrize("value", ["", " ", "x" * 257, None, 5, b"name", "\ud800"], ids=ascii)
@pytest.mark.parametrize("parameter", ["service_name", "hostname"])
def test_a_name_that_cannot_stand_in_an_event_is_refused(parameter: str, value: Any) -> None:
    if (parameter, value) == ("hostname", None):
        return  # the machine's own
    arguments: dict[str, Any] = {"service_name": "checkout", parameter: value}
    with pytest.raises(
        ConfigError, match=f"^invalid {parameter} .*: expected a non-blank string of 1 to 25"
    ):
        EkaClient(producer=CollectingProducer(), **arguments)


def test_a_refused_client_leaves_nothing_behind() -> None:
    before = threading.active_count()
    refused: list[dict[str, Any]] = [
        {"linger_ms": "x"},
        {"kafka_config": {"bogus": 1}},
        {"hostname": ""},
    ]
    for arguments in refused:
        with pytest.raises(ConfigError):
            EkaClient("checkout", NO_BROKER, **arguments)
    assert threading.active_count() == before
