"""Create topics for create-topics.sh with the Kafka client.

Output and exit codes are those of the script.
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

from infra.kafka_errors import LastError
from infra.topics.java_properties import ConfigError, client_config

_OK, _FAILED, _DIFFERS = 0, 1, 3
_SECONDS = 10
_RETENTION = "retention.ms"
_STAMPED = "message.timestamp.type"
_IN_SYNC = "min.insync.replicas"
# From this many replicas on, one may be down and an acknowledged event is still on two.
_REPLICATED = 3


class RejectedError(Exception):
    """Kafka answered, and rejected the request."""


@dataclass(frozen=True)
class Topic:
    """A topic as the catalog defines it; `stamped` is its type of timestamps, if it has one."""

    name: str
    partitions: int
    retention_ms: str
    stamped: str

    @classmethod
    def parse(cls, text: str) -> Topic:
        """Parses `name partitions retention timestamps`; `-` leaves timestamps to the broker."""
        name, partitions, retention, stamped = text.split()
        return cls(name, int(partitions), retention, "" if stamped == "-" else stamped)

    @property
    def config(self) -> dict[str, str]:
        """What it is created with."""
        stamped = {_STAMPED: self.stamped} if self.stamped else {}
        return {_RETENTION: self.retention_ms, **stamped}

    def __str__(self) -> str:
        config = ", ".join(f"{name} {value}" for name, value in self.config.items())
        return f"{self.partitions} partitions, {config}"


def ensure(admin: AdminClient, topic: Topic, replicas: int, *, dry_run: bool) -> tuple[str, int]:
    """Creates the topic if it does not exist; returns the line to print, and the exit code."""
    metadata = admin.list_topics(timeout=_SECONDS).topics.get(topic.name)
    if metadata is not None and metadata.error is None:
        difference = _difference(admin, topic, len(metadata.partitions))
        if difference:
            return f"{difference}; left unchanged", _DIFFERS
        return "exists", _OK
    in_sync = 2 if replicas >= _REPLICATED else 1
    spec = f"with {topic}, {replicas} replicas, {_IN_SYNC} {in_sync}"
    if dry_run:
        return f"would be created {spec}", _OK
    config = {**topic.config, _IN_SYNC: str(in_sync)}
    new = NewTopic(topic.name, topic.partitions, replicas, config=config)
    try:
        admin.create_topics([new], request_timeout=_SECONDS)[topic.name].result()
    except KafkaException as error:
        # Another run created it first; the next run compares it.
        if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
            raise RejectedError(
                f"cannot create {topic.name} with REPLICATION_FACTOR={replicas}: "
                f"{error.args[0].str()}"
            ) from None
        return "exists", _OK
    return f"created {spec}", _OK


def _difference(admin: AdminClient, topic: Topic, partitions: int) -> str:
    if partitions < topic.partitions:
        return f"has {partitions} partitions, fewer than the catalog's {topic.partitions}"
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic.name)
    config = admin.describe_configs([resource], request_timeout=_SECONDS)[resource].result()
    for name, wanted in topic.config.items():
        if (value := config[name].value) != wanted:
            return f"has {name} {value}, not the catalog's {wanted}"
    return ""


def main(arguments: Sequence[str] | None = None) -> int:
    """Creates the topics and returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m infra.topics", description=__doc__)
    parser.add_argument("--bootstrap", required=True, metavar="HOST:PORT,…")
    parser.add_argument("--replication-factor", type=int, default=3)
    parser.add_argument("--command-config", type=Path, metavar="FILE")
    parser.add_argument("--dry-run", action="store_true")
    parser.add_argument("topics", nargs="+", type=Topic.parse, metavar="'NAME PARTITIONS MS TYPE'")
    options = parser.parse_args(arguments)
    last_error = LastError()
    client = {"bootstrap.servers": options.bootstrap, "error_cb": last_error, "log_level": 0}
    try:
        config = client_config(options.command_config.read_text()) if options.command_config else {}
        admin = AdminClient(client | config)
    except (ConfigError, UnicodeDecodeError) as error:
        return _fail(f"COMMAND_CONFIG: {error}")
    except KafkaException as error:
        return _fail(f"COMMAND_CONFIG: {error.args[0].str()}")
    codes = set()
    try:
        for topic in options.topics:
            line, code = ensure(admin, topic, options.replication_factor, dry_run=options.dry_run)
            sys.stdout.write(f"{topic.name}: {line}\n")
            codes.add(code)
    except RejectedError as error:
        return _fail(f"{options.bootstrap}: {error}")
    except KafkaException as error:
        return _fail(
            f"cannot reach Kafka at {options.bootstrap}: {last_error.describe(admin, error)}; "
            "check that it runs there and that COMMAND_CONFIG is right"
        )
    return max(codes)


def _fail(problem: str) -> int:
    sys.stderr.write(f"create-topics: {problem}\n")
    return _FAILED


if __name__ == "__main__":
    sys.exit(main())
