"""How the sink reaches Kafka: by the same settings as every service."""

from __future__ import annotations

import argparse
import os
from typing import Any

from eka_usage import ConfigError
from eka_usage.settings import Settings

from infra.sink._generated.fields import ENVIRONMENT_PREFIX
from infra.sink.errors import SinkError

_CONNECTING = ("bootstrap.", "security.", "sasl.", "ssl.")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares `--brokers`, for a command that reads or writes topics."""
    parser.add_argument(
        "--brokers",
        metavar="HOST:PORT,…",
        help=f"Kafka (default: ${ENVIRONMENT_PREFIX}KAFKA_BROKERS); TLS and SASL are set by the "
        "SDK's variables",
    )


def connection(brokers: str | None) -> dict[str, Any]:
    """The properties of librdkafka that every client of the sink has."""
    try:
        settings = Settings.resolve({"kafka_brokers": brokers}, os.environ)
        settings.require_credentials({})
    except ConfigError as error:
        raise SinkError(str(error)) from None
    return {
        **{k: v for k, v in settings.librdkafka().items() if k.startswith(_CONNECTING)},
        "enable.metrics.push": False,
    }
