"""The ACLs of the operator's guide are enough for each principal, and allow nothing else."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from shlex import join

import pytest
from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._acl import AclBinding, AclOperation, AclPermissionType
from confluent_kafka.admin._resource import ResourcePatternType, ResourceType
from confluent_kafka.cimpl import NewTopic
from eka_usage import DEAD_LETTER_TOPIC, USAGE_TOPIC, EkaClient, metrics

from infra.sink.__main__ import main
from tests.e2e.java import java, needs_kafka
from tests.e2e.reader import read_messages
from tests.e2e.real_broker import PASSWORD, TRANSACTIONS, RealBroker
from tests.environment import variables
from tests.sink.harness import SECONDS, Sink
from tests.waiting import eventually

_GUIDE = Path(__file__).resolve().parents[2] / "docs" / "integration-guide.md"
[_COMMANDS] = re.findall(r"(?ms)^```bash\n(acl\(\).*?)^```$", _GUIDE.read_text())
_SERVICE, _SINK, _OPERATOR, _NOBODY = "my-service", "usage-sink", "usage-operator", "nobody"
_GROUP = "anybodys"  # so that a topic's ACLs alone decide what a test's consumer may read
_USERS = " ".join(f'user_{name}="{PASSWORD}"' for name in (_SERVICE, _SINK, _OPERATOR, _NOBODY))
# Clients without a password may change ACLs. The last of two equal properties counts.
_PROPERTIES = f"""authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
{TRANSACTIONS}listener.name.sasl_ssl.plain.sasl.jaas.config=\\
  org.apache.kafka.common.security.plain.PlainLoginModule required {_USERS};
"""


def allow(broker: RealBroker, folder: Path) -> None:
    """Runs the commands of the guide with Kafka's own tool."""
    tool = folder / "bin" / "kafka-acls.sh"
    tool.parent.mkdir()
    tool.write_text(f'#!/bin/sh\nexec {join(java("org.apache.kafka.tools.AclCommand"))} "$@"\n')
    tool.chmod(0o755)
    (folder / "admin.properties").touch()
    environment = {
        **os.environ,
        **variables(kafka_brokers=broker.bootstrap),
        "PATH": f"{tool.parent}{os.pathsep}{os.environ['PATH']}",
    }
    command = ("bash", "-euo", "pipefail", "-c", _COMMANDS)
    subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)


def settings(broker: RealBroker, user: str) -> Mapping[str, str]:
    return {
        "kafka_brokers": broker.secure,
        "kafka_security_protocol": "SASL_SSL",
        "kafka_sasl_mechanism": "PLAIN",
        "kafka_sasl_username": user,
        "kafka_sasl_password": PASSWORD,
        "kafka_ssl_ca_location": str(broker.ca),
    }


def properties(broker: RealBroker, user: str) -> dict[str, str | int | bool]:
    return {
        "bootstrap.servers": broker.secure,
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "PLAIN",
        "sasl.username": user,
        "sasl.password": PASSWORD,
        "ssl.ca.location": str(broker.ca),
        "enable.metrics.push": False,
        "log_level": 0,
    }


def may_write(broker: RealBroker, user: str, topic: str) -> bool:
    producer = Producer({**properties(broker, user), "message.timeout.ms": 1_000 * SECONDS})
    errors: list[KafkaError | None] = []
    producer.produce(topic, value=b"no event", on_delivery=lambda error, _: errors.append(error))
    assert producer.flush(SECONDS) == 0
    return errors[0] is None  # a KafkaError cannot be compared with None


def may_read(broker: RealBroker, user: str, topic: str, seconds: float) -> bool:
    """Whether a message arrives; a consumer that is denied one may report nothing at all."""
    consumer = Consumer(
        {**properties(broker, user), "group.id": _GROUP, "enable.partition.eof": True}
    )
    try:
        consumer.assign([TopicPartition(topic, 0, 0)])
        return any(message.error() is None for message in consumer.consume(1, seconds))
    finally:
        consumer.close()


def use(monkeypatch: pytest.MonkeyPatch, broker: RealBroker, user: str) -> None:
    for name, value in variables(**settings(broker, user)).items():
        monkeypatch.setenv(name, value)


@needs_kafka
@pytest.mark.timeout(400)
def test_the_acls_of_the_guide_are_enough_and_allow_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with RealBroker(tmp_path, _PROPERTIES) as broker:
        admin = AdminClient({"bootstrap.servers": broker.bootstrap})
        topics = [NewTopic(topic, 1, 1) for topic in (USAGE_TOPIC, DEAD_LETTER_TOPIC)]
        for created in admin.create_topics(topics).values():
            created.result()
        allow(broker, tmp_path)
        everybody = ("User:*", "*", AclOperation.READ, AclPermissionType.ALLOW)
        group = AclBinding(ResourceType.GROUP, _GROUP, ResourcePatternType.LITERAL, *everybody)
        admin.create_acls([group])[group].result()

        use(monkeypatch, broker, _SERVICE)
        with EkaClient("a-service", spool="off") as client:
            client.record_metric("w", metrics.api.api_call)
            assert client.flush(SECONDS) == 0
            assert client.stats().delivered == 1
        assert may_write(broker, _SERVICE, USAGE_TOPIC)

        use(monkeypatch, broker, _SINK)
        with Sink(broker.secure, tmp_path).migrate() as sink:
            sink.wait_for("dead letters 1 (malformed 1)")
            sink.wait_for("lag 0")
            assert sink.stop() == 0
        assert sink.rows() == [(1,)]

        use(monkeypatch, broker, _OPERATOR)
        assert main(["dlq", "list"]) == 0
        assert "1 dead letters: malformed 1\n" in capsys.readouterr().out
        assert main(["dlq", "replay", "--all"]) == 0
        assert capsys.readouterr().out.endswith("1 replayed\n")
        eventually(lambda: len(read_messages(broker.bootstrap)) == 3)

        for user, topic in (
            (_SERVICE, DEAD_LETTER_TOPIC),
            (_SINK, USAGE_TOPIC),
            (_NOBODY, USAGE_TOPIC),
            (_NOBODY, DEAD_LETTER_TOPIC),
        ):
            assert not may_write(broker, user, topic), (user, topic)
        for user, topic in (
            (_SERVICE, USAGE_TOPIC),
            (_SERVICE, DEAD_LETTER_TOPIC),
            (_OPERATOR, USAGE_TOPIC),
            (_NOBODY, USAGE_TOPIC),
        ):
            assert not may_read(broker, user, topic, 3), (user, topic)
        assert may_read(broker, _SINK, USAGE_TOPIC, SECONDS)
