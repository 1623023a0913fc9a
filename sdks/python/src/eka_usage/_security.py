"""Checks that what protects the connection to Kafka is complete and has an effect."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ._describe import describe_value
from ._errors import ConfigError
from ._generated.settings import SETTINGS, Setting
from ._secret import why_unreadable
from ._settings import Settings, describe_setting, missing

_BY_NAME = {setting.name: setting for setting in SETTINGS}
_PROTOCOL, _MECHANISM = "kafka_security_protocol", "kafka_sasl_mechanism"
_PASSWORD, _PASSWORD_FILE = "kafka_sasl_password", "kafka_sasl_password_file"
_CERTIFICATE, _KEY = "kafka_ssl_certificate_location", "kafka_ssl_key_location"
_MECHANISMS = ("sasl.mechanism", "sasl.mechanisms")
# A certificate or a key that the caller passes in another form.
_PEM = frozenset(
    {"ssl.certificate.location", "ssl.key.location", "ssl.certificate.pem", "ssl.key.pem"}
)


def check(settings: Settings, overrides: Mapping[str, Any]) -> None:
    """Checks the settings and properties of TLS and SASL.

    librdkafka's own error is about its build, or comes from the broker; and without the protocol
    it ignores credentials, and sends everything in the clear.

    Raises:
        ConfigError: the first one that is missing, or has no effect.
    """
    protocol = _protocol(settings, overrides)
    for setting in SETTINGS:
        name, needed = setting.name, setting.protocol
        if needed and needed not in protocol and settings.configured_by(name) is not None:
            given = describe_setting(setting, settings[name])
            raise _without_effect(settings.name_of(name), given, needed, protocol)
    for name in overrides:
        needed = str(name).partition(".")[0].upper()
        if needed in {"SASL", "SSL"} and needed not in protocol:
            raise _without_effect("kafka_config", describe_value(name), needed, protocol)
    if protocol.endswith("SSL") and overrides.keys().isdisjoint(_PEM):
        _require_other(settings, _CERTIFICATE, _KEY)
        _require_other(settings, _KEY, _CERTIFICATE)
    # A mechanism among the overrides may need other things.
    if protocol.startswith("SASL") and overrides.keys().isdisjoint(_MECHANISMS):
        _check_credentials(settings, overrides, protocol)


def sends_password_in_clear(settings: Settings, overrides: Mapping[str, Any]) -> bool:
    """Returns whether anybody on the network can read the password."""
    given = (overrides.get(name) for name in _MECHANISMS)
    mechanism = next(filter(None, given), settings[_MECHANISM])
    in_clear = _protocol(settings, overrides) == "SASL_PLAINTEXT"
    return in_clear and str(mechanism).upper() == "PLAIN"


def _protocol(settings: Settings, overrides: Mapping[str, Any]) -> str:
    return str(overrides.get("security.protocol", settings[_PROTOCOL])).upper()


def _check_credentials(settings: Settings, overrides: Mapping[str, Any], protocol: str) -> None:
    required = [s for s in SETTINGS if s.protocol == "SASL" and s.name != _PASSWORD_FILE]
    for setting in required:
        is_given = settings[setting.name] is not None or setting.librdkafka in overrides
        if setting.name == _PASSWORD and settings.password_file is not None:
            _check_password_file(settings)
        elif not is_given:
            why = f"{settings.name_of(_PROTOCOL)} is {protocol}"
            raise ConfigError("config.invalid", f"{missing(setting)}, as {why}")


def _check_password_file(settings: Settings) -> None:
    hint = f"no file, as there is {settings.configured_by(_PASSWORD)}"
    if settings[_PASSWORD] is None:
        why = _unreadable(settings)
        if why is None:
            return
        hint = f"a file that contains the password: {why}"
    name, given = settings.name_of(_PASSWORD_FILE), describe_value(settings[_PASSWORD_FILE])
    raise ConfigError.of("config.invalid", parameter=name, given=given, hint=hint)


def _unreadable(settings: Settings) -> str | None:
    try:
        if settings.password_file is not None:
            settings.password_file.read()
    except (OSError, ValueError) as error:
        return why_unreadable(error)
    return None


def _require_other(settings: Settings, given: str, other: str) -> None:
    if settings[given] is not None and settings[other] is None:
        why = f"{settings.name_of(given)} is {describe_value(settings[given])}"
        raise ConfigError("config.invalid", f"{missing(_BY_NAME[other])}, as {why}")


def _without_effect(name: str, given: str, needed: str, protocol: str) -> ConfigError:
    choice: Setting = _BY_NAME[_PROTOCOL]
    usable = " or ".join(name for name in choice.choices if needed in name)
    hint = f"{choice.argument} or {choice.variable} to be {usable}, as {protocol} does not use it"
    return ConfigError.of("config.invalid", parameter=name, given=given, hint=hint)
