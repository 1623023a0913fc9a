"""Shared by the tests: clients that differ in one thing, test producers, and call outcomes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from eka_usage import EkaClient, EkaError, ErrorContext

from tests.ports import free_port

REPOSITORY = Path(__file__).resolve().parents[3]
PYTHON_SDK = REPOSITORY / "sdks" / "python"

NOW = datetime(2026, 1, 31, 9, 30, 0, 123000, tzinfo=timezone.utc)
NOW_NS = 1_769_851_800_123_456_789
# Nothing listens there: connections are refused at once.
NO_BROKER = "127.0.0.1:1"
FAST_RECONNECT = {"reconnect.backoff.ms": 20, "reconnect.backoff.max.ms": 50, "log_level": 0}

VALID: Mapping[str, Any] = {"workspace_id": "ws-1", "product": "api", "metric_type": "api_call"}

ClientFactory: TypeAlias = Callable[..., EkaClient]


class Sent(NamedTuple):
    """A message that reached a producer."""

    key: bytes
    value: bytes


class CollectingProducer:
    """A producer that reports each delivery at once and collects the bytes."""

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


class ScriptedProducer(CollectingProducer):
    """A producer whose `produce` is a function of the test."""

    def __init__(self, produce: Callable[..., None]) -> None:
        super().__init__()
        self._produce = produce

    def produce(self, **arguments: Any) -> None:
        self._produce(**arguments)


class ReportedErrors(list[tuple[EkaError, ErrorContext]]):
    """An `on_error` that collects the errors it is called with."""

    def __call__(self, error: EkaError, context: ErrorContext) -> None:
        self.append((error, context))

    @property
    def codes(self) -> list[str]:
        return [error.code for error, _ in self]

    def contexts(self, code: str) -> list[ErrorContext]:
        """Returns the contexts of the errors with this code."""
        return [context for error, context in self if error.code == code]


class Outcome(NamedTuple):
    """The result of one call: the returned id, the message sent, the errors reported."""

    event_id: str | None
    sent: Sent | None
    errors: ReportedErrors

    @property
    def error(self) -> EkaError:
        """The one error that was reported."""
        [(error, _)] = self.errors
        return error

    @property
    def context(self) -> ErrorContext:
        """The context of the one error that was reported."""
        [(_, context)] = self.errors
        return context

    @property
    def event(self) -> dict[str, Any]:
        """The one event that was sent."""
        assert self.sent is not None, f"refused: {self.errors}"
        fields = json.loads(self.sent.value)
        assert isinstance(fields, dict)
        return fields

    @property
    def metadata(self) -> Any:
        """The metadata of the one event that was sent."""
        return json.loads(self.event["metadata"])


def fixed_client(**arguments: Any) -> EkaClient:
    """Returns a client whose clock, ids and hostname are the same in every run."""
    numbers = iter(range(1_000_000))
    given: dict[str, Any] = {
        "service_name": "checkout",
        "clock": lambda: NOW_NS,
        "new_id": lambda: f"id-{next(numbers)}",
        "hostname": "host-1",
        **arguments,
    }
    return EkaClient(**given)


def record_event(**arguments: Any) -> Outcome:
    """Calls `record()` of a new fixed client, with valid arguments except for those given."""
    return outcome_of(lambda client: client._record(**{**VALID, **arguments}))


def outcome_of(call: Callable[[EkaClient], str | None]) -> Outcome:
    """Makes one call on a new fixed client."""
    collector, errors = CollectingProducer(), ReportedErrors()
    with fixed_client(producer=collector, on_error=errors) as client:
        event_id = call(client)
    assert len(collector.sent) <= 1
    return Outcome(event_id, collector.sent[0] if collector.sent else None, errors)


def counters_balance(client: EkaClient) -> bool:
    """Reports whether accepted = delivered + failed + queued + spooled."""
    stats = client.stats()
    return stats.accepted == stats.delivered + stats.failed + stats.queued + stats.spooled


def unused_address() -> str:
    """Returns an address that nothing listens on, for a broker that starts later."""
    return f"127.0.0.1:{free_port()}"


def shown(value: object, depth: int = 6) -> str:
    """Returns the repr of a value and of what is in it, as an error tracker shows them."""
    inside = value.values() if isinstance(value, dict) else getattr(value, "__dict__", {}).values()
    text = repr(value)
    return text + "".join(shown(part, depth - 1) for part in list(inside)) if depth else text
