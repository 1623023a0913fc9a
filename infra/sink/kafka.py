"""How the sink connects to Kafka: with the same settings as every service."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from eka_usage import ConfigError, kafka_properties

from infra.sink._generated.fields import ENVIRONMENT_PREFIX
from infra.sink.errors import SinkError, UnavailableError, UsageError

_BROKERS = f"{ENVIRONMENT_PREFIX}KAFKA_BROKERS"

# For producers of what a broker accepted before: it alone limits the size of a message.
PRODUCER: Mapping[str, Any] = {
    "partitioner": "murmur2_random",
    "message.max.bytes": 1_000_000_000,
    "log_level": 0,
}

_CONNECTING = ("bootstrap.", "security.", "sasl.", "ssl.")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares `--brokers`, for a command that reads or writes topics."""
    parser.add_argument(
        "--brokers",
        metavar="HOST:PORT,…",
        help=f"connect to these brokers (default: ${_BROKERS}); TLS and SASL are set by the SDK's "
        "variables",
    )


def connection(brokers: str | None) -> dict[str, Any]:
    """Returns the librdkafka properties that all clients of the sink share."""
    if not brokers and not os.environ.get(_BROKERS):
        raise UsageError(f"no brokers configured: set {_BROKERS} or pass --brokers HOST:PORT,…")
    try:
        resolved = kafka_properties(brokers)
    except ConfigError as error:
        raise UsageError(str(error)) from None
    properties = {
        **{k: v for k, v in resolved.items() if k.startswith(_CONNECTING)},
        "enable.metrics.push": False,
    }
    try:
        AdminClient({**properties, "log_level": 0})
    except KafkaException as failure:  # such as a CA file without a certificate
        raise UsageError(f"invalid Kafka settings: {failure.args[0].str()}") from None
    return properties


def command_error(
    action: str,
    topic: str,
    connection: Mapping[str, Any],
    failure: KafkaException,
    cause: str,
) -> SinkError:
    """Returns the error to report for a failed call to Kafka; `cause` is the client's own error."""
    error = failure.args[0]
    if error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
        return SinkError(f"topic {topic} does not exist: run infra/create-topics.sh")
    return UnavailableError(
        f"cannot {action} {topic} at {connection['bootstrap.servers']}: {cause}; check that Kafka "
        "runs there and that the TLS and SASL settings match"
    )
