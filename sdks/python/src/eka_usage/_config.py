"""A client's configuration as a mapping, such as from a file or from flags."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from ._describe import describe_value, suggest
from ._errors import ConfigError
from ._flags import FlagValues, flag_of
from ._generated.settings import SETTINGS
from ._secret import Secret, hide, hide_properties
from ._settings import read_setting

_SERVICE_NAME = "service_name"
_BY_NAME = {setting.name: setting for setting in SETTINGS}
_KNOWN = (_SERVICE_NAME, *_BY_NAME)
_SHOWN = {_SERVICE_NAME, *(setting.name for setting in SETTINGS if not setting.secret)}
_SECRET_ARGUMENTS = {setting.argument for setting in SETTINGS if setting.secret}


def arguments_of(config: Any) -> dict[str, Any]:
    """Returns a configuration as arguments of the client; None and "" are not set.

    Args:
        config: values by the names of settings, and `service_name`.

    Raises:
        ConfigError: a name is not that of a setting, or a value is not allowed.
    """
    if not isinstance(config, Mapping):
        given, hint = describe_value(config), "a mapping of names of settings to values"
        raise ConfigError.of("config.invalid", parameter="config", given=given, hint=hint)
    is_from_flags = isinstance(config, FlagValues)
    values, arguments = cast("Mapping[str, Any]", config), dict[str, Any]()
    for name, value in values.items():
        setting = _BY_NAME.get(name)
        if setting is None and name != _SERVICE_NAME:
            given, hint = describe_value(name), f"the name of a setting: {suggest(name, _KNOWN)}"
            raise ConfigError.of("config.invalid", parameter="config", given=given, hint=hint)
        if value is None or (isinstance(value, (str, Secret)) and not value):
            continue
        if setting is None:
            arguments[name] = value
        else:
            given = flag_of(setting) if is_from_flags else name
            arguments[setting.argument] = read_setting(setting, value, given)
    return arguments


def hide_config(config: Any) -> Any:
    """Returns a configuration whose secrets, and values of unknown names, no traceback shows."""
    if isinstance(config, FlagValues) or not isinstance(config, Mapping):
        return config
    given = cast("Mapping[str, Any]", config)
    return {name: value if name in _SHOWN else hide(value) for name, value in given.items()}


def hide_overrides(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the arguments of a client that are given, with their secrets hidden."""
    return {
        name: _hide_argument(name, value) for name, value in arguments.items() if value is not None
    }


def _hide_argument(name: str, value: Any) -> Any:
    if name == "kafka_config" and isinstance(value, Mapping):
        return hide_properties(cast("Mapping[str, Any]", value))
    return hide(value) if name in _SECRET_ARGUMENTS else value
