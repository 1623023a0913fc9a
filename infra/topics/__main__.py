"""Creates topics for create-topics.sh, through the Kafka client.

What it says, and its exit codes, are those of the script.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import ConfigResource
from confluent_kafka.cimpl import NewTopic

from infra.topics.java_properties import ConfigError, client_config

_CREATED_OR_THERE, _FAILED, _DIFFERS = 0, 1, 3
_SECONDS = 10
_RETENTION = "retention.ms"


@dataclass(frozen=True)
class Topic:
    """What the catalog says of a topic."""

    name: str
    partitions: int
    retention_ms: str

    @classmethod
    def parse(cls, text: str) -> Topic:
        """From `name partitions retention`."""
        name, partitions, retention = text.split()
        return cls(name, int(partitions), retention)

    def __str__(self) -> str:
        return f"{self.partitions} partitions, {_RETENTION} {self.retention_ms}"


def ensure(admin: AdminClient, topic: Topic, replicas: int, *, dry_run: bool) -> tuple[str, int]:
    """Create the topic where it is absent; what is to say of it, and the exit code."""
    metadata = admin.list_topics(timeout=_SECONDS).topics.get(topic.name)
    if metadata is not None and metadata.error is None:
        difference = _difference(admin, topic, len(metadata.partitions))
        if difference:
            return f"{difference}; left as it is", _DIFFERS
        return "is there", _CREATED_OR_THERE
    with_what = f"with {topic}, {replicas} replicas"
    if dry_run:
        return f"would be created {with_what}", _CREATED_OR_THERE
    new = NewTopic(topic.name, topic.partitions, replicas, config={_RETENTION: topic.retention_ms})
    try:
        admin.create_topics([new], request_timeout=_SECONDS)[topic.name].result()
    except KafkaException as error:
        # Somebody was faster; the next run compares.
        if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
            raise
        return "is there", _CREATED_OR_THERE
    return f"created {with_what}", _CREATED_OR_THERE


def _difference(admin: AdminClient, topic: Topic, partitions: int) -> str:
    if partitions < topic.partitions:
        return f"has {partitions} partitions, fewer than the catalog's {topic.partitions}"
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic.name)
    config = admin.describe_configs([resource], request_timeout=_SECONDS)[resource].result()
    retention = config[_RETENTION].value
    if retention != topic.retention_ms:
        return f"has {_RETENTION} {retention}, not the catalog's {topic.retention_ms}"
    return ""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m infra.topics", description=__doc__)
    parser.add_argument("--bootstrap", required=True, metavar="HOST:PORT,…")
    parser.add_argument("--replication-factor", type=int, default=3)
    parser.add_argument("--command-config", type=Path, metavar="FILE")
    parser.add_argument("--dry-run", action="store_true")
    parser.add_argument("topics", nargs="+", type=Topic.parse, metavar="'NAME PARTITIONS MS'")
    options = parser.parse_args(arguments)
    try:
        config = client_config(options.command_config.read_text()) if options.command_config else {}
        admin = AdminClient({"bootstrap.servers": options.bootstrap, "log_level": 0, **config})
        codes = set()
        for topic in options.topics:
            said, code = ensure(admin, topic, options.replication_factor, dry_run=options.dry_run)
            sys.stdout.write(f"{topic.name}: {said}\n")
            codes.add(code)
    except (KafkaException, ConfigError) as error:
        problem = error.args[0].str() if isinstance(error, KafkaException) else str(error)
        sys.stderr.write(f"create-topics: {options.bootstrap}: {problem}\n")
        return _FAILED
    return max(codes)


if __name__ == "__main__":
    sys.exit(main())
