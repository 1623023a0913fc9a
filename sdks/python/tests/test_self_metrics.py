"""What clients expose about themselves, to Prometheus and to OpenTelemetry."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from typing import Any, cast

import pytest
from eka_usage import EkaClient, Usage, metrics
from eka_usage import opentelemetry as otel
from eka_usage import prometheus as prom
from eka_usage._generated.self_metrics import OTHER, SELF_METRICS
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, MetricsData
from prometheus_client import REGISTRY, generate_latest

from sdks.python.tests.metrics_support import AMOUNTS, EVENTS, exposed, watched
from sdks.python.tests.support import (
    VALID,
)

CALL = metrics.api.api_call
MINUTE = metrics.ekascribe.transcription_minute


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
    make_collecting: Callable[..., EkaClient],
) -> None:
    client = make_collecting()
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


def test_the_text_has_the_help_and_the_type_of_each_metric(
    make_collecting: Callable[..., EkaClient],
) -> None:
    text = generate_latest(watched(make_collecting())).decode()
    for metric in SELF_METRICS:
        name = f"{metric.name}{'_total' * (metric.type == 'counter')}"
        assert f"# HELP {name} {metric.description}\n# TYPE {name} {metric.type}\n" in text


def test_calls_before_an_adapter_is_registered_are_in_the_totals_only(
    make_collecting: Callable[..., EkaClient],
) -> None:
    client = make_collecting()
    record_all(client)
    found = exposed(watched(client))
    assert EVENTS not in found
    assert found["eka_usage_accepted_total"][()] == client.stats().accepted


def test_a_bound_client_counts_as_its_client(make_collecting: Callable[..., EkaClient]) -> None:
    client = make_collecting()
    bound = client.bind("ws", vendor="v")
    registry = watched(bound, client)
    record_all(bound)
    assert exposed(registry)[EVENTS] == expected(0)


def test_the_default_registry_takes_clients_one_after_another(
    make_collecting: Callable[..., EkaClient],
) -> None:
    prom.register(make_collecting())
    try:
        prom.register(make_collecting())
        assert REGISTRY.get_sample_value("eka_usage_accepted_total") == 0
    finally:
        REGISTRY.unregister(prom._collectors.pop(REGISTRY))


def test_a_registry_rejects_a_second_collector_of_the_same_names(
    make_collecting: Callable[..., EkaClient],
) -> None:
    registry = watched(make_collecting())
    with pytest.raises(ValueError, match="Duplicated timeseries"):
        registry.register(prom.UsageCollector(make_collecting()))


@pytest.mark.parametrize("register", [watched, otel.register])
def test_only_clients_can_be_registered(register: Callable[..., object]) -> None:
    with pytest.raises(TypeError, match="expected a client, got str"):
        register("client")


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
    make_collecting: Callable[..., EkaClient],
) -> None:
    client, other, reader = make_collecting(), make_collecting(), InMemoryMetricReader()
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
    make_collecting: Callable[..., EkaClient],
) -> None:
    otel.register(make_collecting())
    otel.register(make_collecting())
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
