"""Each setting is read from the environment, overridden by its argument, rejected if malformed.

The tests iterate over the generated table, so that they cover a new setting as it is added.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from eka_usage import ConfigError, EkaClient
from eka_usage._describe import describe_value
from eka_usage._generated.settings import SETTINGS, Setting
from eka_usage._secret import reveal
from eka_usage._settings import Settings

from sdks.python.tests.support import NO_BROKER, CollectingProducer

REQUIRED = {setting.argument: "in-memory:1" for setting in SETTINGS if setting.required}


def resolved(setting: Setting, argument: Any = None, variable: str | None = None) -> Any:
    """Returns the value of a setting, given its argument and its environment variable."""
    arguments = {**REQUIRED, setting.argument: argument}
    settings = Settings.resolve(
        {name: value for name, value in arguments.items() if value is not None},
        {} if variable is None else {setting.variable: variable},
    )
    return reveal(settings[setting.name])


def valid(setting: Setting) -> Iterator[tuple[str, Any]]:
    """Yields valid texts, each with the value that it stands for."""
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
    """Yields malformed texts."""
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
            if setting.max_length:
                yield "x" * (setting.max_length + 1)


EACH_SETTING = pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
VALID_TEXTS = pytest.mark.parametrize(
    ("setting", "text", "value"),
    [(setting, *pair) for setting in SETTINGS for pair in valid(setting)],
    ids=lambda part: part.name if isinstance(part, Setting) else repr(part)[:20],
)
MALFORMED = pytest.mark.parametrize(
    ("setting", "text"),
    [(setting, text) for setting in SETTINGS for text in malformed(setting)],
    ids=lambda part: part.name if isinstance(part, Setting) else ascii(part)[:20],
)


@EACH_SETTING
def test_every_setting_has_valid_and_malformed_examples(setting: Setting) -> None:
    assert list(valid(setting))
    assert list(malformed(setting))


@VALID_TEXTS
def test_an_environment_variable_is_read(setting: Setting, text: str, value: Any) -> None:
    if not setting.required:
        assert resolved(setting, variable=text) == value
    settings = Settings.resolve({}, {"EKA_KAFKA_BROKERS": "a:1", setting.variable: text})
    assert reveal(settings[setting.name]) == value


@VALID_TEXTS
def test_an_argument_may_be_text_or_a_value_of_the_settings_type(
    setting: Setting, text: str, value: Any
) -> None:
    assert resolved(setting, argument=text) == value
    assert resolved(setting, argument=value) == value


@VALID_TEXTS
def test_an_argument_overrides_even_a_malformed_variable(
    setting: Setting, text: str, value: Any
) -> None:
    for wrong in malformed(setting):
        assert resolved(setting, argument=text, variable=wrong) == value


@EACH_SETTING
def test_an_empty_variable_counts_as_unset(setting: Setting) -> None:
    if not setting.required:
        assert resolved(setting, variable="") == resolved(setting) == setting.default


@MALFORMED
def test_a_malformed_variable_is_rejected_with_its_name_and_value(
    setting: Setting, text: str
) -> None:
    environment = {"EKA_KAFKA_BROKERS": "a:1", setting.variable: text}
    with pytest.raises(ConfigError) as caught:
        Settings.resolve({}, environment)
    assert_explains(str(caught.value), setting, setting.variable, text)
    assert caught.value.code == "config.invalid"


@MALFORMED
def test_a_malformed_argument_is_rejected_with_its_name_and_value(
    setting: Setting, text: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        resolved(setting, argument=text)
    assert_explains(str(caught.value), setting, setting.argument, text)


@EACH_SETTING
@pytest.mark.parametrize("value", [1.5, b"a:1", {}, {"a"}, object, [5], [None], (b"a",)], ids=repr)
def test_an_argument_of_another_type_is_rejected(setting: Setting, value: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        resolved(setting, argument=value)
    assert str(caught.value).startswith(f"invalid {setting.argument} ")


def assert_explains(message: str, setting: Setting, name: str, text: str) -> None:
    """Asserts that a message names the setting and what it may be, and shows no secret."""
    assert message.startswith(f"invalid {name} ")
    assert message.isprintable()
    assert len(message) < 300
    given, _, expected = message.removeprefix(f"invalid {name} ").partition(": expected ")
    if setting.secret:
        assert given == "a secret"
    elif len(text) < 80:
        assert given == describe_value(text)
    match setting.type:
        case "integer":
            assert expected == f"an integer from {setting.minimum} to {setting.maximum}"
        case "choice":
            assert expected == f"one of {', '.join(map(repr, setting.choices))}"
        case "boolean":
            assert expected == "true or false"
        case "list":
            assert expected == "addresses host:port, separated by commas"
        case "string" if setting.max_length:
            lengths = f"{setting.min_length} to {setting.max_length}"
            assert expected == f"a non-blank string of {lengths} characters"
        case "string":
            assert expected == "a string"


@EACH_SETTING
def test_the_client_reads_every_environment_variable(
    setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(setting.variable, next(malformed(setting)))
    arguments: dict[str, Any] = {} if setting.required else {"kafka_brokers": NO_BROKER}
    with pytest.raises(ConfigError, match=f"^invalid {setting.variable} "):
        EkaClient("checkout", **arguments)


def test_missing_brokers_raise_a_value_error_that_explains_how_to_set_them() -> None:
    with pytest.raises(ValueError, match="kafka brokers not configured") as caught:
        EkaClient("checkout")
    assert isinstance(caught.value, ConfigError)
    assert str(caught.value) == (
        "kafka brokers not configured: pass kafka_brokers= or set EKA_KAFKA_BROKERS"
    )


def test_brokers_are_optional_with_a_producer_or_in_kafka_config() -> None:
    EkaClient("checkout", producer=CollectingProducer()).shutdown()
    EkaClient("checkout", kafka_config={"bootstrap.servers": NO_BROKER}).shutdown()


def test_an_unknown_argument_raises_a_type_error_with_the_nearest_name() -> None:
    with pytest.raises(TypeError) as caught:
        EkaClient("checkout", NO_BROKER, linger=5)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    assert str(caught.value) == "EkaClient() has no argument 'linger': did you mean 'linger_ms'?"


@pytest.mark.parametrize("value", ["", " ", "x" * 257, None, 5, b"name", "\ud800"], ids=ascii)
@pytest.mark.parametrize("parameter", ["service_name", "hostname"])
def test_an_invalid_service_name_or_hostname_is_rejected(parameter: str, value: Any) -> None:
    if (parameter, value) == ("hostname", None):
        return  # the machine's hostname
    arguments: dict[str, Any] = {"service_name": "checkout", parameter: value}
    with pytest.raises(
        ConfigError, match=f"^invalid {parameter} .*: expected a non-blank string of 1 to 25"
    ):
        EkaClient(producer=CollectingProducer(), **arguments)


def test_a_failed_construction_leaves_no_thread_behind() -> None:
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
