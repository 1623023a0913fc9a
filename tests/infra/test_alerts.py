"""The alerting rules use metrics that the sink exposes, and the guide has an action for each."""

from __future__ import annotations

import re
from pathlib import Path

import yaml
from prometheus_client import CollectorRegistry, generate_latest

from infra.sink.counts import Counts
from infra.sink.metrics import Counted

_ROOT = Path(__file__).resolve().parents[2]
_METRIC = re.compile(r"usage_sink_\w+")
_RULES = [
    rule
    for group in yaml.safe_load((_ROOT / "infra" / "alerts.yaml").read_text())["groups"]
    for rule in group["rules"]
]


def exposed() -> set[str]:
    """The metrics of a sink that has done nothing yet: a rule must see a counter from 0 on."""
    registry = CollectorRegistry()
    registry.register(Counted(Counts(lag=0)))
    lines = generate_latest(registry).decode().splitlines()
    return {line.split("{")[0].split()[0] for line in lines if not line.startswith("#")}


def test_every_rule_uses_exposed_metrics_and_has_a_summary() -> None:
    names = exposed()
    assert _RULES
    for rule in _RULES:
        used = set(_METRIC.findall(rule["expr"]))
        assert used
        assert used <= names, rule
        assert rule["annotations"]["summary"]
        assert rule["labels"]["severity"] in {"page", "ticket"}


def test_the_guide_names_the_metrics_of_every_rule() -> None:
    guide = (_ROOT / "docs" / "integration-guide.md").read_text()
    monitored = guide.partition("### What to monitor")[2].partition("\n### ")[0]
    for rule in _RULES:
        assert any(f"`{name}`" in monitored for name in _METRIC.findall(rule["expr"])), rule
    assert "infra/alerts.yaml" in monitored
