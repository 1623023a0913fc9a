"""Settings from arguments and the environment: resolved and checked before anything is sent."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from ._describe import describe_value, suggest
from ._errors import ConfigError
from ._generated.settings import SETTINGS, Setting

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ._generated.calls import SettingArguments

_BY_ARGUMENT = {setting.argument: setting for setting in SETTINGS}
_BY_NAME = {setting.name: setting for setting in SETTINGS}
_ADDRESS = re.compile(r"(?:[^\s,:/\[\]]+|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?")
# What Kafka's own settings have in front of an address, such as PLAINTEXT://.
_LISTENER = re.compile(r"^[^:/]+://(?=.)")
_DEFAULT_PORT = 9092
_SASL = frozenset({"sasl.mechanism", "sasl.mechanisms", "security.protocol"})
# A certificate or a key that the caller passes in another form.
_PEM = frozenset(
    {"ssl.certificate.location", "ssl.key.location", "ssl.certificate.pem", "ssl.key.pem"}
)
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}


class Settings:
    """The settings of one client, by their names in the schema."""

    def __init__(self, given: Mapping[str, tuple[Any, str, bool]]) -> None:
        self._values = {name: value for name, (value, _, _) in given.items()}
        self._names = {name: used for name, (_, used, _) in given.items()}
        self._configured = frozenset(
            name for name, (_, _, is_configured) in given.items() if is_configured
        )

    @classmethod
    def resolve(
        cls,
        arguments: Mapping[str, Any],
        environ: Mapping[str, str],
        not_required: Iterable[str] = (),
    ) -> Settings:
        """Resolves every setting: an argument overrides its variable, None and "" are not set.

        Raises:
            ConfigError: the first invalid setting, by the name that the caller used.
            TypeError: an argument that is not a setting.
        """
        for argument in arguments:
            if argument not in _BY_ARGUMENT:
                hint = suggest(argument, tuple(_BY_ARGUMENT))
                raise TypeError(f"EkaClient() has no argument {argument!r}: {hint}")
        given = {s.name: _resolved(s, arguments, environ) for s in SETTINGS}
        _, name, chosen = given["kafka_acks"]
        if given["spool"][0] == "durable" and not chosen:
            # A broker alone may lose what it acknowledged, and then the disk no longer has it.
            given["kafka_acks"] = ("all", name, False)
        resolved = cls(given)
        for setting in SETTINGS:
            is_required = setting.required and setting.name not in not_required
            if is_required and resolved[setting.name] is None and not resolved["disabled"]:
                raise ConfigError("config.invalid", _missing(setting))
        return resolved

    def require_credentials(self, overrides: Mapping[str, Any]) -> None:
        """Checks that SASL and the client's certificate are complete.

        librdkafka's own error is about its build, or comes from the broker.

        Raises:
            ConfigError: the first missing setting.
        """
        protocol = self["kafka_security_protocol"]
        if protocol.endswith("SSL") and overrides.keys().isdisjoint(_PEM):
            self._require_pair("kafka_ssl_certificate_location", "kafka_ssl_key_location")
        if not protocol.startswith("SASL") or not _SASL.isdisjoint(overrides):
            return  # overrides may name mechanisms that need other things
        for setting in SETTINGS:
            if setting.name.startswith("kafka_sasl_") and self[setting.name] is None:
                why = f"{self._names['kafka_security_protocol']} is {protocol}"
                raise ConfigError("config.invalid", f"{_missing(setting)}, as {why}")

    def _require_pair(self, *pair: str) -> None:
        for name, other in (pair, reversed(pair)):
            if self[name] is None and self[other] is not None:
                why = f"{self._names[other]} is {describe_value(self[other])}"
                raise ConfigError("config.invalid", f"{_missing(_BY_NAME[name])}, as {why}")

    def configured_by(self, name: str) -> str | None:
        """Returns the name by which a setting was configured; None if it has its default."""
        return self._names[name] if name in self._configured else None

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def librdkafka(self) -> dict[str, Any]:
        """Returns the properties of librdkafka that settings configure."""
        found: dict[str, Any] = {}
        for setting in SETTINGS:
            value = self._values[setting.name]
            if setting.librdkafka is not None and value is not None:
                found[setting.librdkafka] = ",".join(value) if setting.type == "list" else value
        return found

    def rejected(self, text: str, overrides: Mapping[str, Any]) -> ConfigError:
        """Returns the error for a configuration that librdkafka rejects with this text."""
        about = "configuration"
        for setting in SETTINGS:
            name, value = setting.librdkafka, self._values[setting.name]
            if setting.secret and value:
                text = text.replace(value, "***")
            elif name and name not in overrides and re.search(rf"\b{re.escape(name)}\b", text):
                about = f"{self._names[setting.name]} {describe_value(value)}"
        return ConfigError("config.invalid", f"invalid {about}: librdkafka reports: {text}")


def kafka_properties(
    kafka_brokers: str | list[str] | None = None, **settings: Unpack[SettingArguments]
) -> dict[str, Any]:
    """Returns the settings of Kafka as `EkaClient` resolves them, under librdkafka's names.

    They are for a consumer or an admin client of your own that reaches the same Kafka with the same
    environment variables.

    Args:
        kafka_brokers: addresses `host:port`, as a list or separated by commas.
        settings: see `docs/settings.md`; each overrides its environment variable.

    Raises:
        ConfigError: a setting cannot be used, or brokers or credentials are missing.
    """
    resolved = Settings.resolve({**settings, "kafka_brokers": kafka_brokers}, os.environ)
    resolved.require_credentials({})
    return resolved.librdkafka()


def kafka_config(given: Any) -> dict[str, Any]:
    """Returns the properties of librdkafka that the caller passed."""
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        hint, what = "a mapping of properties of librdkafka to values", describe_value(given)
        raise ConfigError.of("config.invalid", parameter="kafka_config", given=what, hint=hint)
    return dict(cast("Mapping[str, Any]", given))


def _resolved(
    setting: Setting,
    arguments: Mapping[str, Any],
    environ: Mapping[str, str],
) -> tuple[Any, str, bool]:
    """Returns the value, the name by which it was configured, and whether it was at all."""
    given, name = arguments.get(setting.argument), setting.argument
    if given is None:
        given, name = environ.get(setting.variable) or None, setting.variable
    if given is None:
        return setting.default, setting.argument, False
    value, expected = _READERS[setting.type](given, setting)
    if value is None:
        what = "a secret" if setting.secret else describe_value(given)
        raise ConfigError.of("config.invalid", parameter=name, given=what, hint=expected)
    return value, name, True


def _missing(setting: Setting) -> str:
    name = setting.name.replace("_", " ")
    return f"{name} not configured: pass {setting.argument}= or set {setting.variable}"


def _integer(given: Any, setting: Setting) -> tuple[int | None, str]:
    expected = f"an integer from {setting.minimum} to {setting.maximum}"
    text = str(given) if isinstance(given, (int, str)) and not isinstance(given, bool) else ""
    if not re.fullmatch(r"-?[0-9]{1,18}", text.strip()):
        return None, expected
    value = int(text)
    return (value if setting.minimum <= value <= setting.maximum else None), expected


def _boolean(given: Any, _: Setting) -> tuple[bool | None, str]:
    value = given if isinstance(given, bool) else _BOOLEANS.get(str(given).strip().lower())
    return value, "true or false"


def _choice(given: Any, setting: Setting) -> tuple[str | None, str]:
    text = str(given).strip().lower()
    match = next((choice for choice in setting.choices if choice.lower() == text), None)
    return match, f"one of {', '.join(map(repr, setting.choices))}"


def _string(given: Any, _: Setting) -> tuple[str | None, str]:
    return (given if isinstance(given, str) and given.strip() else None), "a string"


def _list(given: Any, _: Setting) -> tuple[list[str] | None, str]:
    expected = "addresses host:port, separated by commas"
    parts: Sequence[Any] = given.split(",") if isinstance(given, str) else given
    if not isinstance(given, (str, list, tuple)) or not all(isinstance(p, str) for p in parts):
        return None, expected
    items = [_LISTENER.sub("", part.strip()) for part in parts if part.strip()]
    return (items if items and all(map(_is_address, items)) else None), expected


def _is_address(text: str) -> bool:
    match = _ADDRESS.fullmatch(text)
    return match is not None and 0 < int(match[1] or _DEFAULT_PORT) < 65536


_READERS: Mapping[str, Callable[[Any, Setting], tuple[Any, str]]] = {
    "integer": _integer,
    "boolean": _boolean,
    "choice": _choice,
    "string": _string,
    "list": _list,
}
