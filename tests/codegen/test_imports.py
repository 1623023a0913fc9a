"""Catalogs of other systems become products of this one, as far as it can say them."""

from __future__ import annotations

import copy
import json
import random
import shutil
from pathlib import Path

import pytest
import yaml

from codegen.cli import main
from codegen.diagnostics import render_text
from codegen.load import load
from codegen.model import Model
from tests.codegen.test_load import corrupt, routes

BASE = Path(__file__).parent / "fixtures/base"
GLEAN = """\
$schema: moz://mozilla.org/schemas/glean/metrics/2-0-0
browser.search:
  ad_clicks:
    type: labeled_counter
    labels: [google, "on"]
    description: |
      Ad clicks: by
      provider.
    notification_emails: [search@example.com]
    expires: never
  pageLoad:
    type: timing_distribution
    time_unit: millisecond
    description: How long pages load.
  opened:
    type: event
    description: A page was opened.
    extra_keys:
      source: {description: Where from, type: string}
      tabs: {description: How many, type: quantity}
  enabled:
    type: boolean
    description: Whether it is on.
"""
OPENMETER = """\
meters:
  - slug: tokens_total
    description: AI tokens, by model
    eventType: prompt
    aggregation: SUM
    valueProperty: $.tokens
    groupBy: {model: $.model, "odd key": $.x}
  - slug: requests
    eventType: prompt
    aggregation: COUNT
  - slug: users
    eventType: login
    aggregation: UNIQUE_COUNT
    valueProperty: $.user
    groupBy: {user: $.user, plan: $.plan}
  - slug: teams
    eventType: login
    aggregation: UNIQUE_COUNT
  - slug: fastest
    eventType: login
    aggregation: MIN
    valueProperty: $.seconds
  - slug: odd
    eventType: login
    aggregation: MEDIAN
"""
LAGO = {
    "billable_metrics": [
        {
            "name": "Storage",
            "code": "storage-GB",
            "description": None,
            "aggregation_type": "max_agg",
            "field_name": "gb",
            "recurring": True,
            "filters": [{"key": "region", "values": ["eu", "us", "eu"]}],
        },
        {"name": "Seats", "code": "storage_gb!", "aggregation_type": "sum_agg"},
        {"name": "Imports", "code": "import", "aggregation_type": "sum_agg"},
        {"name": "Storage", "code": "Storage-GB", "aggregation_type": "sum_agg"},
        {"name": "漢字", "code": "漢字", "aggregation_type": "sum_agg"},
        {"name": "Odd", "code": "odd", "aggregation_type": "custom_agg"},
        {"code": "users", "aggregation_type": "unique_count_agg", "field_name": "user"},
        {"code": "teams", "aggregation_type": "unique_count_agg"},
    ]
}


