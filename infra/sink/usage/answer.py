"""The answer to a query."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Context, Decimal
from typing import Any

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from infra.sink import store
from infra.sink._generated.fields import BILLABLE
from infra.sink.usage import sql
from infra.sink.usage.query import Query

_COST = "cost"
# The digits of the widest column in the store.
_EXACT = Context(prec=76)


@dataclass(frozen=True, slots=True)
class Answer:
    """The lines; where there are none, the latest month that has some."""

    columns: list[str]
    rows: list[dict[str, Any]]
    latest: date | None

    @property
    def cost(self) -> Decimal | None:
        """The cost of the billable lines; None if none of them has one."""
        costs = [row[_COST] for row in self.rows if row[BILLABLE] and row.get(_COST) is not None]
        if not costs:
            return None
        total = Decimal(0)
        for cost in costs:
            total = _EXACT.add(total, cost)
        return total


def ask(client: Client, query: Query) -> Answer:
    """Returns the answer of the store.

    Raises:
        SinkError: the store rejects the query.
    """
    parameters = sql.parameters(query)
    try:
        # chDB does not name the columns of a result without rows.
        columns = [
            row[0] for row in client.query(f"DESCRIBE ({sql.LINES})", parameters).result_rows
        ]
        rows = list(client.query(sql.LINES, parameters).named_results())
        latest = [] if rows else client.query(sql.LATEST, parameters).result_rows
    except ClickHouseError as failure:
        raise store.query_error(failure) from None
    return Answer(columns, rows, latest[0][0] if latest else None)
