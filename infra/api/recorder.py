"""Records what requests ask for: through the SDK, on disk before it is answered."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from eka_usage import SETTINGS, ConfigError, EkaClient, EkaError, Usage

from infra.api._generated.calls import SERVICE
from infra.api.errors import RETRY_SECONDS, AnswerError, UsageError

_NAME = "usage-api"
"""The name of the client; each event has the service of its key."""

_DURABLE: Final = "durable"
# Clients that retry stop at this part of the disk space, the rest is for those that never do.
_SHARE_OF_RETRYING = 0.8
# How long a look at the disk's space counts.
_LOOK_SECONDS = 0.1
_SPOOL = next(setting.variable for setting in SETTINGS if setting.name == "spool")
_FIRST = "what is answered must be on disk first"


class Boundary(NamedTuple):
    """A start or an end of a session; without an id, the store pairs them in their order."""

    kind: str
    workspace: str
    metric: object
    session: str | None
    at: object
    metadata: Any
    fields: dict[str, Any]


class Recorder:
    """Accepts events, all of a batch or none, and tells what is wrong with each.

    Args:
        client: whose events are on disk before it returns their ids.
        checker: a disabled client, which only checks.
        clock: seconds that only move forward.

    Attributes:
        on_taken: receives how many events are on disk, each time that some are.
    """

    def __init__(
        self, client: EkaClient, checker: EkaClient, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._client = client
        self.on_taken: Callable[[int], object] = lambda _: None
        self._checker = checker
        self._clock = clock
        self._looked = -_LOOK_SECONDS
        self._is_nearly_full = False

    @classmethod
    def open(cls) -> Recorder:
        """Returns a recorder that is configured by the environment.

        Raises:
            UsageError: a setting is invalid, or the spool is not durable.
        """
        given = os.environ.get(_SPOOL, "")
        if given not in {"", _DURABLE}:
            raise UsageError(f"{_SPOOL}={given}: {_FIRST}: unset it, or set it to {_DURABLE}")
        try:
            client = EkaClient(_NAME, spool=_DURABLE, flush_on_sigterm=False)
            checker = EkaClient(_NAME, disabled=True)
        except ConfigError as error:
            raise UsageError(str(error)) from None
        if problem := client.stats().spool_error:
            client.shutdown()
            raise UsageError(f"{_FIRST}, and the spool cannot be used: {problem}")
        return cls(client, checker)

    def record(
        self, events: Sequence[Usage], service: str | None, *, retries: bool = True
    ) -> list[str]:
        """Returns the ids of events, which are on disk.

        Args:
            events: 1 to the most that one call records.
            service: that of all events; None if each has its own.
            retries: whether the client sends them again if it is asked to wait.

        Raises:
            AnswerError: none is accepted.
        """
        if retries:
            self._refuse_if_nearly_full()
        own = {} if service is None else {SERVICE: service}
        accepted = self._client._try_record_many(events, own)  # noqa: SLF001  made for this API
        if isinstance(accepted, EkaError):
            raise AnswerError.rejected(accepted)
        self.on_taken(len(accepted))
        return accepted

    def record_one(self, event: Usage, service: str) -> str:
        """Returns the id of an event of a client that retries, which is on disk.

        Raises:
            AnswerError: it is not accepted.
        """
        self._refuse_if_nearly_full()
        accepted = self._client._try_record(event, {SERVICE: service})  # noqa: SLF001  made for this API
        if isinstance(accepted, EkaError):
            invalid = self.check({0: event}, 1)
            raise invalid_events(invalid) if invalid else AnswerError.rejected(accepted)
        self.on_taken(1)
        return accepted

    def boundary(self, boundary: Boundary) -> Usage:
        """Returns a start or an end of a session as an event of a batch.

        Raises:
            ValidationError: the metric type has no sessions.
        """
        return self._client._boundary_usage(*boundary)  # noqa: SLF001  made for this API

    def check(self, events: Mapping[int, Usage], most: int) -> dict[int, EkaError]:
        """Returns what is wrong with events, by their places, of the first that are invalid."""
        found: dict[int, EkaError] = {}
        for index, event in events.items():
            if len(found) >= most:
                break
            result = self._checker._try_record(event)  # noqa: SLF001  made for this API
            if isinstance(result, EkaError):
                found[index] = result
        return found

    def spool_share(self) -> float:
        """Returns how much of the spool's disk space is used, from 0 to 1."""
        return self._client._spool_share()  # noqa: SLF001  made for this API

    def problem(self) -> str:
        """Returns why nothing more can be accepted; empty if it can."""
        return self._client.stats().spool_error

    def flush(self, seconds: float) -> int:
        """Waits for Kafka, and returns how many events it does not have."""
        return self._client.flush(seconds)

    def failed(self) -> int:
        """Returns how many events Kafka has refused for good."""
        stats = self._client.stats()
        return stats.failed + stats.dead_lettered

    def close(self) -> None:
        """Sends what Kafka takes in time; the rest stays on disk for the next process."""
        self._client.shutdown()
        self._checker.shutdown()

    def _refuse_if_nearly_full(self) -> None:
        if self._nearly_full():
            hint = "most of the spool is used: is Kafka reachable?"
            raise AnswerError.of(
                "server.overloaded", hint=hint, headers={"retry-after": str(RETRY_SECONDS)}
            )

    def _nearly_full(self) -> bool:
        now = self._clock()
        if now - self._looked >= _LOOK_SECONDS:
            self._looked = now
            self._is_nearly_full = self.spool_share() > _SHARE_OF_RETRYING
        return self._is_nearly_full


def invalid_events(invalid: dict[int, EkaError]) -> AnswerError:
    """Returns the answer to a request with these invalid events, by their places."""
    index, first = next(iter(invalid.items()))
    answer = AnswerError.rejected(first, index)
    answer.details = details(invalid)
    return answer


def details(invalid: dict[int, EkaError]) -> list[dict[str, object]]:
    """Returns what is wrong with events as it is answered."""
    return [AnswerError.rejected(error, index).document() for index, error in invalid.items()]
