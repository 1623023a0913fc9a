"""The SQL of a query: names are generated, and values are bound."""

from __future__ import annotations

from typing import Any

from infra.sink._generated.fields import (
    ACCOUNT,
    BILLABLE,
    DATABASE,
    METRIC_TYPE,
    PRODUCT,
    USAGE_BY_MONTH,
)
from infra.sink.usage.query import Query

LINES = f"""\
SELECT * EXCEPT ({ACCOUNT}, month)
FROM {DATABASE}.{USAGE_BY_MONTH}
WHERE {ACCOUNT} = {{account:String}} AND month = {{month:Date32}}
ORDER BY {PRODUCT}, {METRIC_TYPE}, {BILLABLE} DESC"""
LATEST = f"""\
SELECT DISTINCT month FROM {DATABASE}.{USAGE_BY_MONTH}
WHERE {ACCOUNT} = {{account:String}} ORDER BY month DESC LIMIT 1"""


def parameters(query: Query) -> dict[str, Any]:
    """Returns the values of a query's parameters."""
    return {"account": query.workspace, "month": query.month}
