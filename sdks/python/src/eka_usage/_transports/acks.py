"""What acks 1 means for a topic that has replicas, said once in a process."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from confluent_kafka import KafkaException, Producer

from .._generated.settings import ENV_PREFIX
from .._reporting import logger

if TYPE_CHECKING:
    from typing_extensions import Self

# The broker has just responded, so it takes milliseconds; if not, the next event is as good.
_SECONDS = 1.0
_PAUSE = 60.0
_done = False


class ReplicaCheck:
    """Looks up how many replicas a topic has, in the thread that receives delivery reports."""

    def __init__(self, topic: str) -> None:
        self._topic = topic
        self._due = 0.0

    def check(self, producer: Producer) -> Self | None:
        """Warns if the topic has replicas; returns what is to be asked again, None if nothing."""
        global _done  # noqa: PLW0603
        if not _done and time.monotonic() < self._due:
            return self
        if not _done:
            try:
                topic = producer.list_topics(self._topic, _SECONDS).topics[self._topic]
            except KafkaException:  # it has no consequence but that the warning comes later
                self._due = time.monotonic() + _PAUSE
                return self
            except Exception as error:
                # The library makes the result in Python, where an exception of the host's may
                # arrive. From here it is known to be that, and not the library's.
                raise error.with_traceback(None) from None
            _done = True
            replicas = max((len(each.replicas) for each in topic.partitions.values()), default=1)
            if replicas > 1:
                logger.warning(_WARNING, self._topic, replicas, ENV_PREFIX)
        return None


_WARNING = (
    "acks is 1 and topic %s has %d replicas: an event counts as delivered once the leader has it, "
    "and is lost if that broker fails before the others have copied it; set %sKAFKA_ACKS=all"
)
