"""Infrastructure: topics, the store, and what the sink knows of events."""

from __future__ import annotations

from collections.abc import Iterator

from codegen.model import Model
from codegen.render import Output
from codegen.targets.infra import clickhouse, connect, sink, topics


def outputs(model: Model) -> Iterator[Output]:
    """All of it; nothing of a table where events have none."""
    yield from topics.outputs(model)
    if model.event.table is not None:
        yield from clickhouse.outputs(model, model.event.table)
        yield from connect.outputs(model, model.event.table)
        yield from sink.outputs(model, model.event.table)
