"""What GET answers, over a real store: filters, pages, formats, rights and bounds."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client

from infra.api._generated.reads import READS
from infra.api.store.pool import Bounds, Nowhere, Pool, Question
from infra.sink.errors import TooLargeError, UnavailableError
from infra.sink.usage import sql
from infra.sink.usage.query import DIMENSIONS
from tests.api.answering import Answering
from tests.sink.events import NOON

_COSTLY = {"unit_cost": Decimal("0.5"), "product": "api", "metric_type": "api_call"}


def _event(number: int, **values: Any) -> dict[str, Any]:
    time = NOON + timedelta(minutes=number)
    return {
        "event_id": f"e{number}",
        "workspace_id": "w1",
        "occurred_at": time,
        "ts": time,
        "seq": number,
        "service_name": "svc",
        "environment": "production",
        "status": "ok",
        **_COSTLY,
        **values,
    }


EVENTS = [
    _event(1, tags=["a,b", "c"], model="m1", metadata='{"region": "eu", "n": 0.10}'),
    _event(2, tags=["a"], model="m2", metadata='{"region": "us"}'),
    _event(3, tags=["b"], model="m1", quantity=Decimal("0.000000000001")),
    _event(4, workspace_id="w2", model="=cmd()", metric_type="api_error", is_billable=0),
    _event(5, workspace_id="w2", product="comms", metric_type="sms", quantity=Decimal(3)),
    _event(6, workspace_id="a/b c", model="m3"),
    _event(7, status="void", voids="e2", is_billable=0, unit_cost=None),
]


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Answering]:
    """Answers of the events above; other tests of this process cannot open a store meanwhile."""
    with Answering(tmp_path_factory.mktemp("answers"), EVENTS) as answering:
        yield answering


def _ids(rows: list[dict[str, Any]]) -> set[str]:
    return {row["event_id"] for row in rows}


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("model=m1,m2", "123"),
        ("tags=a,b", "23"),
        ("tags=a,b&tags=nothing", "1"),
        ('tags="a,b"', "1"),
        ("metadata.region=", "34567"),
        ("workspaceId=w2&metricType=sms", "5"),
        ("eventType=comms.sms,api.api_error", "45"),
        ("event_type=comms.sms&event_type=no.such", "5"),
        ("start=2026-03-10T17:33:00+05:30&end=1773144300000", "34"),
    ],
)
def test_events_are_filtered(api: Answering, query: str, ids: str) -> None:
    assert _ids(api.data(f"/v1/events?{query}")) == {f"e{each}" for each in ids}


def test_every_dimension_is_a_filter(api: Answering) -> None:
    names = [*DIMENSIONS, "product", "metric_type", "metadata.x", "metadata."]
    query = "&".join(f"{name}=no-such-value" for name in names)
    assert api.data(f"/v1/events?{query}") == []
    assert api.data(f"/v1/usage?month=2026-03&{query}") == []


def test_an_event_says_what_became_of_it(api: Answering) -> None:
    [row] = api.data("/v1/events?id=e2")
    assert (row["voided_by"], row["effective_cost"]) == ("e7", "0")
    [row] = api.data("/v1/events?id=e1")
    assert (row["voided_by"], row["effective_cost"]) == ("", "0.5")
    assert row["is_billable"] is True
    assert row["quantity"] == "1"
    assert '"metadata":{"region": "eu", "n": 0.10}' in api.get("/v1/events?id=e1").text


def test_an_event_can_be_traced(api: Answering) -> None:
    [found] = api.data("/v1/events/e2")
    assert found["workspace_id"] == "w1"
    assert found["row"]["voided_by"] == "e7"
    assert found["line"] is None
    [counted] = api.data("/v1/events/e1?workspace_id=w1")
    assert counted["line"]["cost"] == "0.5"
    assert api.error("/v1/events/nope", 404)["code"] == "event.unknown"


def test_pages_by_offset_and_by_cursor_hold_the_same(api: Answering) -> None:
    everything = [row["event_id"] for row in api.data("/v1/events")]
    assert everything == [f"e{number}" for number in range(7, 0, -1)]
    by_offset, by_cursor, after = [], [], ""
    for number in range(3):
        page = api.get(f"/v1/events?limit=3&offset={3 * number}").json()
        assert page["meta"]["total"] == 7
        by_offset += [row["event_id"] for row in page["data"]]
        page = api.get(f"/v1/events?limit=3{after}").json()
        assert page["meta"]["total"] == 7
        by_cursor += [row["event_id"] for row in page["data"]]
        after = f"&after={page['meta']['next']}"
    assert after == "&after=None"
    assert by_offset == by_cursor == everything
    assert [row["event_id"] for row in api.data("/v1/events?order=oldest&limit=1")] == ["e1"]


def test_usage_is_grouped_and_exact(api: Answering) -> None:
    answer = api.get("/v1/usage?month=2026-03&workspace_id=w1&window=day&group_by=model").json()
    found = {row["model"]: (row["quantity"], row["cost"]) for row in answer["data"]}
    assert found == {"m1": ("1.000000000001", "0.5000000000005")}
    assert answer["cost"] == "0.5000000000005"
    assert {row["day"] for row in answer["data"]} == {"2026-03-10"}
    assert answer["complete_until"] == "2026-03-10T12:00:00.000Z"
    grouped = api.data("/v1/usage?month=2026-03&group_by=model,metadata.region&workspace_id=w1")
    assert {(row["model"], row["metadata.region"]) for row in grouped} == {("m1", "eu"), ("m1", "")}
    [line] = api.data("/v1/usage?month=2026-03&billable=false&product=api")
    assert (line["metric_type"], line["is_billable"]) == ("api_error", False)


def test_a_date_begins_in_the_zone_that_is_asked(api: Answering) -> None:
    day = "/v1/usage?from=2026-03-10&to=2026-03-11&workspace_id=w1"
    assert len(api.data(day)) == 1
    # It is the 11th there at noon in UTC.
    assert api.data(f"{day}&zone=Pacific/Kiritimati") == []
    assert api.error(f"{day}&zone=../etc", 422)["code"] == "parameter.invalid"


def test_csv_has_the_same_rows(api: Answering) -> None:
    for asked, name in (("/v1/events?limit=9", "events"), ("/v1/usage?month=2026-03", "usage")):
        rows = api.data(asked)
        response = api.get(asked, accept="text/csv")
        assert response.headers["content-type"] == "text/csv; charset=utf-8"
        assert f'filename="{name}.csv"' in response.headers["content-disposition"]
        assert response.headers["x-complete-until"] == "2026-03-10T12:00:00.000Z"
        assert response.text == api.get(f"{asked}&format=csv").text
        cells = list(csv.DictReader(io.StringIO(response.text)))
        assert len(cells) == len(rows) > 0
        assert list(cells[0]) == list(rows[0])
    formulas = api.get("/v1/events?workspace_id=w2&format=csv").text
    assert '"\'=cmd()"' in formulas


def test_the_invoice_is_that_of_a_workspace(api: Answering) -> None:
    invoice = api.get("/v1/workspaces/w1/invoice?month=2026-03").json()
    assert [(row["metric_type"], row["kind"], row["cost"]) for row in invoice["data"]] == [
        ("api_call", "usage", "0.5000000000005")
    ]
    assert (invoice["cost"], invoice["closes"]) == ("0.5000000000005", [])
    other = api.get("/v1/workspaces/a%2Fb%20c/invoice?month=2026-03").json()
    assert other["cost"] == "0.5"
    assert api.data("/v1/workspaces/w1/invoice?month=2026-04") == []


def test_the_catalog_and_completeness_are_answered(api: Answering) -> None:
    catalog = api.data("/v1/catalog")
    assert {"owner", "unit", "deprecated_since"} <= catalog[0].keys()
    found = api.get("/v1/completeness?since=2026-03-01").json()
    assert found["complete_until"] == "2026-03-10T12:00:00.000Z"


def test_every_answer_says_up_to_when_it_is_complete(api: Answering) -> None:
    for path in (path for path in READS if path != "/v1/rejected"):  # which reads Kafka
        url = path.replace("{id}", "e1").replace("{workspace}", "w1")
        answer = api.get(url).json()
        assert answer["complete_until"] == "2026-03-10T12:00:00.000Z", path
        assert answer["complete_reason"] == "the newest event that has arrived", path


def test_what_has_not_changed_is_not_sent_again(api: Answering) -> None:
    for path in ("/v1/usage?month=2026-03", "/v1/catalog?format=csv"):
        first = api.get(path)
        tag = first.headers["etag"]
        for known in (f'"other", {tag}', tag.removeprefix("W/"), "*"):
            again = api.get(path, if_none_match=known)
            assert (again.status_code, again.content) == (304, b"")
            assert again.headers["etag"] == tag
        assert "no-cache" in first.headers["cache-control"]
    assert api.get(path, if_none_match='"other"').status_code == 200


def test_a_key_reads_its_workspaces_alone(api: Answering) -> None:
    mine = api.new_key("read", workspaces=("w1",))
    assert _ids(api.data("/v1/events", mine)) == {"e1", "e2", "e3", "e7"}
    assert {row["workspace_id"] for row in api.data("/v1/usage?month=2026-03", mine)} == {"w1"}
    assert api.error("/v1/events/e4", 404, mine)["code"] == "event.unknown"
    for path in (
        "/v1/events?workspace_id=w2",
        "/v1/events/e4?workspace_id=w2",
        "/v1/usage?workspace_id=w1,w2",
        "/v1/workspaces/w2/invoice",
        "/v1/workspaces/no-such/invoice",
        "/v1/rejected?workspace_id=w2",
    ):
        assert api.error(path, 404, mine)["code"] == "workspace.unknown"


def test_a_key_without_the_scope_reads_nothing(api: Answering) -> None:
    writer = api.new_key("write")
    for path in READS:
        url = path.replace("{id}", "e1").replace("{workspace}", "w1")
        assert api.error(url, 403, writer)["code"] == "scope.missing"
        assert api.error(url, 401, "unknown")["code"] == "key.unknown"


@pytest.mark.parametrize(
    ("query", "code", "words"),
    [
        ("events?limit=0", "parameter.invalid", "from 1 to 1,000"),
        ("events?limit=1001", "parameter.invalid", "from 1 to 1,000"),
        ("events?limit=١", "parameter.invalid", "whole number"),
        ("events?limit=1&limit=2", "parameter.invalid", "twice"),
        ("events?offset=10001", "parameter.invalid", "10,000"),
        ("events?order=random", "parameter.invalid", "newest, oldest"),
        ("events?start=0001-01-01", "parameter.invalid", "time that events can have"),
        ("events?start=9999999999999999", "parameter.invalid", "time that events can have"),
        ("events?after=xx", "query.invalid", "malformed cursor"),
        ("events?colour=red", "parameter.unknown", "metadata.KEY"),
        ("events?format=xml", "parameter.invalid", "json, csv"),
        ("events?" + "model=x&" * 1001, "parameter.invalid", "1,000 values"),
        ("usage?from=2026-03-02&to=2026-03-01", "query.invalid", "empty"),
        ("usage?to=2026-03-01", "query.invalid", "no period"),
        ("usage?month=2026-03&from=2026-03-01", "query.invalid", "either"),
        ("usage?month=March", "parameter.invalid", "2026-03"),
        ("usage?group_by=tags", "query.invalid", "cannot group"),
        ("usage?group_by=event_type", "query.invalid", "already"),
        ("usage?as_of=2226-01-01", "query.invalid", "not past"),
        ("usage?billable=1", "parameter.invalid", "true or false"),
        ("catalog?limit=1", "parameter.unknown", "format"),
        ("completeness?x=1", "parameter.unknown", "since"),
    ],
)
def test_a_parameter_that_cannot_be_is_named(
    api: Answering, query: str, code: str, words: str
) -> None:
    found = api.error(f"/v1/{query}", 422)
    assert found["code"] == code
    assert words in found["message"]


class _Away:
    """A store that does not answer, at an address that nobody needs to know."""

    def ask(self, question: Question[Any]) -> Any:
        raise UnavailableError("cannot open the store at http://inside.example:8123")


@pytest.mark.parametrize("store", [_Away(), Nowhere()])
def test_without_a_store_reads_say_so(api: Answering, store: Any) -> None:
    answers = api.answers(store)
    response = api.get("/v1/usage", answers=answers)
    answers.close()
    assert response.status_code == 503
    assert response.json()["error"]["code"] == "store.unavailable"
    assert response.headers["retry-after"] == "30"
    assert "example" not in response.text


@dataclass(frozen=True)
class _Costly:
    """A question with a query that never ends, or that takes more and more memory."""

    text: str

    def answer(self, client: Client) -> Any:
        return sql.fetch(client, sql.Statement(self.text, {}, ()))


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("SELECT sum(sipHash64(number)) FROM numbers(9000000000000)", "time"),
        ("SELECT length(groupArray(number)) FROM numbers(100000000)", "memory"),
    ],
)
def test_a_query_costs_a_bounded_amount(api: Answering, text: str, what: str) -> None:
    pool = Pool(api.dsn, Bounds(seconds=0.3, memory=20 << 20))
    with pytest.raises(TooLargeError, match=f"needs more {what} than"):
        pool.ask(_Costly(text))
    pool.close()


def test_every_read_of_the_store_is_bounded(api: Answering) -> None:
    pool = Pool(api.dsn, Bounds(memory=1))
    answers = api.answers(pool)
    for path in (path for path in READS if path != "/v1/rejected"):  # which reads Kafka
        url = path.replace("{id}", "e1").replace("{workspace}", "w1")
        response = api.get(url, answers=answers)
        assert response.status_code == 422, (path, response.text)
        assert response.json()["error"]["code"] == "query.too_large"
    answers.close()
    pool.close()
