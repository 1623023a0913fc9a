"""What the tests share: clients that differ in one thing, and what came of a call."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, NamedTuple

from eka_usage import EkaClient, EkaError, ErrorContext

REPOSITORY = Path(__file__).resolve().parents[3]
PYTHON_SDK = REPOSITORY / "sdks" / "python"

NOW = datetime(2026, 1, 31, 9, 30, 0, 123000, tzinfo=timezone.utc)
NOW_NS = 1_769_851_800_123_456_789
# Nobody listens there: connections are refused at once.
NO_BROKER = "127.0.0.1:1"

VALID: Mapping[str, Any] = {"workspace_id": "ws-1", "product": "api", "metric_type": "api_call"}


class Sent(NamedTuple):
    """What reached a producer."""

    key: bytes
    value: bytes


class Collector:
    """A producer that delivers at once and keeps the bytes."""

    def __init__(self) -> None:
        self.sent: list[Sent] = []

    def produce(
        self, *, topic: str, key: bytes, value: bytes, on_delivery: Callable[[Any, Any], None]
    ) -> None:
        self.sent.append(Sent(key, value))
        on_delivery(None, None)

    def poll(self, timeout: float) -> int:
        return 0

    def flush(self, timeout: float) -> int:
        return 0


class Scripted(Collector):
    """A producer whose `produce` is what the test says."""

    def __init__(self, produce: Callable[..., None]) -> None:
        super().__init__()
        self._produce = produce

    def produce(self, **arguments: Any) -> None:
        self._produce(**arguments)


class Heard(list[tuple[EkaError, ErrorContext]]):
    """An `on_error` that remembers what it heard."""

    def __call__(self, error: EkaError, context: ErrorContext) -> None:
        self.append((error, context))

    @property
    def codes(self) -> list[str]:
        return [error.code for error, _ in self]

    def of(self, code: str) -> list[ErrorContext]:
        """The contexts of one code."""
        return [context for error, context in self if error.code == code]


class Outcome(NamedTuple):
    """What came of one call of `record()`."""

    event_id: str | None
    sent: Sent | None
    heard: Heard

    @property
    def error(self) -> EkaError:
        """The one error that was heard."""
        [(error, _)] = self.heard
        return error

    @property
    def context(self) -> ErrorContext:
        """What was heard beside the one error."""
        [(_, context)] = self.heard
        return context

    @property
    def event(self) -> dict[str, Any]:
        """The one event that was sent."""
        assert self.sent is not None, f"refused: {self.heard}"
        fields = json.loads(self.sent.value)
        assert isinstance(fields, dict)
        return fields

    @property
    def metadata(self) -> Any:
        """The metadata of the one event that was sent."""
        return json.loads(self.event["metadata"])


def fixed(**arguments: Any) -> EkaClient:
    """A client whose clock, ids and hostname are the same in every run."""
    numbers = iter(range(1_000_000))
    given: dict[str, Any] = {
        "service_name": "checkout",
        "clock": lambda: NOW_NS,
        "new_id": lambda: f"id-{next(numbers)}",
        "hostname": "host-1",
        **arguments,
    }
    return EkaClient(**given)


def tried(**arguments: Any) -> Outcome:
    """One call of `record()` on a fixed client of its own, valid but for what is given here."""
    return called(lambda client: client._record(**{**VALID, **arguments}))


def called(call: Callable[[EkaClient], str | None]) -> Outcome:
    """One call on a fixed client of its own."""
    collector, heard = Collector(), Heard()
    with fixed(producer=collector, on_error=heard) as client:
        event_id = call(client)
    assert len(collector.sent) <= 1
    return Outcome(event_id, collector.sent[0] if collector.sent else None, heard)


def eventually(holds: Callable[[], object], seconds: float = 10) -> None:
    """Waits until it holds, and fails if it does not in time."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.01)
