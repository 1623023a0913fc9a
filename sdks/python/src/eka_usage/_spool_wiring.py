"""Builds a client's spool from its settings, and connects the two."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import msgspec

from ._admission import Limits
from ._describe import describe_value
from ._errors import ConfigError
from ._failure import Failed, Failure
from ._generated.catalog import USAGE_TOPIC
from ._outbox import Outbox
from ._outcomes import Outcomes
from ._reporting import say
from ._settings import Settings
from ._spool.config import SpoolConfig
from ._spool.directory import Directory, SpoolUnusableError, default_path
from ._spool.origin import Origin, destination
from ._spool.segment_writer import AckGroup
from ._spool.spool import Spool
from ._spool.tuning import Tuning
from ._transports.kafka import failure_of
from ._transports.transport import Transport

TUNING = Tuning()
# Events of other processes are sent while no more than this part of the queue is taken.
_BUSY_PART = 4


def spool_config(settings: Settings, brokers: Iterable[str] | None) -> SpoolConfig | None:
    """Returns how the spool is to be; None where there is to be none, or it cannot be had.

    Args:
        settings: the client's.
        brokers: those that its events go to; None where a producer takes them.

    Raises:
        ConfigError: the folder cannot be used, and somebody asked for it.
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
    except SpoolUnusableError as error:
        if asked is not None:
            what, hint = (
                describe_value(str(folder)),
                f"a folder that can be used; {folder}: {error}",
            )
            raise ConfigError.of("config.invalid", parameter=asked, given=what, hint=hint) from None
        say(
            logging.WARNING,
            "no spool: %s cannot be used (%s), so events are kept in memory only, and lost with"
            " the process; set EKA_SPOOL_DIR to a folder that can be written, or EKA_SPOOL=off",
            folder,
            error,
        )
        return None
    return SpoolConfig(
        directory=folder,
        max_bytes=settings["spool_max_bytes"],
        sync_interval=settings["spool_sync_ms"] / 1000,
        is_durable=mode == "durable",
        destination=destination(USAGE_TOPIC, brokers),
    )


class ClientSpoolHost:
    """What a client's spool sees of the client.

    Args:
        outbox: the client's.
        outcomes: the client's.
        limits: how much the queue holds.
        connect: makes the transport of what is replayed.
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
            self._outcomes.failed(failure)
        else:
            self._outcomes.foreign_failed(failure)


def spool_opener(
    config: SpoolConfig,
    instance_id: str,
    outcomes: Outcomes,
    limits: Limits,
    connect: Callable[[Failed], Transport],
) -> Callable[[Outbox], Spool]:
    """Returns what makes the spool of an outbox; the arguments are as for `ClientSpoolHost`."""

    def open_spool(outbox: Outbox) -> Spool:
        origin = Origin(config.destination, instance_id, _seq)
        host = ClientSpoolHost(outbox, outcomes, limits, connect)
        return Spool(config, origin, host, TUNING)

    return open_spool


def _seq(event: bytes) -> int:
    return int(msgspec.json.decode(event)["seq"])


def _ignore(_: Failure) -> None:
    """What is replayed is reported one by one."""
