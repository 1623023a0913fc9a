"""What clients expose to Prometheus: the same text in every SDK, by its own client library."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from eka_usage._generated.self_metrics import OTHER, OUTCOMES, SELF_METRICS
from prometheus_client.parser import text_string_to_metric_families

from codegen.load import load
from tests.conformance.drivers import COMMANDS, ROOT, Driver
from tests.conformance.test_scenarios import CALL, NO_BROKER, counters

SESSION: Mapping[str, str] = {
    "workspace_id": "ws-1",
    "product": "ekascribe",
    "metric_type": "transcription_minute",
}
SMS: Mapping[str, str] = {"workspace_id": "ws-1", "product": "comms", "metric_type": "sms"}
ACCEPTED, REJECTED, FAILED = OUTCOMES
EVENTS, AMOUNTS = "eka_usage_events_total", "eka_usage_amounts_total"

Key = tuple[str, str, str, str]
Samples = dict[str, dict[tuple[str, ...], float]]


@pytest.fixture(params=sorted(COMMANDS))
def driver(request: pytest.FixtureRequest) -> Iterator[Driver]:
    """The driver of each SDK, before it has a client."""
    with Driver(request.param) as running:
        yield running


def new(driver: Driver, **settings: Any) -> None:
    """Makes a client that is exposed, and that delivers nothing."""
    driver.request(
        "new", metrics=True, settings={"kafka_brokers": NO_BROKER, "spool": "off", **settings}
    )


def exposed(driver: Driver) -> Samples:
    """Returns the values of each metric, by the values of its labels in the order of the table."""
    labels = {metric.name: metric.labels for metric in SELF_METRICS}
    text = driver.request("metrics")["text"]
    return {
        sample.name: {
            tuple(sample.labels[name] for name in labels[family.name]): sample.value
            for sample in family.samples
        }
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def kept_apart(samples: Samples) -> dict[Key, tuple[float, float]]:
    """Returns events and amounts by outcome, product, metric type and status.

    Amounts are to a quarter, since some time passes in a session beside what the driver adds.
    """
    events, amounts = samples.get(EVENTS, {}), samples.get(AMOUNTS, {})
    assert events.keys() == amounts.keys()
    return {key: (events[key], round(4 * amounts[key]) / 4) for key in events}  # type: ignore[misc]


def record_each_way(driver: Driver) -> None:
    """Records with each call of a client."""
    driver.request("record", call={**SMS, "quantity": 2.5}, times=3)
    driver.request("record", call={**SMS, "status": "error", "service_name": "other"})
    driver.request("record_many", calls=[CALL, {**SMS, "quantity": 4}], times=2)
    amounts = [
        {"product": "agent", "metric_type": "input_token", "quantity": 1200},
        {"product": "agent", "metric_type": "output_token", "quantity": 0},
        {"product": "api", "metric_type": "api_call", "quantity": 0.5},
    ]
    work = {"workspace_id": "ws-1", "event_id": "work-1"}
    driver.request("record_amounts", call=work, amounts=amounts)
    driver.request("log", call={**SMS, "message": "the carrier refused it"})
    driver.request("void", call={**SMS, "event_id": "e-1", "reason": "a mistake"})
    driver.request("session", call=SESSION, elapsed=90_000)
    for boundary in ("start", "beat", "end"):
        driver.request("session_boundary", boundary=boundary, call=SESSION, session_id="s-1")


RECORDED: Mapping[tuple[str, str, str], tuple[int, float]] = {
    ("comms", "sms", "ok"): (5, 15.5),
    ("comms", "sms", "error"): (2, 2),
    ("comms", "sms", "void"): (1, 0),
    ("api", "api_call", "ok"): (3, 2.5),
    ("agent", "input_token", "ok"): (1, 1200),
    ("ekascribe", "transcription_minute", "ok"): (4, 1.5),
}


@pytest.mark.parametrize("settings", [{}, {"disabled": True}])
def test_events_are_counted_by_what_they_are_whichever_call_records_them(
    driver: Driver, settings: Mapping[str, Any]
) -> None:
    new(driver, **settings)
    assert kept_apart(exposed(driver)) == {}
    record_each_way(driver)
    expected = {(ACCEPTED, *names): counts for names, counts in RECORDED.items()}
    samples = exposed(driver)
    assert kept_apart(samples) == expected
    total = sum(events for events, _ in RECORDED.values())
    assert samples["eka_usage_accepted_total"] == {(): total}


def test_events_that_fail_are_counted_twice_and_no_counter_falls_at_the_end(
    driver: Driver,
) -> None:
    new(driver)
    record_each_way(driver)
    before = exposed(driver)
    driver.request("shutdown", timeout=0)
    after = exposed(driver)
    assert kept_apart(after) == {
        (outcome, *names): counts
        for outcome in (ACCEPTED, FAILED)
        for names, counts in RECORDED.items()
    }
    assert after["eka_usage_failed_total"] == after["eka_usage_accepted_total"]
    fallen = {
        (name, labels)
        for name, values in before.items()
        for labels, value in values.items()
        if name.endswith("_total") and after[name][labels] < value
    }
    assert fallen == set()


def test_rejected_events_are_counted_without_what_only_a_caller_named(driver: Driver) -> None:
    new(driver)
    driver.request("record", call={**SMS, "quantity": -1})
    driver.request("record", call={**SMS, "workspace_id": "", "quantity": 0.25})
    driver.request("record", call={**SMS, "status": "lost", "quantity": 2})
    driver.request("record", call={**SMS, "metric_type": "fax", "quantity": 3})
    driver.request("record", call={**SMS, "product": "telegraph", "quantity": 1e300})
    driver.request("void", call={**SMS, "event_id": "e-1", "reason": " "})
    driver.request("record_many", calls=[{**CALL, "quantity": 8}, {**SMS, "quantity": -1}, {**SMS}])
    amounts = [
        {"product": "comms", "metric_type": "sms", "quantity": 0},
        {"product": "api", "metric_type": "api_call", "quantity": 16},
    ]
    driver.request(
        "record_amounts", call={"workspace_id": "ws-1", "event_id": " "}, amounts=amounts
    )
    driver.request("session", call=SMS, elapsed=1000)
    driver.request("session", call=SESSION, elapsed=1000, ends=0)
    driver.request("shutdown", timeout=0)
    driver.request("record_many", calls=[CALL], times=2)
    samples = exposed(driver)
    assert kept_apart(samples) == {
        (REJECTED, "comms", "sms", "ok"): (6, 1.25),
        (REJECTED, "comms", "sms", OTHER): (1, 2),
        (REJECTED, "comms", OTHER, "ok"): (1, 3),
        (REJECTED, OTHER, OTHER, "ok"): (1, 0),
        (REJECTED, "comms", "sms", "void"): (1, 0),
        (REJECTED, "api", "api_call", "ok"): (4, 26),
        (REJECTED, "ekascribe", "transcription_minute", "ok"): (1, 0),
    }
    by_code = samples["eka_usage_rejected_total"]
    assert sum(by_code.values()) == 15
    assert {code: events for (code,), events in by_code.items() if events} == counters(driver)[
        "rejected"
    ]


def test_each_metric_has_its_name_type_and_help_and_a_value_before_any_event(
    driver: Driver,
) -> None:
    new(driver)
    text = driver.request("metrics")["text"]
    families = list(text_string_to_metric_families(text))
    described = {family.name: (family.type, family.documentation) for family in families}
    table = {metric.name: (metric.type, metric.description) for metric in SELF_METRICS}
    by_call = {metric.name for metric in SELF_METRICS if metric.stats is None}
    # A metric without a series is described by some libraries, and left out by others.
    assert described == {n: d for n, d in table.items() if n in described or n not in by_call}
    samples = exposed(driver)
    model = load(ROOT / "schema").model
    assert model is not None
    codes = {(error.name,) for error in model.sdk.errors if error.outcome == REJECTED}
    assert samples.pop("eka_usage_rejected_total") == dict.fromkeys(codes, 0)
    assert set(samples) == {
        metric.name + ("_total" if metric.type == "counter" else "")
        for metric in SELF_METRICS
        if metric.stats not in (None, "rejected")
    }
    assert all(values == {(): 0} for values in samples.values())


@pytest.mark.parametrize(("mode", "retried"), [("durable", 5), ("spill", 5)])
def test_events_on_disk_are_counted_once_they_are_there(
    driver: Driver, tmp_path: Path, mode: str, retried: int
) -> None:
    folder = tmp_path / "spool"
    new(driver, spool=mode, spool_dir=str(folder), shutdown_timeout_ms=0)
    driver.request("record", call=SMS, times=3)
    driver.request("record_many", calls=[SMS], times=2)
    before = exposed(driver)
    if mode == "durable":
        assert before["eka_usage_spooled_total"] == {(): 5}
        assert before["eka_usage_spool_size_bytes"][()] > 0
    driver.request("shutdown", timeout=0)
    after = exposed(driver)
    assert after["eka_usage_spool_events"] == {(): 5}
    assert after["eka_usage_queue_events"] == {(): 0}
    assert after["eka_usage_retried_total"] == {(): retried}
    assert after["eka_usage_spooled_total"] == {(): 5}
    assert after["eka_usage_failed_total"] == {(): 0}
