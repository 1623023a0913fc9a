"""What every client of a process shares."""

from __future__ import annotations

from typing import NamedTuple

from ._settings import Settings
from ._transports.injected import ProducerLike


class Ambient(NamedTuple):
    """What applies to every client of the process; the pytest plugin changes it.

    Attributes:
        producer: replaces Kafka if neither brokers nor a producer are given.
        spools: whether a client of Kafka has a spool if its caller does not configure one.
        disabled: whether a client is disabled that neither has a producer nor configures it.
        redirect: receives the events of every client, however the client was created.
    """

    producer: ProducerLike | None = None
    spools: bool = True
    disabled: bool = False
    redirect: ProducerLike | None = None

    def disables(self, settings: Settings, producer: ProducerLike | None) -> bool:
        """Reports whether a client with these settings and this producer is disabled."""
        is_unsaid = producer is None and settings.configured_by("disabled") is None
        return self.disabled if is_unsaid else bool(settings["disabled"])

    def is_off(self, is_disabled: bool) -> bool:
        """Reports whether a client discards its events; what is redirected is not."""
        return is_disabled and self.redirect is None
