"""Builds a client's spool from its settings, and connects the two."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from ._admission import Limits
from ._describe import describe_value
from ._errors import ConfigError
from ._event import EventEncoder
from ._failure import Failed, Failure
from ._generated.settings import ENV_PREFIX
from ._outbox import Outbox
from ._outcomes import Outcomes
from ._reporting import write_log
from ._settings import Settings
from ._spool.access import SpoolUnusableError
from ._spool.config import SpoolConfig
from ._spool.location import locate
from ._spool.origin import Origin
from ._spool.segment_writer import AckGroup
from ._spool.spool import Spool
from ._spool.tuning import Tuning
from ._transports.kafka import failure_of
from ._transports.transport import Transport

TUNING = Tuning()
# Adopted events are sent while no more than this part of the queue is occupied.
_BUSY_PART = 4


class SpoolChoice(NamedTuple):
    """Whether a client has a spool.

    Attributes:
        config: what it was configured with; None for no spool.
        error: why there is none, if one was to be used.
    """

    config: SpoolConfig | None = None
    error: str = ""


def choose_spool(settings: Settings, destination: bytes) -> SpoolChoice:
    """Finds the directory of a client's spool.

    Args:
        settings: the client's.
        destination: what identifies where its events go.

    Raises:
        ConfigError: the directory cannot be used, although it was configured.
    """
    mode = settings["spool"]
    if mode == "off":
        return SpoolChoice()
    given = settings["spool_dir"]
    try:
        directory = locate(None if given is None else Path(given))
    except SpoolUnusableError as error:
        _report_unusable(settings, error)
        return SpoolChoice(error=str(error))
    if (warning := directory.warning()) is not None:
        write_log(logging.WARNING, "%s", warning)
    config = SpoolConfig(
        directory=directory,
        max_bytes=settings["spool_max_bytes"],
        sync_interval=settings["spool_sync_ms"] / 1000,
        is_durable=mode == "durable",
        destination=destination,
    )
    return SpoolChoice(config)


def _report_unusable(settings: Settings, error: SpoolUnusableError) -> None:
    """Raises a ConfigError if the spool was configured, and logs a warning if not."""
    for name in ("spool_dir", "spool"):
        if (parameter := settings.configured_by(name)) is not None:
            given, hint = describe_value(settings[name]), f"a usable directory: {error}"
            raise ConfigError.of(
                "config.invalid", parameter=parameter, given=given, hint=hint
            ) from None
    write_log(
        logging.WARNING,
        "no spool, undelivered events are lost when this process ends; set %sSPOOL_DIR to a"
        " usable directory, or %sSPOOL=off: %s",
        ENV_PREFIX,
        ENV_PREFIX,
        error,
    )


class ClientSpoolHost:
    """The interface of a client to its spool; see `SpoolHost`.

    Args:
        outbox: the client's.
        outcomes: the client's.
        limits: how much the queue holds.
        connect: opens the transport for replay.
    """

    def __init__(
        self,
        outbox: Outbox,
        outcomes: Outcomes,
        limits: Limits,
        connect: Callable[[Failed], Transport],
    ) -> None:
        self._outbox = outbox
        self._outcomes = outcomes
        self._limits = limits
        self._connect = connect

    def replay_transport(self) -> Transport:
        return self._connect(_ignore)

    def report_of(self, group: AckGroup) -> Any:
        outbox = self._outbox

        def failed(failure: Failure) -> None:
            outbox.unsent(group, failure)

        return outbox.connection.open().reporter(group.mark_acked, failed)

    def failure_of(self, error: BaseException, key: bytes, event: bytes) -> Failure:
        return failure_of(error, key, event)

    def is_drained(self) -> bool:
        return self._outbox.connection.queued() == 0

    def has_capacity(self) -> bool:
        return self._outbox.queued() <= self._limits.events // _BUSY_PART

    def caught_up(self) -> None:
        self._outbox.caught_up()

    def room_changed(self, error: Exception | None) -> None:
        self._outbox.room_changed(error)

    def rejected(self, failure: Failure, is_own: bool) -> None:
        if is_own:
            self._outbox.lost(failure)
        else:
            self._outcomes.adopted_failed(failure)


def spool_opener(
    config: SpoolConfig,
    encoder: EventEncoder,
    outcomes: Outcomes,
    limits: Limits,
    connect: Callable[[Failed], Transport],
) -> Callable[[Outbox], Spool]:
    """Returns what opens the spool of an outbox; the arguments are those of `ClientSpoolHost`."""

    def open_spool(outbox: Outbox) -> Spool:
        origin = Origin(config.destination, lambda: encoder.instance_id, _seq)
        host = ClientSpoolHost(outbox, outcomes, limits, connect)
        return Spool(config, origin, host, TUNING)

    return open_spool


def _seq(event: bytes) -> int:
    return int(msgspec.json.decode(event)["seq"])


def _ignore(_: Failure) -> None:
    """Replayed events have reports of their own."""
