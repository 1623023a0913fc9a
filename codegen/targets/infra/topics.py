"""The topics of the embedded broker, and of create-topics.sh."""

from __future__ import annotations

from collections.abc import Iterator

from codegen.model import Model, Topic, milliseconds
from codegen.render import Output, commented_section, file
from codegen.text import go_string


def outputs(model: Model) -> Iterator[Output]:
    """Returns the list of topics, once in Go and once in shell."""
    topics = model.catalog.topics
    yield file(
        "infra/devbroker/zz_generated_topics.go",
        "infra/topics.go.j2",
        topics=[_row(topic) for topic in topics],
    )
    rows = [
        f"{topic.name} {topic.partitions} {milliseconds(topic.retention)} {_stamped(topic) or '-'}"
        for topic in topics
    ]
    script = "".join(("TOPICS=(\n", *(f'    "{row}"\n' for row in rows), ")\n"))
    yield commented_section("infra/create-topics.sh", "topics", script)


def _row(topic: Topic) -> str:
    retention = go_string(str(milliseconds(topic.retention)))
    stamped = go_string(_stamped(topic))
    return f"{{{go_string(topic.name)}, {topic.partitions}, {retention}, {stamped}}}"


def _stamped(topic: Topic) -> str:
    """Returns the value of message.timestamp.type; empty where the catalog has none."""
    words = {"create": "CreateTime", "log_append": "LogAppendTime"}
    return words[topic.timestamps] if topic.timestamps else ""