@pytest.fixture
def schema(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(BASE, tmp_path / "schema")
    catalog = tmp_path / "schema/catalog.yaml"
    text = catalog.read_text(encoding="utf-8")
    catalog.write_text(f"include: [imported.yaml]\n{text}", encoding="utf-8")
    return Path("schema")


def imported(
    schema: Path, capsys: pytest.CaptureFixture[str], system: str, content: str
) -> tuple[Model, list[str]]:
    """Returns the catalog that includes what was imported, and what was left out."""
    Path("foreign").write_text(content, encoding="utf-8")
    assert main(["import", system, "foreign", "--product", "llm"]) == 0
    output = capsys.readouterr()
    (schema / "imported.yaml").write_text(output.out, encoding="utf-8")
    loaded = load(schema)
    assert loaded.model is not None, [render_text(d) for d in loaded.diagnostics]
    return loaded.model, output.err.splitlines()


def test_glean(schema: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model, left_out = imported(schema, capsys, "glean", GLEAN)
    metrics = {m.event_type: m for m in model.catalog.metric_types}
    clicks = metrics["browser.search.ad_clicks"]
    assert (clicks.owner, clicks.unit, clicks.aggregation) == ("search@example.com", "event", "sum")
    assert clicks.description == "Ad clicks: by provider."
    assert [key.allowed for key in clicks.metadata] == [("google", "on")]
    assert metrics["browser.search.page_load"].unit == "millisecond"
    opened = metrics["browser.search.opened"]
    assert {key.name: key.type for key in opened.metadata} == {
        "source": "string",
        "tabs": "integer",
    }
    assert left_out == [
        "left out: browser.search.enabled: a boolean is no quantity that adds up",
        "codegen: 3 metric types imported, 1 left out",
    ]


def test_openmeter(schema: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model, left_out = imported(schema, capsys, "openmeter", OPENMETER)
    metrics = {m.event_type: m for m in model.catalog.metric_types}
    tokens = metrics["llm.tokens_total"]
    assert (tokens.aliases, tokens.annotations) == (("prompt",), {"x-value": "$.tokens"})
    assert [key.name for key in tokens.metadata] == ["model"]
    assert (metrics["llm.requests"].aggregation, metrics["llm.requests"].aliases) == ("count", ())
    users = metrics["llm.users"]
    assert (users.aggregation, users.of) == ("unique", "metadata.user")
    assert [(key.name, key.required) for key in users.metadata] == [("user", True), ("plan", False)]
    assert metrics["llm.fastest"].aggregation == "min"
    assert left_out == [
        "left out: teams: it does not name a key whose values can be counted",
        "left out: odd: the aggregation MEDIAN is not one of this catalog",
        "codegen: 4 metric types imported, 2 left out",
    ]


def test_lago(schema: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model, left_out = imported(schema, capsys, "lago", json.dumps(LAGO))
    metrics = {m.event_type: m for m in model.catalog.metric_types}
    storage = metrics["llm.storage-gb"]
    assert (storage.title, storage.aggregation) == ("Storage", "max")
    assert [key.allowed for key in storage.metadata] == [("eu", "us")]
    users = metrics["llm.users"]
    assert (users.aggregation, users.of) == ("unique", "metadata.user")
    assert left_out == [
        "left out: storage-GB: recurring: a total begins anew each month",
        "left out: llm.storage_gb!: another one is already named storage-gb",
        "left out: llm.import: its name is a reserved word of some language",
        "left out: llm.Storage-GB: another one is already named storage-gb",
        "left out: llm.漢字: its name has no letters a to z",
        "left out: odd: the aggregation custom_agg is not one of this catalog",
        "left out: teams: it does not name a key whose values can be counted",
        "codegen: 2 metric types imported, 7 left out",
    ]


@pytest.mark.parametrize("content", ["[1]", "a: [", "meters: 5", "", "meters: [{slug: 5}]"])
@pytest.mark.parametrize("system", ["glean", "lago", "openmeter"])
def test_a_file_of_something_else_is_a_problem(
    system: str, content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "foreign").write_text(content, encoding="utf-8")
    assert main(["import", system, str(tmp_path / "foreign")]) == 1
    output = capsys.readouterr()
    assert output.out == ""
    assert "codegen: " in output.err


@pytest.mark.parametrize("seed", range(10))
def test_whatever_is_imported_is_valid(
    seed: int, schema: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chance = random.Random(seed)
    samples = {
        "glean": yaml.safe_load(GLEAN),
        "openmeter": yaml.safe_load(OPENMETER),
        "lago": LAGO,
    }
    for system, sample in samples.items():
        for _ in range(5):
            data = copy.deepcopy(sample)
            for _ in range(chance.randint(1, 3)):
                places = list(routes(data))
                if places:
                    corrupt(data, chance.choice(places), chance)
            Path("foreign").write_text(json.dumps(data), encoding="utf-8")
            status = main(["import", system, "foreign"])
            (schema / "imported.yaml").write_text(capsys.readouterr().out, encoding="utf-8")
            if status == 0:
                found = load(schema).diagnostics
                assert [render_text(d) for d in found if d.severity == "error"] == []
