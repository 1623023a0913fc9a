"""How the sink reaches Kafka: by the same settings as every service."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from eka_usage import ConfigError
from eka_usage.settings import Settings

from infra.sink._generated.fields import ENVIRONMENT_PREFIX
from infra.sink.errors import SinkError, UnavailableError, UsageError

_BROKERS = f"{ENVIRONMENT_PREFIX}KAFKA_BROKERS"

_CONNECTING = ("bootstrap.", "security.", "sasl.", "ssl.")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares `--brokers`, for a command that reads or writes topics."""
    parser.add_argument(
        "--brokers",
        metavar="HOST:PORT,…",
        help=f"Kafka (default: ${_BROKERS}); TLS and SASL are set by the SDK's variables",
    )


def connection(brokers: str | None) -> dict[str, Any]:
    """The properties of librdkafka that every client of the sink has."""
    if not brokers and not os.environ.get(_BROKERS):
        raise UsageError(f"no brokers named; set {_BROKERS} or pass --brokers HOST:PORT,…")
    try:
        settings = Settings.resolve({"kafka_brokers": brokers}, os.environ)
        settings.require_credentials({})
    except ConfigError as error:
        raise UsageError(str(error)) from None
    properties = {
        **{k: v for k, v in settings.librdkafka().items() if k.startswith(_CONNECTING)},
        "enable.metrics.push": False,
    }
    try:
        AdminClient({**properties, "log_level": 0})
    except KafkaException as failure:  # a file that is no certificate, say
        raise UsageError(f"wrong settings for Kafka: {failure.args[0].str()}") from None
    return properties


def failed(
    doing: str,
    topic: str,
    connection: Mapping[str, Any],
    failure: KafkaException,
    why: str,
) -> SinkError:
    """What a call to Kafka that failed means to a person; `why` is what the client heard."""
    error = failure.args[0]
    if error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
        return SinkError(f"there is no topic {topic}: run infra/create-topics.sh")
    return UnavailableError(
        f"cannot {doing} {topic} at {connection['bootstrap.servers']}; is Kafka running there, and "
        f"are TLS and SASL as it wants them? It says: {why}"
    )
