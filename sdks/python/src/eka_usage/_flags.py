"""Settings as flags of the command line, for `argparse`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ._generated.settings import CLIENT_NAME, SETTINGS, Setting

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace


class FlagValues(dict[str, str]):
    """Settings that flags gave, by their names; errors about them name the flags."""


def flag_of(setting: Setting) -> str:
    """Returns the flag of a setting, which is its variable in the form of a flag."""
    return f"--{setting.variable.lower().replace('_', '-')}"


def add_arguments(parser: ArgumentParser) -> None:
    """Adds a flag for each setting to a parser, except for secrets.

    Every user of a machine can read the flags of its processes, so a secret is given by its
    variable or in a file. A flag takes the value that its variable takes, and overrides it.

    Args:
        parser: whose result `config_of()` takes.
    """
    group = parser.add_argument_group(CLIENT_NAME)
    for setting in SETTINGS:
        if not setting.secret:
            group.add_argument(flag_of(setting), metavar=_placeholder(setting), help=_help(setting))


def config_of(namespace: Namespace) -> Mapping[str, str]:
    """Returns the settings that flags of `add_arguments()` gave, for `EkaClient.from_config()`."""
    values = vars(namespace)
    found = {
        setting.name: values.get(setting.variable.lower())
        for setting in SETTINGS
        if not setting.secret
    }
    return FlagValues({name: value for name, value in found.items() if value})


def _placeholder(setting: Setting) -> str:
    return f"{{{','.join(setting.choices)}}}" if setting.choices else setting.type.upper()


def _help(setting: Setting) -> str:
    written = str(setting.default)
    if isinstance(setting.default, bool):
        written = written.lower()
    default = "" if setting.default is None else f", {written} by default"
    # argparse formats help texts with %.
    return f"{setting.description} [{setting.variable}{default}]".replace("%", "%%")
