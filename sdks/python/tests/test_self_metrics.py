"""What clients expose about themselves, to Prometheus and to OpenTelemetry."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, cast

import pytest
from eka_usage import METRIC_TYPES, EkaClient, Metric, Usage, metrics
from eka_usage import opentelemetry as otel
from eka_usage import prometheus as prom
from eka_usage._generated.self_metrics import OTHER, SELF_METRICS
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, MetricsData
from prometheus_client import REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from sdks.python.tests.support import (
    NO_BROKER,
    VALID,
    ClientFactory,
    CollectingProducer,
    ReportedErrors,
    ScriptedProducer,
)
from tests.waiting import eventually

CALL = metrics.api.api_call
MINUTE = metrics.ekascribe.transcription_minute
LABELS = ("code", "outcome", "product", "metric_type", "status")
EVENTS, AMOUNTS = "eka_usage_events_total", "eka_usage_amounts_total"


@pytest.fixture
def make() -> Iterator[Callable[..., EkaClient]]:
    """Makes clients with a producer in memory, and shuts them down."""
    made: list[EkaClient] = []

    def make(producer: Any = None, **arguments: Any) -> EkaClient:
        made.append(EkaClient("own", producer=producer or CollectingProducer(), **arguments))
        return made[-1]

    yield make
    for client in made:
        client.shutdown(0)


def exposed(registry: CollectorRegistry) -> dict[str, dict[tuple[str, ...], float]]:
    """Returns the values in the text that Prometheus reads, by names and values of labels."""
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(generate_latest(registry).decode()):
        for sample in family.samples:
            values = tuple(sample.labels[name] for name in LABELS if name in sample.labels)
            found.setdefault(sample.name, {})[values] = sample.value
    return found


def watched(*clients: Any) -> CollectorRegistry:
    """Returns a registry that exposes clients."""
    registry = CollectorRegistry()
    prom.register(*clients, registry=registry)
    return registry


def record_all(client: Any) -> None:
    """Makes each kind of call, some of which are rejected."""
    usage: Any = Usage
    client.record(**VALID, quantity=3)
    client.record(**VALID, quantity=Decimal("0.5"), status="error")
    client.record_metric("ws", CALL, 2.5)
    client.log("ws", "api", "api_call", "failed")
    client.record_many([Usage("ws", "api", "api_call", 4), Usage("ws", "comms", "sms")])
    client.record_amounts("ws", [(CALL, 0.25), (MINUTE, 2)], event_id="e")
    event_id = client.session_start("ws", MINUTE, "s")
    client.session_end("ws", MINUTE, "s", status="error")
    client.void("ws", MINUTE, event_id, "a mistake")
    client.record("ws", "apis", "api_call", 7)
    client.record("ws", "api", "api_cal", 7)
    client.record(**VALID, quantity=-1)
    client.record(**VALID, quantity=5, status="unheard")
    client.record(" ", "api", "api_call", 6)
    client.record_many([Usage("ws", "api", "api_call", 4), usage("ws", "comms", "sm"), "?"])


ACCEPTED = {
    ("api", "api_call", "ok"): (4, 9.75),
    ("api", "api_call", "error"): (2, 1.5),
    ("comms", "sms", "ok"): (1, 1),
    ("ekascribe", "transcription_minute", "ok"): (2, 2),
    ("ekascribe", "transcription_minute", "error"): (1, 0),
    ("ekascribe", "transcription_minute", "void"): (1, 0),
}
REJECTED = {
    (OTHER, OTHER, "ok"): (1, 7),
    ("api", OTHER, "ok"): (1, 7),
    ("api", "api_call", "ok"): (3, 10),
    ("api", "api_call", OTHER): (1, 5),
    ("comms", OTHER, "ok"): (1, 1),
    (OTHER, OTHER, OTHER): (1, 0),
}


def expected(place: int) -> dict[tuple[str, ...], float]:
    """Returns what is exposed of the calls: the number of events, or their amount."""
    both = (("accepted", ACCEPTED), ("rejected", REJECTED))
    return {
        (outcome, *labels): float(values[place])
        for outcome, rows in both
        for labels, values in rows.items()
    }


def test_prometheus_reads_each_call_by_its_names_and_the_counters_of_stats(
    make: Callable[..., EkaClient],
) -> None:
    client = make()
    registry = watched(client)
    record_all(client)
    found = exposed(registry)
    assert found[EVENTS] == expected(0)
    assert found[AMOUNTS] == expected(1)
    stats = client.stats()
    accepted = sum(events for events, _ in ACCEPTED.values())
    assert found["eka_usage_accepted_total"][()] == accepted == stats.accepted
    assert found["eka_usage_delivered_total"][()] == stats.delivered
    rejected = found["eka_usage_rejected_total"]
    assert sum(rejected.values()) == sum(events for events, _ in REJECTED.values())
    assert rejected["queue.full",] == 0
    assert rejected["quantity.invalid",] == 1
    assert {name for name in found if not name.endswith("_created")} == {
        f"{metric.name}{'_total' * (metric.type == 'counter')}" for metric in SELF_METRICS
    }


def test_the_text_has_the_help_and_the_type_of_each_metric(make: Callable[..., EkaClient]) -> None:
    text = generate_latest(watched(make())).decode()
    for metric in SELF_METRICS:
        name = f"{metric.name}{'_total' * (metric.type == 'counter')}"
        assert f"# HELP {name} {metric.description}\n# TYPE {name} {metric.type}\n" in text


def test_a_bound_client_counts_as_its_client(make: Callable[..., EkaClient]) -> None:
    client = make()
    bound = client.bind("ws", vendor="v")
    registry = watched(bound, client)
    record_all(bound)
    assert exposed(registry)[EVENTS] == expected(0)


def test_calls_before_an_adapter_is_registered_are_in_the_totals_only(
    make: Callable[..., EkaClient],
) -> None:
    client = make()
    record_all(client)
    found = exposed(watched(client))
    assert EVENTS not in found
    assert found["eka_usage_accepted_total"][()] == client.stats().accepted


def test_several_clients_add_up_and_one_that_was_shut_down_keeps_its_counts(
    make: Callable[..., EkaClient],
) -> None:
    first, second = make(), make()
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


def test_the_default_registry_takes_clients_one_after_another(
    make: Callable[..., EkaClient],
) -> None:
    prom.register(make())
    try:
        prom.register(make())
        assert REGISTRY.get_sample_value("eka_usage_accepted_total") == 0
    finally:
        REGISTRY.unregister(prom._collectors.pop(REGISTRY))


def test_a_registry_rejects_a_second_collector_of_the_same_names(
    make: Callable[..., EkaClient],
) -> None:
    registry = watched(make())
    with pytest.raises(ValueError, match="Duplicated timeseries"):
        registry.register(prom.UsageCollector(make()))


@pytest.mark.parametrize("register", [watched, otel.register])
def test_only_clients_can_be_registered(register: Callable[..., object]) -> None:
    with pytest.raises(TypeError, match="expected a client, got str"):
        register("client")


def test_a_failed_event_counts_as_accepted_and_as_failed(
    make: Callable[..., EkaClient], errors: ReportedErrors
) -> None:
    def fail(**_: Any) -> None:
        raise RuntimeError("no")

    client = make(ScriptedProducer(fail), on_error=errors)
    registry = watched(client)
    client.record(**VALID, quantity=2)
    label = ("api", "api_call", "ok")
    assert errors.codes == ["delivery.failed"]
    found = exposed(registry)
    assert found[EVENTS] == {("accepted", *label): 1, ("failed", *label): 1}
    assert found[AMOUNTS] == {("accepted", *label): 2, ("failed", *label): 2}
    assert found["eka_usage_failed_total"][()] == 1


def test_names_and_quantities_of_any_kind_make_no_further_series(
    make: Callable[..., EkaClient], errors: ReportedErrors
) -> None:
    class Fake(str):
        __slots__ = ()

        def __eq__(self, other: object) -> bool:
            return True

        def __hash__(self) -> int:
            return hash("api")

    client: Any = make(on_error=errors)
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
    make: Callable[..., EkaClient],
) -> None:
    client: Any = make()
    registry = watched(client)
    for product, names in METRIC_TYPES.items():
        for name in names:
            client.record("ws", product, name)
    assert len(exposed(registry)[EVENTS]) == sum(map(len, METRIC_TYPES.values()))


def test_every_event_of_many_threads_is_counted_once_while_others_read(
    make: Callable[..., EkaClient],
) -> None:
    client = make()
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


def test_what_is_not_read_takes_no_more_memory(make: Callable[..., EkaClient]) -> None:
    client = make()
    registry = watched(client)
    for _ in range(3000):
        client.record(**VALID)
    for _ in range(10):
        client.record_many([Usage("ws", "comms", "sms")] * 500)
    cells = client._current().outcomes.counting._cells.values()
    assert all(len(cell.quantities) <= 1000 for cell in cells)
    assert sorted(exposed(registry)[EVENTS].values()) == [3000, 5000]


def test_a_forked_child_counts_from_zero(make: Callable[..., EkaClient]) -> None:
    client = make()
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


def collected(reader: InMemoryMetricReader) -> dict[str, dict[tuple[Any, ...], float]]:
    """Returns the values that OpenTelemetry collects, by names and values of attributes."""
    data = cast("MetricsData", reader.get_metrics_data())
    [scope] = data.resource_metrics[0].scope_metrics
    found: dict[str, dict[tuple[Any, ...], float]] = {}
    for metric in scope.metrics:
        points = {
            tuple((point.attributes or {}).values()): cast("Any", point).value
            for point in metric.data.data_points
        }
        found[f"{metric.name} {metric.unit}"] = points
    return found


def test_opentelemetry_collects_the_same_under_its_own_names_and_units(
    make: Callable[..., EkaClient],
) -> None:
    client, other, reader = make(), make(), InMemoryMetricReader()
    meter = MeterProvider([reader]).get_meter("test")
    otel.register(client, meter=meter)
    otel.register(other, client, meter=meter)
    record_all(client)
    found = collected(reader)
    assert found["eka_usage.events {event}"] == expected(0)
    assert found["eka_usage.amounts {unit}"] == expected(1)
    assert found["eka_usage.accepted {event}"] == {(): client.stats().accepted}
    assert found["eka_usage.rejected {event}"]["quantity.invalid",] == 1
    assert found["eka_usage.spool_oldest s"] == {(): 0}
    assert found["eka_usage.spool_size By"] == {(): 0}
    assert set(found) == {f"{metric.otel_name} {metric.otel_unit}" for metric in SELF_METRICS}


def test_without_a_provider_opentelemetry_collects_nothing(
    make: Callable[..., EkaClient],
) -> None:
    otel.register(make())
    otel.register(make())
    assert otel._global_meter().name == "eka_usage"


def test_the_package_imports_neither_library() -> None:
    program = (
        "import sys, eka_usage; "
        "print([name for name in sys.modules if name.partition('.')[0] in "
        "('prometheus_client', 'opentelemetry')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


def test_quantities_of_other_numeric_types_add_up(make: Callable[..., EkaClient]) -> None:
    numpy = pytest.importorskip("numpy")
    client = make()
    registry = watched(client)
    for quantity in (Decimal("0.25"), numpy.int64(2), numpy.float64(0.5), 3, 0.25):
        client.record(**VALID, quantity=quantity)
    client.record_metric("ws", Metric(*CALL), Decimal(2))
    assert list(exposed(registry)[AMOUNTS].values()) == [8]
