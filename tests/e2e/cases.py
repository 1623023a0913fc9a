"""What every SDK goes through on Apache Kafka, and what must come of it."""

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

from tests.e2e.certificates import write_certificates
from tests.e2e.real_broker import PASSWORD, USER, RealBroker

# Calls of record(), and how often each is made.
Work = Sequence[tuple[Mapping[str, Any], int]]
Settings = Mapping[str, object]
Step = Callable[[RealBroker], None]

_ROOT = Path(__file__).resolve().parents[2]
_CALL: Mapping[str, Any] = {
    "product": PRODUCTS[0],
    "metric_type": METRIC_TYPES[PRODUCTS[0]][0],
}
_LARGEST_MESSAGE = 32_768
# What cannot be delivered is given up after this, so that on_error hears of it while we watch.
_GIVE_UP: Settings = {"delivery_timeout_ms": 3000}


@dataclass(frozen=True)
class Case:
    """Events that each SDK records, and what happens to the broker meanwhile.

    `amid` happens when the first call's events are recorded and all others are asked for. `failing`
    is how many events must fail; all others must be read.
    """

    name: str
    settings: Settings = field(default_factory=dict)
    work: Work = ()
    amid: Step | None = None
    before: Step | None = None
    failing: int = 0


def calls(events: int, batches: int = 1) -> Work:
    """So many events of ten workspaces, in batches of calls."""
    each = events // batches // 10
    return [
        ({**_CALL, "workspace_id": f"ws-{workspace}"}, each)
        for _ in range(batches)
        for workspace in range(10)
    ]


def cases(broker: RealBroker, folder: Path) -> Iterator[Case]:
    """All of them, in the order in which one broker can take them."""
    plain: Settings = {"kafka_brokers": broker.bootstrap}
    yield Case("no topic", {**plain, **_GIVE_UP}, calls(200), failing=200)
    before: Step | None = _create_topics
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
    yield Case(
        f"message over {_LARGEST_MESSAGE:,} bytes",
        {**plain, "kafka_compression_type": "none"},
        [*calls(200), (_too_large(), 10)],
        before=_limit_messages,
        failing=10,
    )


def _secured(broker: RealBroker, folder: Path) -> Iterator[Case]:
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    _, stranger = write_certificates(elsewhere)
    right: Settings = {
        "kafka_brokers": broker.secure,
        "kafka_security_protocol": "SASL_SSL",
        "kafka_sasl_mechanism": "PLAIN",
        "kafka_sasl_username": USER,
        "kafka_sasl_password": PASSWORD,
        "kafka_ssl_ca_location": str(broker.ca),
    }
    yield Case("SASL_SSL", right, calls(1000))
    wrong = {**right, **_GIVE_UP, "kafka_sasl_password": "wrong"}
    yield Case("SASL_SSL, wrong password", wrong, calls(200), failing=200)
    wrong = {**right, **_GIVE_UP, "kafka_ssl_ca_location": str(stranger)}
    yield Case("SASL_SSL, wrong authority", wrong, calls(200), failing=200)
    wrong = {"kafka_brokers": broker.secure, **_GIVE_UP}
    yield Case("no TLS where the broker has it", wrong, calls(200), failing=200)


def _too_large() -> Mapping[str, Any]:
    # A broker refuses a batch as a whole, so these have a partition to themselves.
    metadata = {"text": "x" * (_LARGEST_MESSAGE - 100)}
    return {**_CALL, "workspace_id": "ws-large", "metadata": metadata}


def _create_topics(broker: RealBroker) -> None:
    given = {"BOOTSTRAP": broker.bootstrap, "REPLICATION_FACTOR": "1", "PYTHON": sys.executable}
    script = _ROOT / "infra" / "create-topics.sh"
    subprocess.run([script], env={**os.environ, **given}, check=True, stdout=subprocess.DEVNULL)


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
