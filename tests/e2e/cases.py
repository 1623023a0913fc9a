"""The cases that every SDK runs on Apache Kafka, with their expected outcome."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import AlterConfigOpType, ConfigEntry, ConfigResource
from eka_usage import METRIC_TYPES, PRODUCTS, SETTINGS, USAGE_TOPIC

from tests.api.server import ApiServer
from tests.e2e.certificates import write_certificates
from tests.e2e.real_broker import PASSWORD, USER, RealBroker

# Calls of record(), and how many times each is made.
Work = Sequence[tuple[Mapping[str, Any], int]]
Settings = Mapping[str, object]
Step = Callable[[RealBroker], None]

_ROOT = Path(__file__).resolve().parents[2]
_CALL: Mapping[str, Any] = {
    "product": PRODUCTS[0],
    "metric_type": METRIC_TYPES[PRODUCTS[0]][0],
}
_LARGEST_MESSAGE = 32_768
# Short, so that undeliverable events reach on_error within the case.
_SHORT_TIMEOUT: Settings = {"delivery_timeout_ms": 3000}


@dataclass(frozen=True)
class Case:
    """The events that each SDK records, and what happens to the broker meanwhile.

    `during` runs once the events of the first call are recorded and all others are requested.
    `failing` is the number of events that must fail; all others must arrive, with `resends` more
    than once: a request is sent again without the event that it is refused for.
    """

    name: str
    settings: Settings = field(default_factory=dict)
    work: Work = ()
    during: Step | None = None
    before: Step | None = None
    failing: int = 0
    resends: bool = False


def calls(events: int, batches: int = 1) -> Work:
    """Returns calls for this many events of ten workspaces, in batches."""
    each = events // batches // 10
    return [
        ({**_CALL, "workspace_id": f"ws-{workspace}"}, each)
        for _ in range(batches)
        for workspace in range(10)
    ]


def cases(broker: RealBroker, api: ApiServer, folder: Path) -> Iterator[Case]:
    """Yields all cases, in an order that one broker can run, with the HTTP API before it."""
    plain: Settings = {"kafka_brokers": broker.bootstrap}
    yield Case("no topic", {**plain, **_SHORT_TIMEOUT}, calls(200), failing=200)
    before: Step | None = create_topics
    for title, name in (("acks", "kafka_acks"), ("compression", "kafka_compression_type")):
        for choice in next(setting.choices for setting in SETTINGS if setting.name == name):
            settings = {**plain, name: choice}
            yield Case(f"{title} {choice}", settings, calls(1000), before=before)
            before = None
    yield from _secured(broker, folder)
    outage = calls(50_000, batches=2)
    yield Case("restart, acks 1", {**plain, "kafka_acks": "1"}, outage, RealBroker.restart)
    yield Case("restart, acks all", {**plain, "kafka_acks": "all"}, outage, RealBroker.restart)
    yield Case("kill -9, acks 1", {**plain, "kafka_acks": "1"}, outage, _crash)
    yield Case("kill -9, acks all", {**plain, "kafka_acks": "all"}, outage, _crash)
    http = _over_http(api)
    yield Case("HTTP", http, calls(1000))
    outage = calls(10_000, batches=2)
    yield Case("HTTP, restart of Kafka", http, outage, RealBroker.restart)
    yield Case("HTTP, kill -9 of Kafka", http, outage, _crash)
    yield Case("HTTP, kill -9 of the API", http, outage, lambda _: _kill(api))
    large = [*calls(200), (_too_large(), 10)]
    title = f"message over {_LARGEST_MESSAGE:,} bytes"
    uncompressed = {**plain, "kafka_compression_type": "none"}
    yield Case(title, uncompressed, large, before=_limit_messages, failing=10)
    yield Case(f"HTTP, {title}", http, large, before=_limit_messages, failing=10, resends=True)


def _over_http(api: ApiServer) -> Settings:
    key = api.new_key("driver", "--scope", "encoded")
    return {"transport": "http", "http_url": api.address, "http_token": key}


def _kill(api: ApiServer) -> None:
    api.kill()
    api.start()


def _secured(broker: RealBroker, folder: Path) -> Iterator[Case]:
    other = folder / "other"
    other.mkdir()
    other_ca = write_certificates(other).ca
    valid: Settings = {
        "kafka_brokers": broker.secure,
        "kafka_security_protocol": "SASL_SSL",
        "kafka_sasl_mechanism": "PLAIN",
        "kafka_sasl_username": USER,
        "kafka_sasl_password": PASSWORD,
        "kafka_ssl_ca_location": str(broker.ca),
    }
    yield Case("SASL_SSL", valid, calls(1000))
    invalid = {**valid, **_SHORT_TIMEOUT, "kafka_sasl_password": "wrong"}
    yield Case("SASL_SSL, wrong password", invalid, calls(200), failing=200)
    invalid = {**valid, **_SHORT_TIMEOUT, "kafka_ssl_ca_location": str(other_ca)}
    yield Case("SASL_SSL, untrusted certificate", invalid, calls(200), failing=200)
    invalid = {"kafka_brokers": broker.secure, **_SHORT_TIMEOUT}
    yield Case("plaintext to a TLS listener", invalid, calls(200), failing=200)
    anonymous: Settings = {
        "kafka_brokers": broker.mutual,
        "kafka_security_protocol": "SSL",
        "kafka_ssl_ca_location": str(broker.ca),
    }
    known = {
        "kafka_ssl_certificate_location": str(broker.certificates.client),
        "kafka_ssl_key_location": str(broker.certificates.client_key),
    }
    yield Case("mutual TLS", {**anonymous, **known}, calls(1000))
    invalid = {**anonymous, **_SHORT_TIMEOUT}
    yield Case("mutual TLS, no certificate", invalid, calls(200), failing=200)


def _too_large() -> Mapping[str, Any]:
    # A broker rejects a whole batch, so these get a partition of their own.
    metadata = {"text": "x" * (_LARGEST_MESSAGE - 100)}
    return {**_CALL, "workspace_id": "ws-large", "metadata": metadata}


def create_topics(broker: RealBroker) -> None:
    """Creates the topics as a deployment does."""
    variables = {"BOOTSTRAP": broker.bootstrap, "REPLICATION_FACTOR": "1", "PYTHON": sys.executable}
    script = _ROOT / "infra" / "create-topics.sh"
    subprocess.run([script], env={**os.environ, **variables}, check=True, stdout=subprocess.DEVNULL)


def _limit_messages(broker: RealBroker) -> None:
    limit = ConfigEntry(
        "max.message.bytes",
        str(_LARGEST_MESSAGE),
        incremental_operation=AlterConfigOpType.SET,
    )
    topic = ConfigResource(ConfigResource.Type.TOPIC, USAGE_TOPIC, incremental_configs=[limit])
    admin = AdminClient({"bootstrap.servers": broker.bootstrap})
    admin.incremental_alter_configs([topic])[topic].result()


def _crash(broker: RealBroker) -> None:
    broker.kill()
    broker.start()
