"""The configuration of ClickHouse's own sink connector, for Kafka Connect."""

from __future__ import annotations

import json
from collections.abc import Iterator

from codegen.model import Model, Table
from codegen.render import JSON_COMMENT, File

_STRINGS = "org.apache.kafka.connect.storage.StringConverter"

# How ClickHouse reads the text of an event. An insert that waits is one that can be repeated.
_SETTINGS = {
    "async_insert": 0,
    "date_time_input_format": "best_effort",
    "input_format_skip_unknown_fields": 1,
    "wait_end_of_query": 1,
}


def outputs(model: Model, table: Table) -> Iterator[File]:
    """What is put to `/connectors/NAME/config`, or handed to a standalone worker."""
    text = json.dumps(JSON_COMMENT | _config(model, table), indent=2, ensure_ascii=False)
    yield File("infra/kafka-connect-sink.json", f"{text}\n")


def _config(model: Model, table: Table) -> dict[str, str]:
    catalog = model.catalog
    usage, dead_letter = catalog.topic("usage"), catalog.topic("dead_letter")
    variables = f"{catalog.env_prefix}CLICKHOUSE_"
    return {
        "name": f"{usage.name}.sink",
        "connector.class": "com.clickhouse.kafka.connect.ClickHouseSinkConnector",
        "tasks.max": str(usage.partitions),
        "topics": usage.name,
        "topic2TableMap": f"{usage.name}={table.name}",
        "hostname": f"${{env:{variables}HOST}}",
        "port": f"${{env:{variables}PORT}}",
        "ssl": f"${{env:{variables}TLS}}",
        "username": f"${{env:{variables}USER}}",
        "password": f"${{env:{variables}PASSWORD}}",
        "database": table.database,
        "exactlyOnce": "true",
        "zkPath": f"/{usage.name}.sink",
        "zkDatabase": "connect_state",
        "tolerateStateMismatch": "false",
        "ignorePartitionsWhenBatching": "false",
        "key.converter": _STRINGS,
        # JsonConverter makes a double of every number with a point; ClickHouse reads text exactly.
        "value.converter": _STRINGS,
        "customInsertFormat": "true",
        "insertFormat": "JSON",
        "clickhouseSettings": ",".join(f"{name}={value}" for name, value in _SETTINGS.items()),
        "errors.tolerance": "all",
        "errors.deadletterqueue.topic.name": dead_letter.name,
        "errors.deadletterqueue.context.headers.enable": "true",
        "errors.log.enable": "true",
        "errors.log.include.messages": "false",
        # ClickHouse takes a bad message's whole batch for bad: what is to be replayed stays small.
        "consumer.override.max.poll.records": "5000",
    }
