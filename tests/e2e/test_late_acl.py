"""A client that starts before it has any permission delivers once an operator grants it."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from eka_usage import METRIC_TYPES, PRODUCTS, USAGE_TOPIC

from tests.conformance.drivers import COMMANDS, Driver
from tests.e2e.java import needs_kafka
from tests.e2e.operations import grant_writes
from tests.e2e.reader import read_events
from tests.e2e.real_broker import PASSWORD, USER, RealBroker
from tests.waiting import eventually

# Clients without a password are the operators.
_ACLS = """authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
"""
_CALL = {
    "workspace_id": "ws-1",
    "product": PRODUCTS[0],
    "metric_type": METRIC_TYPES[PRODUCTS[0]][0],
}


@needs_kafka
@pytest.mark.timeout(400)
def test_a_client_without_permission_delivers_once_it_is_granted(tmp_path: Path) -> None:
    with RealBroker(tmp_path, _ACLS) as broker, ExitStack() as stack:
        admin = AdminClient({"bootstrap.servers": broker.bootstrap})
        admin.create_topics([NewTopic(USAGE_TOPIC, 3, 1)])[USAGE_TOPIC].result()
        drivers = {language: stack.enter_context(Driver(language)) for language in COMMANDS}
        for language, driver in drivers.items():
            settings = {
                "kafka_brokers": broker.secure,
                "kafka_security_protocol": "SASL_SSL",
                "kafka_sasl_mechanism": "PLAIN",
                "kafka_sasl_username": USER,
                "kafka_sasl_password": PASSWORD,
                "kafka_ssl_ca_location": str(broker.ca),
                "kafka_acks": "all",
                "spool": "spill",
                "spool_dir": str(tmp_path / f"spool-{language}"),
            }
            driver.request("new", settings=settings)
            driver.request("record", call=_CALL, times=10)
        for driver in drivers.values():
            eventually(partial(_waits_on_disk, driver))
        grant_writes(admin)
        for driver in drivers.values():
            eventually(partial(_delivers, driver), seconds=120)
        for driver in drivers.values():
            driver.request("shutdown")
            driver.end()
        assert [driver.errors for driver in drivers.values()] == [[], [], []]
        read = {event.event_id: event.sdk_language for event in read_events(broker.bootstrap)}
        assert min(Counter(read.values())[language] for language in COMMANDS) > 10


def _waits_on_disk(driver: Driver) -> bool:
    return bool(driver.request("stats")["spooled"] == 10)


def _delivers(driver: Driver) -> bool:
    driver.request("record", call=_CALL, times=1)
    driver.request("flush", timeout=3_000)
    stats = driver.request("stats")
    return bool(stats["delivered"] == stats["accepted"])
