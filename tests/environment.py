"""The environment that a process of a test runs in."""

from __future__ import annotations

import os

from eka_usage import SETTINGS

_VARIABLES = {setting.name: setting.variable for setting in SETTINGS}


def variables(**settings: str) -> dict[str, str]:
    """Settings of an SDK as its variables."""
    return {_VARIABLES[name]: value for name, value in settings.items()}


def environment(**settings: str) -> dict[str, str]:
    """That of this process, and settings of an SDK."""
    return {**os.environ, **variables(**settings)}
