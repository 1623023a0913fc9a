"""Queries the store's views for the usage of the demo."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal

from clickhouse_connect.driver.client import Client

from infra.sink._generated.fields import DATABASE, RECEIPTS, USAGE, USAGE_BY_MONTH
from tests.e2e.comparison import Usage

_ONCE_EACH = f"""\
SELECT
    workspace_id,
    product,
    metric_type,
    sdk_language,
    count(),
    countIf(NOT is_billable),
    sumIf(toDecimal256(quantity, 12), is_billable),
    sumIf(
        if(isNull(cost), toDecimal256(quantity, 12) * toDecimal256(ifNull(unit_cost, 0), 12),
            toDecimal256(ifNull(cost, 0), 24)),
        is_billable
    )
FROM {DATABASE}.{USAGE}
GROUP BY ALL"""
_COSTS = f"""\
SELECT workspace_id, sum(cost)
FROM {DATABASE}.{USAGE_BY_MONTH}
WHERE is_billable
GROUP BY workspace_id
ORDER BY workspace_id"""


def recorded(store: Client) -> Iterator[tuple[tuple[str, str, str], str, Usage]]:
    """Yields the usage that each language's service recorded, every event once."""
    for workspace, product, metric_type, language, *sums in store.query(_ONCE_EACH).result_rows:
        yield (workspace, product, metric_type), language, Usage(*sums)


def invoices(store: Client) -> Mapping[str, Decimal]:
    """Returns what each workspace is charged."""
    return {str(workspace): cost for workspace, cost in store.query(_COSTS).result_rows}


def arrivals(store: Client) -> int:
    """Returns how many events arrived, copies included."""
    [(count,)] = store.query(f"SELECT count() FROM {DATABASE}.{RECEIPTS}").result_rows
    return int(count)
