"""The configuration of ClickHouse's own sink connector, for Kafka Connect."""

from __future__ import annotations

import json
from collections.abc import Iterator

from codegen.model import Model, Table
from codegen.render import JSON_COMMENT, File

_STRINGS = "org.apache.kafka.connect.storage.StringConverter"

# How ClickHouse parses the JSON of an event. A synchronous insert can be retried.
_SETTINGS = {
    "async_insert": 0,
    "date_time_input_format": "best_effort",
    # A null, a list or a flag where the column has another type is an error, not a value.
    "input_format_json_read_arrays_as_strings": 0,
    "input_format_json_read_bools_as_numbers": 0,
    "input_format_json_read_bools_as_strings": 0,
    "input_format_json_read_numbers_as_strings": 0,
    "input_format_json_read_objects_as_strings": 0,
    "input_format_null_as_default": 0,
    "input_format_skip_unknown_fields": 1,
    # A batch may hold events of any number of months, such as a replay.
    "max_partitions_per_insert_block": 0,
    "wait_end_of_query": 1,
    # On a cluster, the shards have the rows by then, and most replicas of each.
    "distributed_foreground_insert": 1,
    "insert_quorum": "auto",
}


def outputs(model: Model, table: Table) -> Iterator[File]:
    """Returns the body for `PUT /connectors/NAME/config`, which a standalone worker reads too."""
    text = json.dumps(JSON_COMMENT | _config(model, table), indent=2, ensure_ascii=False)
    yield File("infra/kafka-connect-sink.json", f"{text}\n")


def _config(model: Model, table: Table) -> dict[str, str]:
    catalog = model.catalog
    usage = catalog.topic("usage")
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
        # It remembers the offsets that it inserted, and skips them in silence when they are read
        # again after a restore. Copies count once without it.
        "exactlyOnce": "false",
        "ignorePartitionsWhenBatching": "false",
        "key.converter": _STRINGS,
        # JsonConverter parses decimals as doubles; ClickHouse parses the text exactly.
        "value.converter": _STRINGS,
        "customInsertFormat": "true",
        "insertFormat": "JSON",
        "clickhouseSettings": ",".join(f"{name}={value}" for name, value in _SETTINGS.items()),
        # The connector distinguishes a bad message from a full disk or a changed password by a list
        # of codes: with "all", every event becomes a dead letter while ClickHouse is unwell.
        "errors.tolerance": "none",
        "errors.log.enable": "true",
        "errors.log.include.messages": "false",
        # Of an import that was aborted, no event counts.
        "consumer.override.isolation.level": "read_committed",
        # One bad message stops its whole batch, which `dlq take` produces again up to there.
        "consumer.override.max.poll.records": "5000",
    }
