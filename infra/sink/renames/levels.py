"""The levels of a workspace that still hold, and are billed under its name until 0 is recorded."""

from __future__ import annotations

from typing import NamedTuple

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from infra.sink import store
from infra.sink._generated.fields import ACCOUNT, DATABASE, METRIC_TYPE, PRODUCT, USAGE_LEVELS

# What has no later one and no value for its series holds for a moment only.
_OPEN = f"""\
SELECT count(), any({PRODUCT}), any({METRIC_TYPE}), any(series)
FROM {DATABASE}.{USAGE_LEVELS}
WHERE {ACCOUNT} = {{account:String}} AND series != '' AND _next IS NULL AND quantity != 0"""


class OpenLevels(NamedTuple):
    """How many series have a level other than 0, and one of them."""

    number: int
    product: str
    metric_type: str
    series: str


def still_open(client: Client, workspace: str) -> OpenLevels | None:
    """Returns the levels that were recorded under a name and hold; None without any.

    Raises:
        SinkError: the store rejects the query.
    """
    try:
        [row] = client.query(_OPEN, {"account": workspace}).result_rows
    except ClickHouseError as failure:
        raise store.query_error(failure) from None
    found = OpenLevels(*row)
    return found if found.number else None
