"""Settings from arguments and the environment: resolved and checked before anything is sent."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, cast

from ._describe import describe_value, suggest
from ._errors import ConfigError
from ._generated.limits import BLANK
from ._generated.settings import SETTINGS, Setting
from ._json_text import is_well_formed
from ._secret import (
    PasswordFile,
    hide,
    hide_properties,
    reveal,
    without_secrets,
)

_BY_ARGUMENT = {setting.argument: setting for setting in SETTINGS}
_ADDRESS = re.compile(r"(?:[^\s,:/\[\]]+|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?")
# What Kafka's own settings have in front of an address, such as PLAINTEXT://.
_LISTENER = re.compile(r"^[^:/]+://(?=.)")
_DEFAULT_PORT = 9092
_PASSWORD = "sasl.password"  # noqa: S105  its name
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}


class Settings:
    """The settings of one client, by their names in the schema."""

    def __init__(self, given: Mapping[str, tuple[Any, str, bool]]) -> None:
        self._values = {name: value for name, (value, _, _) in given.items()}
        self._names = {name: used for name, (_, used, _) in given.items()}
        self._configured = frozenset(
            name for name, (_, _, is_configured) in given.items() if is_configured
        )
        path = self._values["kafka_sasl_password_file"]
        self.password_file = None if path is None else PasswordFile(path)
        path = self._values["http_token_file"]
        self.token_file = None if path is None else PasswordFile(path)

    @classmethod
    def resolve(
        cls,
        arguments: Mapping[str, Any],
        environ: Mapping[str, str] | None = None,
        not_required: Iterable[str] = (),
    ) -> Settings:
        """Resolves every setting: an argument overrides its variable, None and "" are not set.

        Args:
            arguments: of the client.
            environ: the process's by default.
            not_required: names of required settings that may be missing.

        Raises:
            ConfigError: the first invalid setting, by the name that the caller used.
            TypeError: an argument that is not a setting.
        """
        arguments = hide_arguments(arguments)
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
        needs_nothing = resolved["disabled"] or resolved.uses_http
        for setting in SETTINGS:
            is_required = setting.required and setting.name not in not_required
            if is_required and resolved[setting.name] is None and not needs_nothing:
                raise ConfigError("config.invalid", missing(setting))
        return resolved

    @property
    def uses_http(self) -> bool:
        """Whether events go to the HTTP API instead of to Kafka."""
        return bool(self["transport"] == "http")

    def configured_by(self, name: str) -> str | None:
        """Returns the name by which a setting was configured; None if it has its default."""
        return self._names[name] if name in self._configured else None

    def name_of(self, name: str) -> str:
        """Returns the name by which a setting was configured, or could be."""
        return self._names[name]

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def password_property(self, warn: Callable[[str], object]) -> dict[str, Any]:
        """Returns the property with the password of the file, if there is one."""
        return {} if self.password_file is None else {_PASSWORD: self.password_file.latest(warn)}

    def librdkafka(self) -> dict[str, Any]:
        """Returns the properties of librdkafka that settings configure, their secrets hidden."""
        found: dict[str, Any] = {}
        for setting in SETTINGS:
            value = self._values[setting.name]
            if setting.librdkafka is not None and value is not None:
                found[setting.librdkafka] = ",".join(value) if setting.type == "list" else value
        return found

    def rejected(self, text: str, overrides: Mapping[str, Any]) -> ConfigError:
        """Returns the error for a configuration that librdkafka rejects with this text."""
        about = "configuration"
        text = without_secrets(text, {**self._values, **overrides})
        for setting in SETTINGS:
            name, value = setting.librdkafka, self._values[setting.name]
            if setting.secret or not name or name in overrides:
                continue
            if re.search(rf"\b{re.escape(name)}\b", text):
                about = f"{self._names[setting.name]} {describe_value(value)}"
        return ConfigError("config.invalid", f"invalid {about}: librdkafka reports: {text}")


def kafka_config(given: Any) -> dict[str, Any]:
    """Returns the properties of librdkafka that the caller passed."""
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        hint, what = "a mapping of properties of librdkafka to values", describe_value(given)
        raise ConfigError.of("config.invalid", parameter="kafka_config", given=what, hint=hint)
    return hide_properties(cast("Mapping[str, Any]", given))


def hide_arguments(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Returns arguments of the client; those that are secrets, or unknown, are hidden."""
    return {
        name: value if name in _BY_ARGUMENT and not _BY_ARGUMENT[name].secret else hide(value)
        for name, value in arguments.items()
    }


def describe_setting(setting: Setting, value: Any) -> str:
    """Returns the value of a setting as a message shows it."""
    return "a secret" if setting.secret else describe_value(reveal(value))


def _resolved(
    setting: Setting,
    arguments: Mapping[str, Any],
    environ: Mapping[str, str] | None,
) -> tuple[Any, str, bool]:
    """Returns the value, the name by which it was configured, and whether it was at all."""
    given, name = arguments.get(setting.argument), setting.argument
    if given is None:
        given, name = _variable(setting, environ), setting.variable
    if given is None:
        return setting.default, setting.argument, False
    return read_setting(setting, given, name), name, True


def read_setting(setting: Setting, given: Any, name: str) -> Any:
    """Returns the value of a setting that was given as `name`; a secret is hidden.

    Raises:
        ConfigError: the setting does not allow it.
    """
    given = hide(given) if setting.secret else given
    value, expected = _READERS[setting.type](reveal(given), setting)
    if value is None:
        what = describe_setting(setting, given)
        raise ConfigError.of("config.invalid", parameter=name, given=what, hint=expected)
    return hide(value) if setting.secret else value


def _variable(setting: Setting, environ: Mapping[str, str] | None) -> Any:
    # The environment is in no variable of a function that raises, as it has everybody's secrets.
    value = (os.environ if environ is None else environ).get(setting.variable) or None
    return hide(value) if setting.secret else value


def missing(setting: Setting) -> str:
    """Returns the message for a setting that is required, without its end."""
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


def _string(given: Any, setting: Setting) -> tuple[str | None, str]:
    text = given if isinstance(given, str) and given.strip(BLANK) else None
    if not setting.max_length:
        return text, "a string"
    fits = (
        text is not None
        and setting.min_length <= len(text) <= setting.max_length
        and is_well_formed(text)
    )
    hint = f"a non-blank string of {setting.min_length} to {setting.max_length} characters"
    return text if fits else None, hint


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
