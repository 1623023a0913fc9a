"""The properties that librdkafka receives and rejects, and the secrets that never show."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
from eka_usage import ConfigError, EkaClient, kafka_properties
from eka_usage._generated.settings import SETTINGS
from eka_usage._secret import reveal_properties
from eka_usage._settings import Settings
from eka_usage._transports.kafka import _config

from sdks.python.tests.support import (
    NO_BROKER,
    VALID,
    CollectingProducer,
    ReportedErrors,
    shown,
)
from tests.waiting import eventually

SECRET = "hunter2-hunter2"
SASL: dict[str, Any] = {
    "security_protocol": "SASL_SSL",
    "sasl_mechanism": "PLAIN",
    "sasl_username": "checkout",
}


def config(overrides: dict[str, Any] | None = None, /, **arguments: Any) -> dict[str, Any]:
    """Returns the properties that librdkafka receives."""
    settings = Settings.resolve({"kafka_brokers": "a:1,b:2", **arguments}, {})
    return reveal_properties(_config(settings, overrides or {}))


def test_the_default_properties_are_those_of_the_schema() -> None:
    assert config() == {
        "bootstrap.servers": "a:1,b:2",
        "linger.ms": 50,
        "batch.size": 65536,
        "compression.type": "lz4",
        "acks": "1",
        "retries": 2_147_483_647,
        "retry.backoff.ms": 100,
        "retry.backoff.max.ms": 1000,
        "security.protocol": "PLAINTEXT",
        "message.timeout.ms": 300_000,
        "client.id": "eka-usage",
        "partitioner": "murmur2_random",
        "queue.buffering.max.messages": 99_999,
        "queue.buffering.max.kbytes": 65536,
        "delivery.report.only.error": True,
        "enable.metrics.push": False,
    }


@pytest.mark.parametrize(
    "setting", [s for s in SETTINGS if s.librdkafka], ids=lambda setting: setting.name
)
def test_every_setting_sets_its_librdkafka_property(setting: Any) -> None:
    value = {
        "integer": setting.minimum + 1,
        "choice": setting.choices[-1] if setting.choices else "",
        "string": "text",
        "list": ["c:3", "d:4"],
    }[setting.type]
    written = ",".join(value) if isinstance(value, list) else value
    if setting.name == "kafka_retries":
        written = 2_147_483_647  # all that librdkafka retries are rejections that can pass
    assert config(**{setting.argument: value})[setting.librdkafka] == written


def test_a_long_pause_between_retries_raises_the_longest() -> None:
    assert config(retry_delay_ms=999)["retry.backoff.max.ms"] == 1000
    assert config(retry_delay_ms=30_000)["retry.backoff.max.ms"] == 30_000
    overridden = config({"retry.backoff.max.ms": 7}, retry_delay_ms=5)
    assert overridden["retry.backoff.max.ms"] == 7


def test_acks_all_turns_idempotence_on() -> None:
    assert config(acks="all")["enable.idempotence"] is True
    assert "enable.idempotence" not in config(acks="1")


def test_an_idempotent_producer_has_one_request_in_flight_unless_configured_otherwise() -> None:
    assert config(acks="all")["max.in.flight"] == 1
    assert "max.in.flight" not in config(acks="1")
    name = "max.in.flight.requests.per.connection"
    found = config({name: 5}, acks="all")
    assert (found[name], "max.in.flight" in found) == (5, False)


def test_kafka_config_overrides_settings_and_adds_properties() -> None:
    found = config({"linger.ms": 7, "partitioner": "random", "client.id": "me"}, linger_ms=5)
    assert (found["linger.ms"], found["partitioner"], found["client.id"]) == (7, "random", "me")


@pytest.mark.parametrize(
    ("kafka_config", "message"),
    [
        ({"bogus.property": 1}, "bogus.property"),
        ({"linger.ms": "soon"}, "queue.buffering.max.ms"),  # its other name
        ({"enable.idempotence": True, "acks": 1}, "acks"),
        ({5: 1}, "librdkafka reports"),
        ({"partitioner": "bogus"}, "partitioner"),
        (5, "kafka_config"),
        ([1], "kafka_config"),
        ("a:1", "kafka_config"),
    ],
    ids=lambda part: str(part)[:20],
)
def test_an_invalid_kafka_config_is_rejected_at_construction(
    kafka_config: Any, message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        EkaClient("checkout", NO_BROKER, kafka_config)
    assert caught.value.code == "config.invalid"
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"security_protocol": "SSL", "ssl_ca_location": "/no/such/ca.pem"},
            "invalid ssl_ca_location '/no/such/ca.pem': librdkafka reports: Failed",
        ),
        (
            {"security_protocol": "SASL_SSL"},
            "sasl_mechanism= or set EKA_KAFKA_SASL_MECHANISM, as security_protocol is SASL_SSL",
        ),
        (
            {"security_protocol": "SASL_PLAINTEXT", "sasl_mechanism": "PLAIN"},
            "sasl username not configured",
        ),
        (
            {
                "security_protocol": "SASL_SSL",
                "sasl_mechanism": "PLAIN",
                "sasl_username": "checkout",
            },
            "sasl password not configured",
        ),
    ],
)
def test_tls_and_sasl_settings_that_cannot_work_are_rejected_at_construction(
    arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        EkaClient("checkout", NO_BROKER, **arguments)
    assert message in str(caught.value)


def test_the_message_names_the_environment_variable_that_set_the_value(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("EKA_KAFKA_SECURITY_PROTOCOL", "SSL")
    monkeypatch.setenv("EKA_KAFKA_SSL_CA_LOCATION", "/no/such/ca.pem")
    with pytest.raises(ConfigError, match=r"invalid EKA_KAFKA_SSL_CA_LOCATION '/no/such/ca\.pem'"):
        EkaClient("checkout", NO_BROKER)


def test_a_sasl_mechanism_in_kafka_config_requires_no_credentials() -> None:
    overrides = {"sasl.mechanism": "OAUTHBEARER"}
    EkaClient("checkout", NO_BROKER, overrides, security_protocol="SASL_SSL").shutdown()


def test_an_injected_producer_requires_no_credentials_and_no_certificates() -> None:
    EkaClient(
        "checkout",
        producer=CollectingProducer(),
        security_protocol="SASL_SSL",
        ssl_ca_location="/no/such",
    ).shutdown()


def test_a_ca_file_without_a_certificate_is_rejected(tmp_path: Path) -> None:
    authority = tmp_path / "ca.pem"
    authority.write_text("not a certificate")
    message = r"^invalid ssl_ca_location .*librdkafka reports: .*no cert"
    with pytest.raises(ConfigError, match=message):
        EkaClient("checkout", NO_BROKER, security_protocol="SSL", ssl_ca_location=str(authority))


def printed_forms(*things: object) -> str:
    """Returns everything that a log could print of these objects."""
    return " ".join(f"{thing} {thing!r}" for thing in things)


@pytest.mark.parametrize(
    "arguments",
    [
        {"sasl_password": SECRET, "linger_ms": "x"},
        {"sasl_password": SECRET},
        {"sasl_password": [SECRET]},
        {**SASL, "sasl_password": SECRET, "kafka_config": {"bogus": SECRET}},
        {**SASL, "sasl_password": SECRET, "kafka_config": {"linger.ms": SECRET}},
        {**SASL, "kafka_config": {"sasl.password": SECRET, "linger.ms": SECRET}},
        {**SASL, "kafka_config": {"sasl.password": [SECRET], "bogus": 1}},
        {**SASL, "kafka_config": {"ssl.key.password": SECRET, "bogus": 1}},
        {"kafka_config": {"ssl.key.password": SECRET}},
        {"kafka_config": {"ssl.key.pem": SECRET}, "security_protocol": "SSL"},
        {"kafka_config": {"sasl.oauthbearer.client.secret": SECRET}, "security_protocol": "SSL"},
        {
            "sasl_password": SECRET,
            "security_protocol": "SASL_SSL",
            "sasl_mechanism": "PLAIN",
            "ssl_ca_location": f"/{SECRET}.pem",
        },
    ],
    ids=range(12),
)
def test_a_config_error_never_shows_a_secret(
    arguments: dict[str, Any], caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(ConfigError) as caught:
        EkaClient("checkout", NO_BROKER, **arguments)
    error: BaseException | None = caught.value
    while error is not None:
        assert SECRET not in printed_forms(error)
        error = error.__cause__ or error.__context__
    assert SECRET not in caplog.text + "".join(capfd.readouterr())


def test_a_malformed_secret_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    for secret in (s for s in SETTINGS if s.secret):
        with pytest.raises(ConfigError) as caught:
            Settings.resolve({"kafka_brokers": "a:1", secret.argument: [SECRET]}, {})
        assert SECRET not in printed_forms(caught.value)


def test_connection_errors_are_logged_without_the_secret(
    errors: ReportedErrors, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    client = EkaClient(
        "checkout",
        NO_BROKER,
        {"debug": "all", "reconnect.backoff.ms": 10},
        errors,
        debug=True,
        security_protocol="SASL_PLAINTEXT",
        sasl_mechanism="PLAIN",
        sasl_username="somebody",
        sasl_password=SECRET,
    )
    client.record(**VALID)
    eventually(lambda: "Connection refused" in caplog.text)
    client.shutdown(0)
    printed = printed_forms(client, client.stats(), shown(client), errors, client._settings)
    assert SECRET not in printed + caplog.text + "".join(capfd.readouterr())
    assert "somebody" not in repr(client)


def test_librdkafka_logs_through_the_packages_logger(
    errors: ReportedErrors, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    client = EkaClient("checkout", NO_BROKER, on_error=errors)
    client.record(**VALID)
    eventually(lambda: "Connection refused" in caplog.text)
    client.shutdown(0)
    assert {record.name for record in caplog.records} == {"eka_usage"}
    assert capfd.readouterr() == ("", "")


def test_kafka_properties_are_the_settings_of_a_client_under_librdkafkas_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("EKA_KAFKA_RETRIES", "7")
    properties = kafka_properties("a:1,b:2", acks="all", max_queue_events=5)
    expected = {"bootstrap.servers": "a:1,b:2", "acks": "all", "retries": 7, "linger.ms": 50}
    assert {name: properties[name] for name in expected} == expected
    assert "sasl.password" not in properties


def test_kafka_properties_require_brokers_and_credentials() -> None:
    with pytest.raises(ConfigError, match="kafka brokers not configured"):
        kafka_properties()
    with pytest.raises(ConfigError, match="as security_protocol is SASL_SSL"):
        kafka_properties("a:1", security_protocol="SASL_SSL")
