"""Days and months are cut in the zone of each workspace, and every event lies in one of each."""

from __future__ import annotations

import random
import zoneinfo
from bisect import bisect_right
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from clickhouse_connect.driver.client import Client

from infra.sink._generated.fields import CURRENCY, DATABASE, TABLE, TIME_ZONE
from infra.sink.store import open_store
from infra.sink.zones import offsets, workspaces
from tests.sink.events import clear, insert
from tests.sink.stores import make_store

CALL = {"product": "api", "metric_type": "api_call"}
KOLKATA, NEW_YORK, KATHMANDU = "Asia/Kolkata", "America/New_York", "Asia/Kathmandu"
NOVEMBER = date(2026, 11, 1)
SECOND = timedelta(seconds=1)
# From which zone to which: east, west, over the date line, between zones with daylight saving.
MOVES = {
    "east": (NEW_YORK, KOLKATA),
    "west": (KOLKATA, NEW_YORK),
    "far east": ("Etc/GMT+12", "Pacific/Kiritimati"),
    "far west": ("Pacific/Kiritimati", "Etc/GMT+12"),
    "near": ("Europe/Paris", "Europe/Lisbon"),
}


@pytest.fixture(scope="module")
def zoned(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A store with a workspace for each move in November 2026, named after it."""
    folder = tmp_path_factory.mktemp("zones") / "store"
    make_store(folder)
    with open_store(f"chdb://{folder}") as client:
        client.command(f"ALTER TABLE {DATABASE}.{TABLE} REMOVE TTL")
        for name, (old, new) in MOVES.items():
            workspaces.change(client, name, old, date(2020, 1, 1))
            workspaces.change(client, name, new, NOVEMBER)
        for zone in ("UTC", KATHMANDU, NEW_YORK):
            workspaces.change(client, zone, zone, date(2020, 1, 1))
        yield client


def cut(client: Client, workspace: str, *times: datetime) -> list[tuple[str, str, str]]:
    """Returns the zone, day and month of events of a workspace at these times, in their order."""
    clear(client)
    insert(
        client,
        (
            {**CALL, "workspace_id": workspace, "event_id": str(number), "occurred_at": time}
            for number, time in enumerate(times)
        ),
    )
    return client.query(
        "SELECT time_zone, toString(day), formatDateTime(month, '%Y-%m')"
        f" FROM {DATABASE}.usage_detail ORDER BY toUInt32(event_id)"
    ).result_rows  # type: ignore[return-value]


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_a_workspace_without_a_zone_has_that_of_the_catalog(zoned: Client) -> None:
    assert (TIME_ZONE, CURRENCY) == (KOLKATA, "INR")
    last = utc("2026-03-31T18:29:59.999")
    assert cut(zoned, "w", last, last + timedelta(milliseconds=1), utc("2026-03-31T20:00")) == [
        (KOLKATA, "2026-03-31", "2026-03"),
        (KOLKATA, "2026-04-01", "2026-04"),
        (KOLKATA, "2026-04-01", "2026-04"),
    ]


@pytest.mark.parametrize("zone", ["UTC", KATHMANDU])
def test_an_event_at_midnight_is_of_the_day_that_begins(zone: str, zoned: Client) -> None:
    midnight = datetime(2026, 6, 1, tzinfo=zoneinfo.ZoneInfo(zone)).astimezone(UTC)
    before = midnight - timedelta(milliseconds=1)
    assert cut(zoned, zone, before, midnight) == [
        (zone, "2026-05-31", "2026-05"),
        (zone, "2026-06-01", "2026-06"),
    ]


@pytest.mark.parametrize(("day", "hours"), [(date(2026, 3, 8), 23), (date(2026, 11, 1), 25)])
def test_days_have_23_and_25_hours_where_clocks_change(
    day: date, hours: int, zoned: Client
) -> None:
    start = datetime(day.year, day.month, day.day, tzinfo=zoneinfo.ZoneInfo(NEW_YORK))
    times = [start.astimezone(UTC) + timedelta(hours=hour) for hour in range(-1, hours + 1)]
    days = [found for _, found, _ in cut(zoned, NEW_YORK, *times)]
    assert days.count(day.isoformat()) == hours
    assert days == sorted(days)
    assert len(set(days)) == 3


def test_the_store_cuts_days_as_zoneinfo_does_also_in_other_centuries(zoned: Client) -> None:
    choose, zone = random.Random(7), zoneinfo.ZoneInfo(NEW_YORK)
    days = [date(2020, 1, 2) + timedelta(choose.randrange(65_000)) for _ in range(45)]
    midnights = [datetime(day.year, day.month, day.day, 5, tzinfo=UTC) for day in days]
    times = [each + choose.randint(-9_999, 9_999) * SECOND for each in midnights for _ in range(30)]
    expected = [f"{time.astimezone(zone):%Y-%m-%d}" for time in times]
    assert [day for _, day, _ in cut(zoned, NEW_YORK, *times)] == expected


def test_historic_changes_of_a_zone_are_kept(zoned: Client) -> None:
    # Until 1906 the clocks of India differed from today's, and in the war they were an hour ahead.
    times = [utc("1905-06-01T18:35"), utc("1906-06-01T18:35"), utc("1943-06-01T17:35")]
    days = [day for _, day, _ in cut(zoned, "w", *times)]
    assert days == ["1905-06-01", "1906-06-02", "1943-06-02"]


@pytest.mark.parametrize("name", MOVES)
def test_each_event_lies_in_one_month_where_the_zone_changes(name: str, zoned: Client) -> None:
    old, new = MOVES[name]
    border = datetime(2026, 11, 1, tzinfo=zoneinfo.ZoneInfo(old)).astimezone(UTC)
    times = [border + timedelta(minutes=10 * step) - SECOND for step in range(-300, 301)]
    times += [border, border - timedelta(milliseconds=1)]
    found = cut(zoned, name, *times)
    for time, (zone, day, month) in zip(times, found, strict=True):
        # October ends in the old zone, there November begins, and no day of it is in October.
        local = f"{time.astimezone(zoneinfo.ZoneInfo(old if time < border else new)):%Y-%m-%d}"
        expected = local if time < border else max(local, "2026-11-01")
        assert (zone, day) == (old if time < border else new, expected)
        assert month == ("2026-10" if time < border else "2026-11")
    [[events]] = zoned.query(f"SELECT sum(events) FROM {DATABASE}.usage_by_month").result_rows
    assert events == len(times)
    days = [day for _, day, _ in cut(zoned, name, *sorted(times))]
    assert days == sorted(days)


@pytest.mark.parametrize("name", MOVES)
def test_a_month_s_bounds_are_those_by_which_its_events_are_cut(name: str, zoned: Client) -> None:
    calendar = workspaces.calendar(zoned, [name])
    days = [date(2026, 10, 1) + timedelta(number) for number in range(62)]
    starts = [calendar.begins(name, day) for day in days]
    assert starts == sorted(starts)
    times = [time for start in starts for time in (start - SECOND, start)][1:]
    # In the far east, the first day of November is over when October ends.
    expected = [f"{days[bisect_right(starts, time) - 1]}" for time in times]
    assert [day for _, day, _ in cut(zoned, name, *times)] == expected
    spans = calendar.spans([name], days[0], days[-1])
    assert [span.time_zone for span in spans] == list(MOVES[name])
    border = starts[days.index(NOVEMBER)]
    assert [(span.start, span.end) for span in spans] == [(starts[0], border), (border, starts[-1])]
    [november] = calendar.spans([name], NOVEMBER, days[-1])
    assert november == spans[1]


def test_months_of_all_zones_begin_where_zoneinfo_says() -> None:
    for name in random.Random(7).sample(sorted(offsets.names()), 6):
        zone = zoneinfo.ZoneInfo(name)
        for month, starts_at in offsets.months(name):
            assert starts_at.astimezone(zone).date() >= month
            if month.year >= 2012:  # since when no clock is set back across midnight
                assert (starts_at - SECOND).astimezone(zone).date() < month


def test_a_day_is_not_left_again_where_clocks_are_set_back_across_midnight() -> None:
    # In Newfoundland, at 00:01 on 1 November 2009.
    starts = dict(offsets.months("America/St_Johns"))
    assert starts[date(2009, 11, 1)] == utc("2009-11-01T02:30")
    changed = utc("2009-11-01T02:31")
    [offset] = [each for each in offsets.offsets("America/St_Johns") if each.since == changed]
    assert (changed + offset.ahead).date() == date(2009, 10, 31)
    assert offset.first_day == date(2009, 11, 1)


def test_a_query_for_one_workspace_reads_no_other(zoned: Client) -> None:
    clear(zoned)
    insert(zoned, ({**CALL, "event_id": str(n), "workspace_id": f"w{n}"} for n in range(30_000)))
    plan = zoned.command(
        f"EXPLAIN indexes = 1 SELECT * FROM {DATABASE}.usage_by_month"
        " WHERE workspace_id = 'w7' AND month = '2026-03-01'"
    )
    assert "Granules: 1/4" in str(plan)
    assert "Parts: 1 | Granules: 4" not in str(plan)


@pytest.mark.parametrize("name", ["east", "west", "far west"])
def test_a_level_is_cut_where_the_months_of_its_workspace_begin(name: str, zoned: Client) -> None:
    clear(zoned)
    zoned.command(
        f"ALTER TABLE {DATABASE}.catalog_releases UPDATE aggregation = 'time_weighted',"
        " series = 'vendor', total_seconds = 3600 WHERE 1 SETTINGS mutations_sync = 1"
    )
    call = {**CALL, "workspace_id": name, "vendor": "v"}
    begins, ends = utc("2026-10-20T00:00"), utc("2026-11-20T00:00")
    insert(
        zoned,
        [
            {**call, "event_id": "1", "seq": 1, "occurred_at": begins},
            {**call, "event_id": "2", "seq": 2, "occurred_at": ends, "quantity": Decimal(0)},
        ],
    )
    border = workspaces.calendar(zoned, [name]).begins(name, NOVEMBER)
    try:
        for period, of_november in (
            ("month", "month = '2026-11-01'"),
            ("day", f"day >= '{NOVEMBER}'"),
        ):
            found = zoned.query(
                f"SELECT {of_november} AS _is_later, sum(quantity), groupUniqArray(time_zone)"
                f" FROM {DATABASE}.usage_by_{period} GROUP BY 1 ORDER BY 1"
            ).result_rows
            hours = [
                Decimal((border - begins) // SECOND) / 3600,
                Decimal((ends - border) // SECOND) / 3600,
            ]
            assert [tuple(row) for row in found] == [
                (later, quantity, [zone])
                for later, quantity, zone in zip((0, 1), hours, MOVES[name], strict=True)
            ]
    finally:
        zoned.command(
            f"ALTER TABLE {DATABASE}.catalog_releases UPDATE aggregation = 'sum', series = ''"
            " WHERE 1 SETTINGS mutations_sync = 1"
        )
