"""Credentials, in every SDK: never in the clear unnoticed, and rotated without a restart."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from eka_usage import SETTINGS

from tests.broker import DevBroker
from tests.conformance.drivers import COMMANDS, Driver, Fault
from tests.conformance.test_scenarios import CALL, NO_BROKER
from tests.e2e.reader import read_events
from tests.waiting import eventually

USER, FORMER, LATTER = "billing", "hunter2-former", "hunter2-latter"
PROTECTING = [setting for setting in SETTINGS if setting.protocol]
IN_CLEAR = "the password is sent in the clear"

languages = pytest.mark.parametrize("language", sorted(COMMANDS))


@pytest.fixture(autouse=True)
def _no_spool(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EKA_SPOOL", "off")


@languages
def test_a_credential_without_the_protocol_for_it_is_an_error(language: str) -> None:
    with Driver(language) as driver:
        for setting in PROTECTING:
            value = setting.choices[0] if setting.choices else FORMER
            weaker = ["PLAINTEXT", "SSL"] if setting.protocol == "SASL" else ["PLAINTEXT"]
            for protocol in [None, *weaker]:
                settings = {"kafka_brokers": NO_BROKER, setting.name: value}
                if protocol is not None:
                    settings["kafka_security_protocol"] = protocol
                with pytest.raises(Fault) as caught:
                    driver.request("new", settings=settings)
                message = str(caught.value)
                assert "EKA_KAFKA_SECURITY_PROTOCOL to be " in message
                assert f"SASL_SSL, as {protocol or 'PLAINTEXT'} does not use it" in message
                assert FORMER not in message or not setting.secret


@languages
def test_a_variable_alone_is_as_much_an_error(language: str) -> None:
    with Driver(language, EKA_KAFKA_SASL_PASSWORD=FORMER) as driver:
        with pytest.raises(Fault, match="invalid EKA_KAFKA_SASL_PASSWORD a secret: expected"):
            driver.request("new", settings={"kafka_brokers": NO_BROKER})
        # Without Kafka there is nothing to protect.
        driver.request("new", settings={"disabled": True})


def _secured(broker: str, **more: str) -> dict[str, str]:
    return {
        "kafka_brokers": broker,
        "kafka_security_protocol": "SASL_PLAINTEXT",
        "kafka_sasl_mechanism": "PLAIN",
        "kafka_sasl_username": USER,
        **more,
    }


@languages
def test_a_password_file_must_contain_a_password_and_be_the_only_one(
    language: str, tmp_path: Path
) -> None:
    file = tmp_path / "password"
    refused = [(None, "no such file"), ("", "empty"), ("\n", "empty")]
    with Driver(language) as driver:
        for content, problem in refused:
            if content is not None:
                file.write_text(content)
            secured = _secured(NO_BROKER, kafka_sasl_password_file=str(file))
            with pytest.raises(Fault, match="a file that contains the password") as caught:
                driver.request("new", settings=secured)
            assert problem in str(caught.value).lower()
        both = {"kafka_sasl_password_file": str(file), "kafka_sasl_password": LATTER}
        with pytest.raises(Fault, match="expected no file, as there is"):
            driver.request("new", settings=_secured(NO_BROKER, **both))


@languages
@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-512"])
def test_a_password_that_is_rotated_in_its_file_needs_no_restart(
    language: str, mechanism: str, tmp_path: Path
) -> None:
    file = tmp_path / "password"
    file.write_text(f"{FORMER}\n")
    with DevBroker(sasl=f"{USER}:{FORMER}") as broker, Driver(language) as driver:
        more = {"kafka_sasl_mechanism": mechanism, "kafka_sasl_password_file": str(file)}
        driver.request("new", settings=_secured(broker.bootstrap, **more))
        accepted = driver.request("record", call=CALL, times=5)["accepted"]
        assert driver.request("flush", timeout=30_000)["queued"] == 0
        assert _arrived(broker, FORMER) == Counter(accepted)

        broker.sasl = f"{USER}:{LATTER}"
        broker.restart()  # its records were in memory only
        accepted = driver.request("record", call=CALL, times=5)["accepted"]
        _await_refusals(broker)
        file.write_text(LATTER)
        assert driver.request("flush", timeout=60_000)["queued"] == 0
        assert _arrived(broker, LATTER) == Counter(accepted)
        assert driver.request("stats")["failed"] == 0
        driver.request("shutdown")
        driver.end()


def _arrived(broker: DevBroker, password: str) -> Counter[str]:
    events = read_events(
        broker.bootstrap,
        security_protocol="SASL_PLAINTEXT",
        sasl_mechanism="PLAIN",
        sasl_username=USER,
        sasl_password=password,
    )
    return Counter(event.event_id for event in events)


def _await_refusals(broker: DevBroker) -> None:
    """Waits until the client has tried with the former password, and again."""
    logins = broker.logins()
    eventually(lambda: broker.logins() > logins + 1, "the client does not authenticate again")


@languages
@pytest.mark.parametrize(
    ("mechanism", "warnings"), [("PLAIN", 1), ("SCRAM-SHA-512", 0)], ids=["PLAIN", "SCRAM"]
)
def test_a_password_in_the_clear_is_warned_about_once(
    language: str, mechanism: str, warnings: int, capfd: pytest.CaptureFixture[str]
) -> None:
    with DevBroker(sasl=f"{USER}:{FORMER}") as broker, Driver(language) as driver:
        more = {"kafka_sasl_mechanism": mechanism, "kafka_sasl_password": FORMER}
        driver.request("new", settings=_secured(broker.bootstrap, **more))
        driver.request("record", call=CALL, times=3)
        assert driver.request("flush", timeout=30_000)["queued"] == 0
        driver.request("shutdown")
        driver.end()
    printed = capfd.readouterr().err
    assert printed.count(IN_CLEAR) == warnings
    assert FORMER not in printed
