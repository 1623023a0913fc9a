"""Measures what counting for metrics, and the ids of a span, add to record() in Python.

Ratios are medians over pairs of the same run. A producer in memory takes the events, so that
nothing but the call is measured.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from decimal import Decimal
from typing import Any

from eka_usage import EkaClient, metrics
from eka_usage._counting import Counting
from eka_usage.prometheus import register
from opentelemetry.trace import NonRecordingSpan, SpanContext, use_span
from prometheus_client import CollectorRegistry

from tests.bench.rows import Row, emit, median_ratio

EVENTS, ROUNDS = 20_000, 15
COUNTING_AIM = 60
QUANTITIES: dict[str, Sequence[float | Decimal]] = {
    "": [number % 7 for number in range(EVENTS)],
    ", Decimals": [Decimal(number) / 100 for number in range(EVENTS)],
    ", floats and Decimals": [
        number / 7 if number % 2 else Decimal(number) / 100 for number in range(EVENTS)
    ],
}
SPAN = NonRecordingSpan(SpanContext(0xABC, 0xDEF, is_remote=False))


class Discard:
    """A producer that acknowledges each event, and keeps none."""

    def produce(self, *, on_delivery: Callable[[Any, Any], None], **_: object) -> None:
        """Acknowledges an event."""
        on_delivery(None, None)

    def poll(self, timeout: float) -> int:
        """Has nothing to serve."""
        return 0

    def flush(self, timeout: float) -> int:
        """Has nothing to send."""
        return 0


def nanoseconds(work: Callable[[], object]) -> float:
    """Measures the nanoseconds that each of the events takes of some work."""
    gc.collect()
    started = time.perf_counter_ns()
    work()
    return (time.perf_counter_ns() - started) / EVENTS


def alone(quantities: Sequence[float | Decimal]) -> float:
    """Measures counting in a loop, without the loop; adding up is a part of it."""
    counting = Counting()
    counting.is_on = True
    count = counting.accept("api", "api_call", "ok")

    def counted() -> None:
        for quantity in quantities:
            count(quantity)
        counting.add_up()

    def loop() -> None:
        for _ in quantities:
            pass

    return statistics.median(nanoseconds(counted) - nanoseconds(loop) for _ in range(ROUNDS))


def recording(client: EkaClient) -> float:
    """Measures record_metric()."""

    def record() -> None:
        call = client.record_metric
        for _ in range(EVENTS):
            call("ws-1", metrics.api.api_call)

    return nanoseconds(record) / 1000


def main() -> None:
    """Measures and prints each of them."""
    for kind, quantities in QUANTITIES.items():
        what = f"counting for metrics, alone in a loop{kind}"
        taken = alone(quantities)
        emit(Row(language="Python", what=what, measured=taken, unit="ns", at_most=COUNTING_AIM))
    with ExitStack() as made:

        def client(**given: Any) -> EkaClient:
            return made.enter_context(EkaClient("bench", producer=Discard(), **given))

        plain, counted, traced = client(), client(), client(trace_metadata=True)
        register(counted, registry=CollectorRegistry())
        made.enter_context(use_span(SPAN))
        rounds = [(recording(plain), recording(counted), recording(traced)) for _ in range(ROUNDS)]
    least, on, spans = zip(*rounds, strict=True)
    for what, ours in (
        ("record(), counted: caller", on),
        ("record(), within a span: caller", spans),
    ):
        emit(
            Row(
                language="Python",
                what=f"record(), {what}: caller",
                measured=statistics.median(ours),
                unit="µs",
                floor="record()",
                ratio=median_ratio(ours, least),
            )
        )


if __name__ == "__main__":
    main()
