"""What clients count by product, metric type and status, and the counters of their spool."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from eka_usage import METRIC_TYPES, EkaClient, Metric, Usage, metrics
from eka_usage import prometheus as prom
from eka_usage._generated.self_metrics import OTHER

from sdks.python.tests.metrics_support import AMOUNTS, EVENTS, exposed, watched
from sdks.python.tests.support import (
    NO_BROKER,
    VALID,
    ClientFactory,
    ReportedErrors,
    ScriptedProducer,
)
from tests.waiting import eventually

CALL = metrics.api.api_call
MINUTE = metrics.ekascribe.transcription_minute


def test_a_failed_event_counts_as_accepted_and_as_failed(
    make_collecting: Callable[..., EkaClient], errors: ReportedErrors
) -> None:
    def fail(**_: Any) -> None:
        raise RuntimeError("no")

    client = make_collecting(ScriptedProducer(fail), on_error=errors)
    registry = watched(client)
    client.record(**VALID, quantity=2)
    label = ("api", "api_call", "ok")
    assert errors.codes == ["delivery.failed"]
    found = exposed(registry)
    assert found[EVENTS] == {("accepted", *label): 1, ("failed", *label): 1}
    assert found[AMOUNTS] == {("accepted", *label): 2, ("failed", *label): 2}
    assert found["eka_usage_failed_total"][()] == 1


def test_names_and_quantities_of_any_kind_make_no_further_series(
    make_collecting: Callable[..., EkaClient], errors: ReportedErrors
) -> None:
    class Fake(str):
        __slots__ = ()

        def __eq__(self, other: object) -> bool:
            return True

        def __hash__(self) -> int:
            return hash("api")

    client: Any = make_collecting(on_error=errors)
    registry = watched(client)
    for index in range(300):
        client.record("ws", f"product-{index}", f"metric-{index}", index, f"status-{index}")
    for strange in (Fake("x"), None, 7, object(), [], "x" * 100_000):
        client.record("ws", strange, strange, strange)
    for quantity in (float("nan"), float("inf"), -1, 10**400, True, "3", None, Decimal("NaN")):
        client.record(**VALID, quantity=quantity)
    found = exposed(registry)
    assert set(found[EVENTS]) <= {
        ("rejected", OTHER, OTHER, OTHER),
        ("rejected", OTHER, OTHER, "ok"),
        ("rejected", "api", "api_call", "ok"),
    }
    assert sum(found[EVENTS].values()) == sum(client.stats().rejected.values()) == 314
    assert found[AMOUNTS]["rejected", OTHER, OTHER, OTHER] == sum(range(300))
    assert found[AMOUNTS]["rejected", "api", "api_call", "ok"] == 0


def test_there_are_no_more_series_than_the_catalog_has_names(
    make_collecting: Callable[..., EkaClient],
) -> None:
    client: Any = make_collecting()
    registry = watched(client)
    for product, names in METRIC_TYPES.items():
        for name in names:
            client.record("ws", product, name)
    assert len(exposed(registry)[EVENTS]) == sum(map(len, METRIC_TYPES.values()))


def test_every_event_of_many_threads_is_counted_once_while_others_read(
    make_collecting: Callable[..., EkaClient],
) -> None:
    client = make_collecting()
    registry = watched(client)
    done = threading.Event()
    seen: list[float] = []

    def record() -> None:
        for _ in range(2000):
            client.record(**VALID, quantity=0.5)

    def read() -> None:
        while not done.is_set():
            values = exposed(registry).get(EVENTS, {})
            seen.append(sum(values.values()))

    reader = threading.Thread(target=read)
    reader.start()
    threads = [threading.Thread(target=record) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    done.set()
    reader.join()
    found = exposed(registry)
    assert list(found[EVENTS].values()) == [8000]
    assert list(found[AMOUNTS].values()) == [4000]
    assert seen == sorted(seen)


def test_what_is_not_read_takes_no_more_memory(make_collecting: Callable[..., EkaClient]) -> None:
    client = make_collecting()
    registry = watched(client)
    for _ in range(3000):
        client.record(**VALID)
    for _ in range(10):
        client.record_many([Usage("ws", "comms", "sms")] * 500)
    cells = client._current().outcomes.counting._cells.values()
    assert all(len(cell.quantities) <= 1000 for cell in cells)
    assert sorted(exposed(registry)[EVENTS].values()) == [3000, 5000]


def test_a_forked_child_counts_from_zero(make_collecting: Callable[..., EkaClient]) -> None:
    client = make_collecting()
    registry = watched(client)
    client.record(**VALID)
    reading, writing = os.pipe()
    child = os.fork()  # noqa: TID251  the client is forked with it
    if child == 0:
        try:
            client.record(**VALID, quantity=5)
            os.write(writing, repr(exposed(registry)[AMOUNTS]).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as result:
        text = result.read()
    os.waitpid(child, 0)
    assert text == repr({("accepted", "api", "api_call", "ok"): 5.0})
    assert list(exposed(registry)[AMOUNTS].values()) == [1]


def test_the_spool_has_counters_and_gauges(make_spool_client: ClientFactory) -> None:
    client = make_spool_client("spill", kafka_brokers=NO_BROKER, max_queue_events=10)
    registry = watched(client)
    for _ in range(25):
        client.record(**VALID)
    eventually(lambda: client.stats().spooled >= 15)
    found = exposed(registry)
    spooled = client.stats().spooled
    assert found["eka_usage_spool_events"][()] == spooled
    assert found["eka_usage_spooled_total"][()] >= spooled
    assert found["eka_usage_queue_events"][()] == 25 - spooled
    assert found["eka_usage_spool_size_bytes"][()] >= 1024
    assert found["eka_usage_spool_oldest_seconds"][()] < 1000
    assert found["eka_usage_retried_total"][()] == 0
    client.shutdown(0)
    stats = client.stats()
    assert stats.retried == 25 - spooled
    assert stats.spooled_total == stats.spooled == 25
    assert stats.spool_bytes == 0


def test_floats_and_decimals_add_up_to_one_amount(
    make_collecting: Callable[..., EkaClient],
) -> None:
    client = make_collecting()
    registry = watched(client)
    for quantity in (0.5, Decimal("0.25"), 1, Decimal(3), 0.125):
        client.record(**VALID, quantity=quantity)
    assert list(exposed(registry)[AMOUNTS].values()) == [4.875]


def test_quantities_of_other_numeric_types_add_up(
    make_collecting: Callable[..., EkaClient],
) -> None:
    numpy = pytest.importorskip("numpy")
    client = make_collecting()
    registry = watched(client)
    for quantity in (Decimal("0.25"), numpy.int64(2), numpy.float64(0.5), 3, 0.25):
        client.record(**VALID, quantity=quantity)
    client.record_metric("ws", Metric(*CALL), Decimal(2))
    assert list(exposed(registry)[AMOUNTS].values()) == [8]


def test_several_clients_add_up_and_one_that_was_shut_down_keeps_its_counts(
    make_collecting: Callable[..., EkaClient],
) -> None:
    first, second = make_collecting(), make_collecting()
    registry = watched(first)
    prom.register(first, second, registry=registry)
    first.record(**VALID)
    second.record(**VALID, quantity=2)
    first.shutdown()
    first.record(**VALID, quantity=8)
    found = exposed(registry)
    label = ("api", "api_call", "ok")
    assert found[EVENTS] == {("accepted", *label): 2, ("rejected", *label): 1}
    assert found[AMOUNTS] == {("accepted", *label): 3, ("rejected", *label): 8}
    assert found["eka_usage_delivered_total"][()] == 2
    assert found["eka_usage_rejected_total"]["client.closed",] == 1
