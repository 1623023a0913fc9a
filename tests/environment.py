"""The environment variables of a process that a test starts."""

from __future__ import annotations

import os

from eka_usage import SETTINGS

_VARIABLES = {setting.name: setting.variable for setting in SETTINGS}


def variables(**settings: str) -> dict[str, str]:
    """Returns SDK settings as environment variables."""
    return {_VARIABLES[name]: value for name, value in settings.items()}


def environment(**settings: str) -> dict[str, str]:
    """Returns the environment of this process with SDK settings added."""
    return {**os.environ, **variables(**settings)}
