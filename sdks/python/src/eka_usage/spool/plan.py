"""What a client's spool is to be, by its settings."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import NamedTuple

from ..errors import ConfigError, shown
from ..reporting import say
from ..settings import Settings
from .directory import Directory, Unusable, default_path


class Plan(NamedTuple):
    """A spool whose folder can be used."""

    folder: Path
    max_bytes: int
    sync: float
    durable: bool
    destination: bytes


def plan(settings: Settings, destination: bytes) -> Plan | None:
    """The plan; None where there is to be no spool, or where that of the default cannot be had.

    Raises:
        ConfigError: what was asked for cannot be had.
    """
    mode = settings["spool"]
    if mode == "off":
        return None
    asked = settings.called("spool_dir") or settings.called("spool")
    folder = None
    try:
        given = settings["spool_dir"]
        folder = default_path() if given is None else Path(given)
        Directory(folder, settings["spool_max_bytes"]).prepare()
    except Unusable as error:
        if asked is not None:
            what, hint = shown(str(folder)), f"a folder that can be used; {folder}: {error}"
            raise ConfigError.of("config.invalid", parameter=asked, given=what, hint=hint) from None
        say(
            logging.WARNING,
            "no spool: %s cannot be used (%s), so events are kept in memory only, and lost with"
            " the process; set EKA_SPOOL_DIR to a folder that can be written, or EKA_SPOOL=off",
            folder,
            error,
        )
        return None
    sync = settings["spool_sync_ms"] / 1000
    return Plan(folder, settings["spool_max_bytes"], sync, mode == "durable", destination)
