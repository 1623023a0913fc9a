"""The alerts and the dashboard use metrics and labels that a client or the sink exposes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from eka_usage import EkaClient
from eka_usage.prometheus import UsageCollector
from eka_usage.testing import InMemoryProducer
from prometheus_client import CollectorRegistry
from prometheus_client.registry import Collector

from infra.api.metrics import Metrics
from infra.sink.counts import Counts
from infra.sink.metrics import Counted

_ROOT = Path(__file__).resolve().parents[2]
# What is in an expression beside names of series and labels.
_WORDS = frozenset(
    {"sum", "min", "max", "by", "and", "or", "increase", "rate", "delta", "absent"}
    | {"min_over_time", "label_values"}
)
# Prometheus adds them to what it scrapes.
_TARGET_LABELS = frozenset({"job", "instance"})
_STRING = re.compile(r'"[^"]*"')
# Durations, variables of Grafana, and what is between braces or in by (…).
_NO_NAMES = re.compile(r"\[[^]]*]|\{[^}]*}|by \([^)]*\)")
_NAME = re.compile(r"[A-Za-z_]\w*")
_GROUPED = re.compile(r"by \(([^)]*)\)")


@pytest.fixture(scope="module")
def exposed() -> dict[str, frozenset[str]]:
    """The series of a client, a sink and an API that have done nothing yet, with their labels."""
    api = Metrics(lambda: 0.0)
    api.count("requests", "202")
    api.count("refused", "body.invalid")
    with EkaClient("own", producer=InMemoryProducer()) as client:
        client.shutdown()
        collectors: tuple[Collector, ...] = (
            UsageCollector(client),
            Counted(Counts(lag=0, rolled_up_at=0)),
        )
        registry = CollectorRegistry()
        client.record("ws-1", "", "")  # type: ignore[call-overload]
        for collector in collectors:
            registry.register(collector)
        client.record("ws-1", "", "")  # type: ignore[call-overload]
        registry.register(api.spool)
        families = [*registry.collect(), *api.registry.collect()]
    return {
        sample.name: frozenset(sample.labels) for family in families for sample in family.samples
    }


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load((_ROOT / "infra/alerts.yaml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    board = json.loads((_ROOT / "infra/grafana-dashboard.json").read_text())
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def expressions() -> Iterator[tuple[str, str]]:
    """Yields each expression with where it is."""
    for rule in rules():
        yield rule["alert"], rule["expr"]
    for panel in panels():
        for target in panel["targets"]:
            yield panel["title"], target["expr"]


def series_of(expression: str) -> set[str]:
    """Returns the names in an expression that are not PromQL's own."""
    return set(_NAME.findall(_NO_NAMES.sub("", _STRING.sub("", expression)))) - _WORDS


def labels_of(expression: str) -> set[str]:
    """Returns the labels that an expression groups by."""
    groups = (match.split(",") for match in _GROUPED.findall(expression))
    return {label.strip() for group in groups for label in group}


def test_names_are_found_in_any_expression() -> None:
    expression = 'sum by (a, b) (rate(one_total{c="x"}[5m])) > 0 and min_over_time(two[$__x]) > 3'
    assert series_of(expression) == {"one_total", "two"}
    assert labels_of(expression) == {"a", "b"}


@pytest.mark.parametrize(("place", "expression"), list(expressions()))
def test_every_expression_uses_series_that_are_exposed(
    place: str, expression: str, exposed: dict[str, frozenset[str]]
) -> None:
    used = series_of(expression)
    assert used, place
    assert used <= exposed.keys()
    known = frozenset[str]().union(_TARGET_LABELS, *(exposed[name] for name in used))
    assert labels_of(expression) <= known
    for opening, closing in ("()", "[]", "{}"):
        assert expression.count(opening) == expression.count(closing)


def test_every_alert_has_a_severity_and_says_what_to_do() -> None:
    for rule in rules():
        assert rule["labels"]["severity"] in {"page", "ticket"}
        assert rule["annotations"].keys() == {"summary", "description"}
        shown = set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]))
        assert shown <= labels_of(rule["expr"]), rule


def test_the_dashboard_has_a_panel_for_each_metric(exposed: dict[str, frozenset[str]]) -> None:
    shown = {name for panel in panels() for t in panel["targets"] for name in series_of(t["expr"])}
    assert {name for name in exposed if not name.endswith("_created")} == shown


def test_no_panel_of_the_dashboard_covers_another() -> None:
    board = json.loads((_ROOT / "infra/grafana-dashboard.json").read_text())
    taken: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        at = panel["gridPos"]
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])


def test_the_page_lists_each_alert_and_each_metric(exposed: dict[str, frozenset[str]]) -> None:
    page = (_ROOT / "docs/metrics.md").read_text()
    for rule in rules():
        assert f"\n| `{rule['alert']}` |" in page
    missing = {name for name in exposed if f"| `{name}` |" not in page}
    assert all(name.endswith(("_created", "_count")) for name in missing)
