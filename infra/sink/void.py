"""Take an event back, so that no invoice has it any more.

Each metric type that has the event gets a void: an event of its own with the reason, which the SDK
writes to Kafka. The event stays in `usage_received`, and a copy that arrives later does not count
either. An event that is taken back already is left alone.

The void also goes into the store at once, where the sink's copy of it counts once. With the id of a
void for an event, the event that it took back counts again. An event that was recorded under
another name of the workspace is found, and taken back under that name.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError
from confluent_kafka import Producer
from eka_usage import EkaClient, Metric, find_event_type, find_metric

from infra.kafka_errors import LastError
from infra.sink import dsn, kafka, store
from infra.sink._generated.fields import (
    ACCOUNT,
    DATABASE,
    ID,
    METRIC_TYPE,
    PRODUCT,
    RECEIVED,
    USAGE_TOPIC,
    VOIDED,
)
from infra.sink.errors import SinkError, UnavailableError, UsageError
from infra.sink.renames import ledger as renames
from infra.sink.text import printable
from infra.sink.writer import insert_into

_SERVICE = "usage-sink"
_SECONDS = 20
_NAMED = f"{ACCOUNT} = {{account:String}} AND {ID} = {{id:String}}"
_STORED = f"""\
SELECT {PRODUCT}, {METRIC_TYPE}, voided_by, reason
FROM (SELECT {PRODUCT}, {METRIC_TYPE} FROM {DATABASE}.{RECEIVED} WHERE {_NAMED}) AS stored
LEFT JOIN (
    SELECT {PRODUCT}, {METRIC_TYPE}, voided_by, reason FROM {DATABASE}.{VOIDED} WHERE {_NAMED}
) AS voided USING ({PRODUCT}, {METRIC_TYPE})
ORDER BY {PRODUCT}, {METRIC_TYPE}"""


class _Stored(NamedTuple):
    """A metric type that has the event; `voided_by` is empty unless it is taken back."""

    workspace: str
    product: str
    metric_type: str
    voided_by: str
    reason: str

    def __str__(self) -> str:
        return f"{self.product}.{self.metric_type}"


class _Producer:
    """Produces what the SDK encodes, and keeps it for the store."""

    def __init__(self, connection: Mapping[str, Any]) -> None:
        self.messages: list[bytes] = []
        self.last_error = LastError()
        self._producer = Producer(
            {
                **connection,
                **kafka.PRODUCER,
                "enable.idempotence": True,
                "error_cb": self.last_error,
            }
        )

    def produce(
        self, *, topic: str, key: bytes, value: bytes, on_delivery: Callable[[Any, Any], None]
    ) -> None:
        self._producer.produce(topic, value, key, on_delivery=on_delivery)
        self.messages.append(value)

    def poll(self, timeout: float) -> object:
        return self._producer.poll(timeout)

    def flush(self, timeout: float) -> int:
        return self._producer.flush(timeout)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments of the command."""
    kafka.add_arguments(parser)
    dsn.add_arguments(parser)
    add = parser.add_argument
    add("--workspace", required=True, help="the workspace of the event")
    add("--event", required=True, metavar="ID", help="take the event with this id back")
    add(
        "--metric",
        type=_metric,
        metavar="PRODUCT.METRIC_TYPE",
        help="only of this metric type (default: of every one that has the id)",
    )
    add("--reason", required=True, help="why, for the audit")


def run(arguments: argparse.Namespace) -> int:
    """Voids the event of each metric type, and prints the voids."""
    if not arguments.reason.strip():
        raise UsageError("--reason must not be blank")
    connection = kafka.connection(arguments.brokers)
    with store.open_store(arguments.dsn, existing=True) as client:
        found = [
            each
            for each in recorded(client, arguments.workspace, arguments.event)
            if arguments.metric is None
            or (each.product, each.metric_type)
            == (arguments.metric.product, arguments.metric.metric_type)
        ]
        if not found:
            what = f"event {arguments.event!r} of workspace {arguments.workspace!r}"
            raise SinkError(f"no {what} in the store: check both, and the sink's lag")
        for each in found:
            if each.voided_by:
                _print(each, f"is taken back already by {each.voided_by}: {each.reason}")
        counting = [each for each in found if not each.voided_by]
        voids = _void(client, connection, arguments, counting) if counting else []
    for each, void in zip(counting, voids, strict=True):
        _print(each, f"is taken back by {void}: {arguments.reason}")
    return 0


def recorded(client: Client, workspace: str, event: str) -> list[_Stored]:
    """Returns the metric types that have the event.

    If the workspace has none, it may have been recorded under a name that is billed as this one.
    """
    if found := _find(client, workspace, event):
        return found
    others = renames.names(client).recorded_as(workspace)
    return [each for name in others for each in _find(client, name, event)]


def _find(client: Client, workspace: str, event: str) -> list[_Stored]:
    try:
        rows = client.query(_STORED, {"account": workspace, "id": event}).result_rows
    except ClickHouseError as failure:
        raise store.query_error(failure) from None
    return [_Stored(workspace, *row) for row in rows]


def _void(
    client: Client,
    connection: Mapping[str, Any],
    arguments: argparse.Namespace,
    counting: list[_Stored],
) -> list[str]:
    """Returns the ids of the voids once Kafka and the store have them."""
    metrics = [_declared(each) for each in counting]
    producer = _Producer(connection)
    errors: list[str] = []
    usage = EkaClient(
        _SERVICE, producer=producer, on_error=lambda error, _: errors.append(str(error))
    )
    with usage:
        voids = [
            usage.void(each.workspace, metric, arguments.event, arguments.reason)
            for each, metric in zip(counting, metrics, strict=True)
        ]
        left = usage.flush(_SECONDS)
    if left or errors:
        cause = producer.last_error.text or "".join(errors[:1]) or "no answer"
        raise UnavailableError(
            f"cannot write to {USAGE_TOPIC}: {cause}; run the command again, which writes what is "
            "missing"
        )
    try:
        insert_into(client, producer.messages)
    except ClickHouseError as failure:
        raise UnavailableError(
            f"the void is in Kafka, and the sink will store it: {store.first_line(failure)}"
        ) from None
    return [void for void in voids if void is not None]


def _declared(stored: _Stored) -> Metric:
    metric = find_metric(stored.product, stored.metric_type)
    if metric is None:
        raise SinkError(f"the catalog lacks {stored}: use a version of the sink that has it")
    return metric


def _metric(text: str) -> Metric:
    metric = find_event_type(text)
    if metric is None:
        raise argparse.ArgumentTypeError(f"must be a metric type of the catalog, got {text!r}")
    return metric


def _print(stored: _Stored, what: str) -> None:
    sys.stdout.write(f"{stored}  {printable(what)}\n")
