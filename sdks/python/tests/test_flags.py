"""Settings as flags and as a mapping, which arguments override, and which override variables."""

from __future__ import annotations

import argparse
from typing import Any

import eka_usage
import pytest
from eka_usage import ConfigError, EkaClient
from eka_usage._config import arguments_of
from eka_usage._flags import flag_of
from eka_usage._generated.settings import SETTINGS, Setting
from eka_usage._secret import Secret
from eka_usage._settings import Settings

from sdks.python.tests.support import NO_BROKER, CollectingProducer

LINGER = next(setting for setting in SETTINGS if setting.name == "kafka_linger_ms")
PASSWORD = next(setting for setting in SETTINGS if setting.secret)
FLAGS = [setting for setting in SETTINGS if not setting.secret]


def parsed(*flags: str) -> Any:
    """Returns the configuration of flags, beside a flag of the host's."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--disabled", default="the host's")
    eka_usage.add_arguments(parser)
    return eka_usage.config_of(parser.parse_args(flags))


def written(setting: Setting) -> str:
    """Returns a valid text that is not the default."""
    if setting.type == "boolean":
        return "false" if setting.default else "true"
    if setting.type == "integer":
        return str(setting.minimum + 1)
    return setting.choices[-1] if setting.choices else "c:3"


@pytest.mark.parametrize("setting", FLAGS, ids=lambda setting: setting.name)
def test_a_flag_sets_what_its_variable_sets(setting: Setting) -> None:
    text = written(setting)
    by_variable = Settings.resolve(
        {}, {setting.variable: text}, not_required=[s.name for s in SETTINGS]
    )
    for given in ([f"{flag_of(setting)}={text}"], [flag_of(setting), text]):
        arguments = arguments_of(parsed(*given))
        assert list(arguments) == [setting.argument]
        found = Settings.resolve(arguments, {}, not_required=[s.name for s in SETTINGS])
        assert found[setting.name] == by_variable[setting.name]


def test_an_argument_overrides_a_flag_which_overrides_a_variable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def linger(config: Any, **arguments: Any) -> Any:
        producer = CollectingProducer()
        given = {"service_name": "tests", "producer": producer, **arguments}
        with EkaClient.from_config(config, **given) as client:
            return client._settings["kafka_linger_ms"]

    flag = flag_of(LINGER)
    monkeypatch.setenv(LINGER.variable, "7")
    assert linger(parsed()) == 7
    assert linger(parsed(f"{flag}=")) == 7
    assert linger(parsed(f"{flag}=8")) == 8
    assert linger(parsed(f"{flag}=9", f"{flag}=8")) == 8
    assert linger(parsed(f"{flag}=8"), linger_ms=9) == 9
    assert linger(parsed(f"{flag}=8"), linger_ms=None) == 8
    assert linger({LINGER.name: 8}) == 8
    assert linger({LINGER.name: 8}, linger_ms=9) == 9
    assert linger({LINGER.name: None}) == 7


def test_a_secret_has_no_flag_but_may_be_configured(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parsed("--help")
    shown = capsys.readouterr().out
    assert all(flag_of(setting) in shown for setting in FLAGS)
    assert f"{flag_of(PASSWORD)} " not in shown
    configured = arguments_of({PASSWORD.name: "hunter2-hunter2"})
    assert isinstance(configured[PASSWORD.argument], Secret)


def test_no_variable_of_a_traceback_has_a_secret_of_the_configuration() -> None:
    bad = {LINGER.name: "soon"}
    for given, arguments in (
        ({PASSWORD.name: "hunter2-hunter2", **bad}, {}),
        ({"kafka_sasl_pasword": "hunter2-hunter2"}, {}),
        (bad, {PASSWORD.argument: "hunter2-hunter2"}),
        (bad, {"kafka_config": {"sasl.password": "hunter2-hunter2"}}),
    ):
        with pytest.raises(ConfigError) as caught:
            EkaClient.from_config(given, service_name="tests", **arguments)
        frames = [entry for entry in caught.traceback if "eka_usage/_" in str(entry.path)]
        assert frames
        assert not [one for one in frames if "hunter2" in repr(one.frame.f_locals)]


def test_a_mapping_alone_creates_a_client() -> None:
    config = {"service_name": "checkout", "kafka_brokers": [NO_BROKER], "spool": "off"}
    with EkaClient.from_config({**config, "shutdown_timeout_ms": 0}) as client:
        assert "service_name='checkout'" in repr(client)


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (
            {"kafka_broker": "hush"},
            "expected the name of a setting: did you mean 'kafka_brokers'?",
        ),
        ({LINGER.name: "soon"}, f"invalid {LINGER.name} 'soon': expected an integer from"),
        ({PASSWORD.name: 7.5}, f"invalid {PASSWORD.name} a secret: expected a string"),
        ("linger", "invalid config 'linger': expected a mapping"),
        (parsed(f"{flag_of(LINGER)}=soon"), f"invalid {flag_of(LINGER)} 'soon': expected an"),
    ],
)
def test_an_error_names_what_was_configured(config: Any, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        EkaClient.from_config(config, service_name="tests", producer=CollectingProducer())
    assert expected in str(caught.value)
    assert caught.value.code == "config.invalid"
    assert "hush" not in str(caught.value)
