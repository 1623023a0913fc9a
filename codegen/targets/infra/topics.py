"""The topics that the embedded broker starts with."""

from __future__ import annotations

from collections.abc import Iterator

from codegen.model import Model, Topic
from codegen.render import Output, file
from codegen.text import go_string


def outputs(model: Model) -> Iterator[Output]:
    """The table of topics."""
    yield file(
        "infra/devbroker/zz_generated_topics.go",
        "infra/topics.go.j2",
        topics=[_row(topic) for topic in model.catalog.topics],
    )


def _row(topic: Topic) -> str:
    return f"{{{go_string(topic.name)}, {topic.partitions}}}"
