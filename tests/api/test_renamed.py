"""A key reads what is billed under the names of its workspaces, and of no other."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from clickhouse_connect.driver.client import Client

from infra.sink.renames import change
from infra.sink.renames.change import Change
from tests.api.answering import Answering
from tests.sink.closing_cases import APRIL
from tests.sink.events import NOON

_IN_APRIL = NOON + timedelta(days=30)
_CALL = {"product": "api", "metric_type": "api_call", "environment": "production"}
EVENTS = [
    {**_CALL, "workspace_id": name, "event_id": f"{name}{time.month}", "occurred_at": time}
    for name in ("old", "new", "other")
    for time in (NOON, _IN_APRIL)
]


@dataclass(frozen=True, slots=True)
class _Merge:
    def answer(self, client: Client) -> bool:
        asked = Change("old", "new", APRIL, "they merged", "tests", is_merge=True)
        return change.apply(client, asked)[1]


def test_a_key_reads_what_is_billed_as_its_workspace(tmp_path: Path) -> None:
    with Answering(tmp_path, EVENTS) as api:
        old, new = (api.new_key("read", workspaces=(name,)) for name in ("old", "new"))
        assert api.ask(_Merge())

        def lines(month: str, token: str) -> list[tuple[str, int]]:
            rows = api.data(f"/v1/usage?month={month}", token)
            return [(row["workspace_id"], row["events"]) for row in rows]

        def events(token: str) -> set[str]:
            return {row["event_id"] for row in api.data("/v1/events", token)}

        assert lines("2026-03", old) == [("old", 1)]
        assert lines("2026-03", new) == [("new", 1)]
        assert lines("2026-04", old) == []
        assert lines("2026-04", new) == [("new", 2)]
        invoice = "/v1/workspaces/{}/invoice?month=2026-04"
        [line] = api.data(invoice.format("new"), new)
        assert line["events"] == 2
        api.error(invoice.format("new"), 404, old)
        api.error(invoice.format("old"), 404, new)
        api.error("/v1/usage?workspaceId=new&month=2026-04", 404, old)
        # Of the old name a key of the new one sees what is billed to it; one of the old, its own.
        assert events(new) == {"new3", "new4", "old4"}
        assert events(old) == {"old3", "old4"}
        [event] = api.data("/v1/events/old4", new)
        assert event["workspace_id"] == "old"
        api.error("/v1/events/old3", 404, new)
        api.error("/v1/events/new4", 404, old)
