"""What every client of a process shares."""

from __future__ import annotations

from typing import NamedTuple

from ._transports.injected import ProducerLike


class Ambient(NamedTuple):
    """What applies to every client of the process; the pytest plugin changes it.

    Attributes:
        producer: replaces Kafka if neither brokers nor a producer are given.
        spools: whether a client of Kafka has a spool if its caller does not configure one.
        redirect: receives the events of every client, however the client was created.
    """

    producer: ProducerLike | None = None
    spools: bool = True
    redirect: ProducerLike | None = None
