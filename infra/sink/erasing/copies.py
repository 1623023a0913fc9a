"""What Kafka still has of what is erased: it keeps each message for the retention of its topic."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import ConfigResource

from infra.kafka_errors import LastError
from infra.sink import kafka
from infra.sink._generated.fields import DEAD_LETTER_TOPIC, USAGE_TOPIC
from infra.sink.dlq.erased import Marker, mark
from infra.sink.erasing.ledger import Erasure
from infra.sink.output import text

_SECONDS = 20
_RETENTION = "retention.ms"


def gone_by(connection: Mapping[str, Any]) -> dict[str, str]:
    """Returns for each topic when its retention has removed what it has now; "never" without one.

    Raises:
        UnavailableError: Kafka does not answer.
    """
    last_error = LastError()
    settings: dict[str, Any] = {**connection, "error_cb": last_error, "log_level": 0}
    admin = AdminClient(settings)
    times = {}
    for topic in (USAGE_TOPIC, DEAD_LETTER_TOPIC):
        resource = ConfigResource(ConfigResource.Type.TOPIC, topic)
        try:
            found = admin.describe_configs([resource], request_timeout=_SECONDS)[resource].result()
        except KafkaException as failure:
            cause = last_error.describe(admin, failure)
            raise kafka.command_error("ask for", topic, connection, failure, cause) from None
        kept = int(found[_RETENTION].value)
        times[topic] = (
            "never" if kept < 0 else text(datetime.now(UTC) + timedelta(milliseconds=kept))
        )
    return times


def mark_erased(connection: Mapping[str, Any], erasures: Iterable[Erasure]) -> None:
    """Marks in the dead-letter topic what is erased.

    Raises:
        UnavailableError: Kafka does not take it.
    """
    mark(
        connection,
        [Marker(each.digest, each.key, round(each.before.timestamp() * 1000)) for each in erasures],
    )
