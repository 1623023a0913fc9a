"""How the sink joins the consumer group: by the protocol that the brokers support."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import Any

from confluent_kafka import Consumer, KafkaError, TopicPartition

from infra.sink.lag import Layout

_LOG = logging.getLogger("sink")
# With the classic protocol: how long the partitions of a crashed sink stay unassigned, and how late
# the group notices a partition. The new protocol has both on the broker.
_SESSION_MS = 10_000
_METADATA_MS = 10_000
# Prefetched beyond the batch; together with the batch's limits it bounds the memory.
_READ_AHEAD_KIB = 65_536
_RELEASE_SECONDS = 1.0
# From when the topic is known; an assignment takes a second.
_SILENT_SECONDS = 15.0


class Membership:
    """Opens the consumer, and opens it again after errors that another consumer would not have.

    The new protocol (`group.protocol=consumer`, Kafka 4) assigns partitions on the broker, which
    notices at once that some were added or that the topic was created again. With the classic one,
    a client of the group assigns them. After its restart as a static member nobody would compare
    the partitions, so there every sink is a dynamic member, and joins again if they change.
    """

    def __init__(self, properties: Mapping[str, Any], group: str, instance: str | None) -> None:
        self._properties = {
            **properties,
            "group.id": group,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "enable.partition.eof": True,
            "queued.max.messages.kbytes": _READ_AHEAD_KIB,
            "topic.metadata.refresh.interval.ms": _METADATA_MS,
            "log_level": 0,
        }
        self._instance = instance
        self._classic = False
        self._layout: Layout | None = None
        self._waiting = False

    def open(self) -> Consumer:
        """Returns a new consumer of the group."""
        self._layout = None
        self._silent_since: float | None = None
        self._consumer = Consumer({**self._properties, **self._protocol()})
        return self._consumer

    def _protocol(self) -> dict[str, Any]:
        if self._classic:
            # An eager rebalance, as every sink of an earlier version has.
            return {
                "group.protocol": "classic",
                "session.timeout.ms": _SESSION_MS,
                "partition.assignment.strategy": "range",
            }
        instance = {"group.instance.id": self._instance} if self._instance else {}
        return {"group.protocol": "consumer", **instance}

    def assign(self, partitions: list[TopicPartition]) -> None:
        """Assigns the partitions of a rebalance."""
        if self._classic:
            self._consumer.assign(partitions)
        else:
            self._consumer.incremental_assign(partitions)

    def is_outdated(self, layout: Layout | None) -> bool:
        """Reports whether the consumer must be opened again as the topic has another layout."""
        if not self._classic or layout is None:
            return False
        self._layout = self._layout or layout
        return self._layout != layout

    def is_ignored(self, layout: Layout | None) -> bool:
        """Reports whether brokers do not respond to a consumer that has no assignment yet.

        librdkafka reports no error if they are so old that they lack the request.
        """
        if self._classic or layout is None:
            return False
        self._silent_since = self._silent_since or time.monotonic()
        if time.monotonic() - self._silent_since < _SILENT_SECONDS:
            return False
        self._use_classic()
        return True

    def _use_classic(self) -> None:
        self._classic = True
        _LOG.info("brokers lack the group protocol of Kafka 4, joining by the classic one")

    def recovers(self, error: str) -> bool:
        """Reports whether another consumer can continue after this fatal error."""
        if not self._classic and _is(error, KafkaError.UNSUPPORTED_VERSION):
            self._use_classic()
            return True
        if not self._classic and _is(error, KafkaError.UNRELEASED_INSTANCE_ID):
            if not self._waiting:
                self._waiting = True
                _LOG.warning(
                    "waiting for --instance %s: another sink has it, or had it and crashed; Kafka "
                    "releases it after the group's consumer.session.timeout.ms (45 s by default)",
                    self._instance,
                )
            time.sleep(_RELEASE_SECONDS)
            return True
        return False


def _is(error: str, code: int) -> bool:
    # The consumer reports any fatal error by the code _FATAL, and the cause in the text only.
    return KafkaError(code).str() in error
