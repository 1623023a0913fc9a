"""Every aggregation, from the catalog to invoice lines, equals a slow computation in Python.

AGGREGATION_HISTORIES=5000 makes it judge that many, and AGGREGATION_SEED repeats a run.
"""

from __future__ import annotations

import json
import os
import random
import re
import shutil
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from clickhouse_connect.driver.client import Client

from codegen.diagnostics import render_text
from codegen.load import load
from codegen.model import Model
from codegen.render import File
from codegen.targets import infra
from infra.sink._generated.fields import DATABASE, TABLE, TIME_ZONE
from infra.sink.errors import UsageError
from infra.sink.migrate import migrate
from infra.sink.scripts import FOLDER
from infra.sink.store import open_store
from infra.sink.usage.answer import ask
from infra.sink.usage.query import Filter, Period, Query
from infra.sink.zones import workspaces
from tests.sink.events import clear, insert
from tests.sink.expected_aggregates import (
    Key,
    Line,
    Rule,
    expected_lines,
    first_of_day,
    first_of_month,
)

ROOT = Path(__file__).resolve().parents[2]
HISTORIES = int(os.environ.get("AGGREGATION_HISTORIES", "60"))
CATALOG = "infra/clickhouse/current/catalog.sql"
PRODUCT = """\
  lab:
    title: Lab
    owner: lab
    description: Measures.
    metric_types:
"""
UNITS = """\
  gigabyte: {title: gigabytes, dimension: data}
  gigabyte_hour: {title: gigabyte-hours, dimension: data}
"""
KEYED = "metadata: {required: [key], properties: {key: {type: string}}}"
NUMBERED = "metadata: {required: [key], properties: {key: {type: integer}}}"
HOURS = "total: {unit: gigabyte_hour, seconds: 3600}"
# Quotients that no decimal holds.
SEVENTHS = "total: {unit: gigabyte_hour, seconds: 7}"
METRICS = {
    "summed": ("", Rule("sum")),
    "counted": ("aggregation: count", Rule("count")),
    "most": ("aggregation: max", Rule("max")),
    "least": ("aggregation: min", Rule("min")),
    "latest": ("aggregation: last", Rule("last")),
    "mean": ("aggregation: avg", Rule("avg")),
    "texts": (
        f"aggregation: unique, of: metadata.key, {KEYED}",
        Rule("unique", "metadata.key"),
    ),
    "numbers": (
        f"aggregation: unique, of: metadata.key, {NUMBERED}",
        Rule("unique", "metadata.key"),
    ),
    "vendors": (
        "aggregation: unique, of: vendor, fields: {required: [vendor]}",
        Rule("unique", "vendor"),
    ),
    "stored": (
        f"aggregation: time_weighted, series: metadata.key, {HOURS}, {KEYED}",
        Rule("time_weighted", "metadata.key", 3600),
    ),
    "rented": (
        f"aggregation: time_weighted, series: vendor, {SEVENTHS}, fields: {{required: [vendor]}}",
        Rule("time_weighted", "vendor", 7),
    ),
}
RULES = {name: rule for name, (_, rule) in METRICS.items()}
# By workspace; that of the examples has UTC, as they say.
ZONES = {
    "w": "UTC",
    **{
        f"w{number}": (TIME_ZONE, "UTC", "America/New_York", "Asia/Kathmandu")[number % 4]
        for number in range(HISTORIES)
    },
}
_MINUTE = timedelta(minutes=1)
_INSERTS = 4
_CHARACTERS = "aZ9 '\"\\\u00e9\u5b57\n"


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A store with a metric type of each aggregation, from a catalog that declares them."""
    folder = tmp_path_factory.mktemp("aggregations")
    shutil.copytree(FOLDER, folder / "clickhouse")
    scripts = {
        file.path: file.text for file in infra.outputs(_catalog(folder)) if isinstance(file, File)
    }
    (folder / "clickhouse/current/catalog.sql").write_text(scripts[CATALOG], encoding="utf-8")
    with open_store(f"chdb://{folder}/store") as client:
        migrate(client, folder / "clickhouse")
        for name, zone in ZONES.items():
            if zone != TIME_ZONE:
                workspaces.change(client, name, zone, date(2020, 1, 1))
        yield client


def _catalog(folder: Path) -> Model:
    lines = [
        f"      {name}: {{unit: gigabyte, description: Measured., {more}}}\n"
        for name, (more, _) in METRICS.items()
    ]
    return _model(folder, UNITS, PRODUCT + "".join(lines))


def _model(folder: Path, units: str, products: str) -> Model:
    """Returns our catalog with more units and products."""
    shutil.copytree(ROOT / "schema", folder / "schema")
    catalog = folder / "schema/catalog.yaml"
    text = catalog.read_text(encoding="utf-8").replace("\nunits:\n", f"\nunits:\n{units}", 1)
    catalog.write_text(text + products, encoding="utf-8")
    loaded = load(folder / "schema")
    assert loaded.model is not None, [render_text(d) for d in loaded.diagnostics]
    return loaded.model


@pytest.fixture
def store(opened: Client) -> Client:
    clear(opened)
    return opened


class History:
    """Random events of one workspace: few ids, values and times, so that they often coincide."""

    def __init__(self, workspace: str, chance: random.Random, until: datetime) -> None:
        self._workspace = workspace
        self._chance = chance
        self._until = until
        self._values = [self._value() for _ in range(3)]

    def events(self) -> Iterator[dict[str, Any]]:
        chance = self._chance
        made = [self._event() for _ in range(chance.randint(1, 30))]
        for _ in range(chance.randint(0, 5)):
            copy = dict(chance.choice(made))
            if chance.random() < 0.3:
                copy |= {"occurred_at": self._time(), "quantity": Decimal(9)}
            made.append(copy)
        chance.shuffle(made)
        yield from made

    def _event(self) -> dict[str, Any]:
        chance = self._chance
        metric_type = chance.choices(list(METRICS), [1] * 9 + [5, 5])[0]
        occurred_at, price = self._time(), chance.random()
        event: dict[str, Any] = {
            "workspace_id": self._workspace,
            "product": "lab",
            "metric_type": metric_type,
            "event_id": f"{chance.choice('abcdefgh')}{chance.choice('123')}",
            "status": "ok",
            "is_billable": chance.choice((0, 1, 1)),
            "environment": chance.choice(("production", "production", "staging")),
            "quantity": chance.choice((Decimal(0), Decimal("0.000000000001"), self._number())),
            "unit_cost": self._number() if price < 0.6 else None,
            "cost": self._number() if price > 0.8 else None,
            "occurred_at": occurred_at,
            "ts": occurred_at + chance.choice((0, 1)) * _MINUTE,
            "seq": chance.randint(1, 3),
            "vendor": chance.choice(("", "v1", "v2")),
            "metadata": self._metadata(metric_type),
            "voids": "",
            "session_id": "",
            "boundary": "",
        }
        if chance.random() < 0.15:
            target = f"{chance.choice('abcdefgh')}{chance.choice('123')}"
            event |= {"status": "void", "is_billable": 0, "voids": target, "quantity": Decimal(0)}
        return event

    def _number(self) -> Decimal:
        return Decimal(self._chance.randrange(10**14)).scaleb(-12)

    def _metadata(self, metric_type: str) -> str:
        chance = self._chance
        if chance.random() < 0.1:
            return '{"_truncated":true}'
        value = chance.randint(1, 3) if metric_type == "numbers" else chance.choice(self._values)
        return json.dumps({"other": 1, "key": value}, ensure_ascii=chance.random() < 0.5)

    def _value(self) -> str:
        return "".join(self._chance.choices(_CHARACTERS, k=self._chance.randint(1, 3)))

    def _time(self) -> datetime:
        days = self._chance.choice((1, 2, 2, 3, 20, 33, 34, 60, 61))
        milliseconds = self._chance.choice((0, 1, 86_399_999, self._chance.randrange(86_400_000)))
        midnight = self._until.replace(hour=0, minute=0, second=0, microsecond=0)
        return midnight - timedelta(days=days) + timedelta(milliseconds=milliseconds)


def test_lines_equal_a_computation_event_by_event(store: Client) -> None:
    seed = os.environ.get("AGGREGATION_SEED") or str(random.randrange(2**32))
    print(f"AGGREGATION_SEED={seed}")
    chance = random.Random(seed)
    now = datetime.now(UTC)
    arrived: list[list[dict[str, Any]]] = [[] for _ in range(_INSERTS)]
    names = [f"w{number}" for number in range(HISTORIES)]
    for name in names:
        for event in History(name, chance, now).events():
            chance.choice(arrived).append(event)
    for number, events in enumerate(arrived):
        insert(store, ({**e, "ingested_at": now + number * _MINUTE} for e in events))
    all_events = [event for events in arrived for event in events]
    zones = {name: ZoneInfo(zone) for name, zone in ZONES.items()}
    # What a level of now amounts to depends on when the query runs.
    over = now.date() - timedelta(days=1)
    by_day = expected_lines(all_events, RULES, first_of_day, zones, now)
    by_month = expected_lines(all_events, RULES, first_of_month, zones, now)
    wanted_days = {key: line for key, line in by_day.items() if key[1] < over}
    wanted_months = {key: line for key, line in by_month.items() if key[1] < over.replace(day=1)}
    assert wanted_months
    assert lines(store, "day", over) == wanted_days
    assert lines(store, "month", over.replace(day=1)) == wanted_months
    store.command(f"OPTIMIZE TABLE {DATABASE}.{TABLE} FINAL")
    assert lines(store, "month", over.replace(day=1)) == wanted_months


def lines(store: Client, period: str, before: date) -> dict[Key, Line]:
    rows = store.query(
        f"SELECT workspace_id, {period}, product, metric_type, is_billable, events, without_value,"
        f" quantity, unpriced, cost FROM {DATABASE}.usage_by_{period} WHERE {period} < '{before}'"
    ).result_rows
    found: dict[Key, Line] = {}
    for *key, events, without, quantity, unpriced, cost in rows:
        amounts = (Fraction(quantity), unpriced, None if cost is None else Fraction(cost))
        found[tuple(key)] = (events, without, *amounts)
    assert len(found) == len(rows)
    return found


def recorded(store: Client, metric_type: str, *differences: dict[str, Any]) -> None:
    """Stores events of a metric type, numbered in their order."""
    call = {"workspace_id": "w", "product": "lab", "metric_type": metric_type}
    given = ({"ts": each["occurred_at"], **each} for each in differences)
    insert(store, [{**call, "event_id": str(n), "seq": n, **e} for n, e in enumerate(given, 1)])


def keyed(value: str) -> dict[str, Any]:
    return {"metadata": json.dumps({"key": value})}


def documented(heading: str) -> list[list[str]]:
    """Returns the cells of the table of the page on aggregations that has a heading."""
    text = (ROOT / "docs/aggregations.md").read_text(encoding="utf-8")
    table = text[text.index(heading) :].split("\n\n")[0].splitlines()[2:]
    return [[cell.strip().strip("`") for cell in row.strip("|").split("|")] for row in table]


DOCUMENTED = {rule.aggregation: name for name, (_, rule) in reversed(METRICS.items())}


def test_the_example_of_the_page_is_true_of_every_aggregation(store: Client) -> None:
    wanted = {row[0]: row[1:] for row in documented("| Aggregation | Quantity | Cost |")}
    assert set(wanted) == set(DOCUMENTED)
    for time, quantity, value in documented("| Time (UTC) | Quantity | Value |"):
        hour = datetime.fromisoformat(f"2026-03-10T{time}Z")
        event = {"occurred_at": hour, "quantity": Decimal(quantity), "unit_cost": Decimal("0.5")}
        for name in DOCUMENTED.values():
            recorded(store, name, {"event_id": time, "vendor": value, **event, **keyed(value)})
    rows = store.query(
        f"SELECT metric_type, quantity, cost FROM {DATABASE}.usage_by_day WHERE day = '2026-03-10'"
    ).result_rows
    found = {
        name: [f"{quantity.normalize():f}", f"{cost.normalize():f}"]
        for name, quantity, cost in rows
    }
    assert found == {DOCUMENTED[how]: amounts for how, amounts in wanted.items()}


def test_the_catalog_of_the_page_is_valid(tmp_path: Path) -> None:
    text = (ROOT / "docs/aggregations.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"^```yaml\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    units, products = example.split("products:\n")
    assert _model(tmp_path, units.removeprefix("units:\n"), products).catalog.metric_types


def test_a_session_that_does_not_count_is_not_the_least_or_latest_and_in_no_mean(
    store: Client,
) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    for name in ("least", "latest", "mean"):
        recorded(
            store,
            name,
            {"occurred_at": now - _MINUTE, "quantity": Decimal(4)},
            {"occurred_at": now, "quantity": Decimal(0), "boundary": "start", "session_id": "s"},
        )
    rows = store.query(f"SELECT quantity, events FROM {DATABASE}.usage_by_month").result_rows
    assert rows == [(4, 2)] * 3


def test_a_level_holds_until_now_and_the_answer_says_so(store: Client) -> None:
    began = datetime.now(UTC).replace(microsecond=0) - timedelta(days=40)
    recorded(store, "stored", {"occurred_at": began, "quantity": Decimal(2), **keyed("a")})
    before = datetime.now(UTC)
    query = Query(workspaces=("w",), period=Period(began.date(), before))
    [row] = ask(store, query).rows
    after = datetime.now(UTC)
    hours = row["quantity"] / 2
    assert (row["unit"], row["unit_title"]) == ("gigabyte_hour", "gigabyte-hours")
    assert _hours(before - began) - Decimal("1e-6") <= hours <= _hours(after - began)


def _hours(time: timedelta) -> Decimal:
    return Decimal(time // timedelta(microseconds=1)) / 3_600_000_000


def test_a_level_is_not_cut_within_a_day(store: Client) -> None:
    began = datetime.now(UTC).replace(microsecond=0) - timedelta(days=40)
    recorded(store, "stored", {"occurred_at": began, **keyed("a")})
    recorded(store, "summed", {"occurred_at": began})
    period = Period(began, began + timedelta(hours=5))
    with pytest.raises(UsageError, match="lab/stored"):
        ask(store, Query(workspaces=("w",), period=period))
    only = Filter.parse(["metric_type=summed"])
    [row] = ask(store, Query(workspaces=("w",), period=period, where=only)).rows
    assert row["quantity"] == 1


def test_the_days_of_a_period_add_up_to_it(store: Client) -> None:
    first = datetime(2026, 3, 10, 7, tzinfo=UTC)
    levels = [{"occurred_at": first + n * timedelta(hours=31), **keyed("a")} for n in range(5)]
    recorded(store, "stored", *({**e, "quantity": Decimal(n)} for n, e in enumerate(levels[::-1])))
    whole = Period(date(2026, 3, 11), date(2026, 3, 14))
    [line] = ask(store, Query(workspaces=("w",), period=whole)).rows
    days = ask(store, Query(workspaces=("w",), period=whole, window="day")).rows
    assert len(days) == 3
    assert sum(day["quantity"] for day in days) == line["quantity"]
    # From 4 to 3 at 14:00 on the 11th, to 2 at 21:00 on the 12th, and to 1 at 04:00 on the 14th.
    assert line["quantity"] == 4 * 14 + 3 * 31 + 2 * 27
