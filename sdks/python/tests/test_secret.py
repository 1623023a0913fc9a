"""Nothing that prints, copies or stores a secret shows it, until the Kafka client receives it."""

from __future__ import annotations

import copy
import json
import pickle
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from eka_usage import ConfigError, EkaClient, kafka_properties
from eka_usage._secret import PasswordFile, Secret, hide_properties, reveal_properties

from sdks.python.tests.support import NO_BROKER, shown
from sdks.python.tests.test_kafka_config import SASL, SECRET


@pytest.mark.parametrize("show", [str, repr, ascii, format, copy.copy, copy.deepcopy])
def test_a_secret_is_printed_as_stars(show: Any) -> None:
    assert str(show(Secret(SECRET))) == "***"
    assert str(copy.deepcopy({"a": Secret(SECRET)})) == "{'a': ***}"


def test_a_secret_cannot_be_stored() -> None:
    secret = Secret(SECRET)
    for store in (pickle.dumps, json.dumps, vars):
        with pytest.raises(TypeError) as caught:
            store(secret)
        assert SECRET not in "".join(traceback.format_exception(caught.value))
    assert secret.reveal() == SECRET


def test_secrets_of_the_pass_through_are_known_by_their_names() -> None:
    secrets = (
        "sasl.password",
        "ssl.key.password",
        "ssl.keystore.password",
        "ssl.key.pem",
        "ssl_key",
        "sasl.oauthbearer.config",
        "sasl.oauthbearer.client.secret",
        "sasl.oauthbearer.assertion.private.key.pem",
        "sasl.oauthbearer.assertion.private.key.passphrase",
    )
    others = (
        "sasl.username",
        "ssl.key.location",
        "sasl.oauthbearer.token.endpoint.url",
        "sasl.oauthbearer.assertion.private.key.file",
        "linger.ms",
    )
    given = dict.fromkeys((*secrets, *others), "value")
    hidden = hide_properties(given)
    assert {name for name, value in hidden.items() if isinstance(value, Secret)} >= set(secrets)
    assert not any(isinstance(hidden[name], Secret) for name in others[:3] + others[4:])
    assert reveal_properties(hidden) == given


def captured_locals(error: BaseException) -> str:
    """Returns what an error tracker shows of the variables in frames of the package."""
    trace, found = error.__traceback__, ""
    while trace is not None:
        if "eka_usage" in trace.tb_frame.f_code.co_filename:
            found += shown(trace.tb_frame.f_locals)
        trace = trace.tb_next
    return found


@pytest.mark.parametrize(
    "arguments",
    [
        {"sasl_password": SECRET},
        {"sasl_password": [SECRET]},
        {"sasl_pasword": SECRET},
        {"sasl_password": SECRET, "linger_ms": "x"},
        {**SASL, "sasl_password": SECRET, "kafka_config": {"bogus": 1}},
        {**SASL, "kafka_config": {"sasl.password": SECRET, "bogus": 1}},
        {**SASL, "kafka_config": {"ssl.key.password": [SECRET], "bogus": 1}},
        {"kafka_config": {"ssl.key.pem": SECRET}},
        {},
    ],
    ids=range(9),
)
def test_the_traceback_of_a_failed_constructor_has_no_secret_in_its_variables(
    arguments: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EKA_KAFKA_SASL_PASSWORD", SECRET)
    calls: list[Callable[..., object]] = [partial(EkaClient, "checkout")]
    if "kafka_config" not in arguments:
        calls.append(kafka_properties)
    for call in calls:
        with pytest.raises((ConfigError, TypeError)) as caught:
            call(NO_BROKER, **arguments)
        error: BaseException | None = caught.value
        while error is not None:
            assert SECRET not in str(error) + captured_locals(error)
            error = error.__cause__ or error.__context__


def test_a_client_whose_constructor_failed_has_a_repr() -> None:
    invalid: list[Any] = [{"linger_ms": "x"}, {"hostname": ""}, {"kafka_config": {"bogus": 1}}]
    for arguments in invalid:
        with pytest.raises(ConfigError) as caught:
            EkaClient("checkout", NO_BROKER, **arguments)
        trace = caught.value.__traceback__
        clients = []
        while trace is not None:
            clients.append(trace.tb_frame.f_locals.get("self"))
            trace = trace.tb_next
        assert any(repr(c).startswith("EkaClient(") for c in clients if isinstance(c, EkaClient))
    assert repr(EkaClient.__new__(EkaClient)) == "EkaClient(not created)"


def test_kafka_properties_have_the_password_and_do_not_print_it(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text(f"{SECRET}\n")
    choices: list[Any] = [{"sasl_password": SECRET}, {"sasl_password_file": str(file)}]
    for given in choices:
        properties = kafka_properties("a:1", **SASL, **given)
        assert properties["sasl.password"] == SECRET
        assert SECRET not in f"{properties} {properties!r}"


def test_a_password_file_that_cannot_be_read_just_now_keeps_its_last_password(
    tmp_path: Path,
) -> None:
    warnings: list[str] = []
    path = tmp_path / "password"
    path.write_text(f" {SECRET} \r\n")
    file = PasswordFile(str(path))
    assert file.read().reveal() == f" {SECRET} "
    path.unlink()
    assert file.latest(warnings.append).reveal() == f" {SECRET} "
    assert warnings == [f"password file {path} cannot be read: No such file or directory"]
    with pytest.raises(FileNotFoundError):
        PasswordFile(str(path)).latest(warnings.append)
