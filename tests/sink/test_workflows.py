"""An event is shown with the events that belong to it, and what all of them cost."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from clickhouse_connect.driver.client import Client

from infra.sink._generated.fields import DATABASE
from tests.sink.events import insert

CALL = {"product": "agent", "metric_type": "input_token", "workspace_id": "w"}


def event(event_id: str, cost: str | None, **others: Any) -> dict[str, Any]:
    own: dict[str, Any] = {
        "event_id": event_id,
        "cost": cost and Decimal(cost),
        "child_event_ids": [],
    }
    return {**CALL, **own, **others}


def test_children_are_counted_once_whoever_names_whom(store: Client) -> None:
    insert(
        store,
        [
            event("parent", "0.1", child_event_ids=["named", "both", "absent", "parent"]),
            event("named", "0.01"),
            event("both", "0.02", parent_event_id="parent"),
            event("naming", None, parent_event_id="parent", quantity=Decimal(3),
                  unit_cost=Decimal("0.000000000001")),
            event("amounts", "0.5", parent_event_id="parent"),
            event("amounts", None, parent_event_id="parent", metric_type="output_token"),
            event("grandchild", "7", parent_event_id="naming"),
            event("back", "9", parent_event_id="parent"),
            event("v", None, status="void", voids="back", quantity=Decimal(0)),
            event("elsewhere", "5", parent_event_id="parent", workspace_id="x"),
        ],
    )  # fmt: skip
    children = store.query(
        f"SELECT event_id, metric_type, cost FROM {DATABASE}.usage_children"
        " WHERE workspace_id = 'w' AND parent_event_id = 'parent' ORDER BY 1, 2"
    ).result_rows
    assert children == [
        ("amounts", "input_token", Decimal("0.5")),
        ("amounts", "output_token", None),
        ("both", "input_token", Decimal("0.02")),
        ("named", "input_token", Decimal("0.01")),
        ("naming", "input_token", Decimal("0.000000000003")),
    ]
    totals = store.query(
        "SELECT event_id, own_cost, children, children_cost, total_cost, unpriced"
        f" FROM {DATABASE}.usage_with_children WHERE workspace_id = 'w' ORDER BY 1"
    ).result_rows
    naming, parent = totals
    three = Decimal("0.000000000003")
    assert naming == ("naming", three, 1, 7, 7 + three, 0)
    assert parent == (
        "parent",
        Decimal("0.1"),
        5,
        three + Decimal("0.53"),
        three + Decimal("0.63"),
        1,
    )


def test_a_query_for_one_workspace_reads_the_children_of_no_other(store: Client) -> None:
    insert(
        store,
        (event(str(n), None, workspace_id=f"w{n}", parent_event_id="p") for n in range(30_000)),
    )
    plan = store.command(
        f"EXPLAIN indexes = 1 SELECT * FROM {DATABASE}.usage_children WHERE workspace_id = 'w7'"
    )
    assert "Granules: 1/4" in str(plan)
    assert "Parts: 1 | Granules: 4" not in str(plan)
