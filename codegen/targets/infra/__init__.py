"""Infrastructure: topics, tables, the Kafka Connect sink, constants of the sink and the API."""

from __future__ import annotations

from collections.abc import Iterator

from codegen.model import Model
from codegen.render import Output
from codegen.targets.infra import api, clickhouse, connect, monitoring, sink, topics


def outputs(model: Model) -> Iterator[Output]:
    """Returns all outputs; without a table in event.yaml only the topics and what watches all."""
    yield from topics.outputs(model)
    yield from monitoring.outputs(model)
    if model.event.table is not None:
        yield from clickhouse.outputs(model, model.event.table)
        yield from connect.outputs(model, model.event.table)
        yield from sink.outputs(model, model.event.table)
        if model.sdk.http is not None:
            yield from api.outputs(model, model.event.table, model.sdk.http)
            yield monitoring.api_table(model)
