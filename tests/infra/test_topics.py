"""create-topics.sh with kafka-topics.sh, and without it with the Python client."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from shlex import join

import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import ConfigResource
from confluent_kafka.cimpl import NewTopic

from infra.topics.java_properties import ConfigError, client_config
from tests.broker import DevBroker
from tests.e2e.java import java, needs_kafka
from tests.e2e.real_broker import PASSWORD, USER, RealBroker
from tests.waiting import eventually

_ROOT = Path(__file__).resolve().parents[2]
_SCRIPT = _ROOT / "infra" / "create-topics.sh"
# Read from the script; tests/codegen compares the script with the catalog.
_BY_PRODUCER = "CreateTime"  # Kafka's default
TOPICS = {
    name: (int(partitions), retention, _BY_PRODUCER if stamped == "-" else stamped)
    for name, partitions, retention, stamped in re.findall(
        r'^    "(\S+) (\d+) (\d+) (\S+)"$', _SCRIPT.read_text(), re.MULTILINE
    )
}
_JAAS = (
    "org.apache.kafka.common.security.plain.PlainLoginModule required "
    f'username="{USER}" password="{PASSWORD}";'
)


@pytest.fixture
def java_path(tmp_path: Path) -> dict[str, str]:
    """A PATH with a kafka-topics.sh that runs Kafka's own command."""
    tool = tmp_path / "bin" / "kafka-topics.sh"
    tool.parent.mkdir()
    command = join(java("org.apache.kafka.tools.TopicCommand"))
    tool.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
    tool.chmod(0o755)
    return {"PATH": f"{tool.parent}{os.pathsep}{os.environ['PATH']}"}


def run(
    bootstrap: str, environment: dict[str, str], *options: str
) -> subprocess.CompletedProcess[str]:
    """Runs the script; kafka-topics.sh is found only on a PATH given in `environment`."""
    values = {"BOOTSTRAP": bootstrap, "REPLICATION_FACTOR": "1", "PYTHON": sys.executable}
    return subprocess.run(
        [_SCRIPT, *options],
        env={**os.environ, **values, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def failure(bootstrap: str, environment: dict[str, str]) -> str:
    """The one line of stderr of a run that fails."""
    result = run(bootstrap, environment)
    assert (result.returncode, result.stdout) == (1, "")
    [line] = result.stderr.splitlines()
    return line


def found(bootstrap: str) -> dict[str, tuple[int, str, str]]:
    """The catalog's topics that the cluster has: partitions, retention, and who stamps messages."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    topics = admin.list_topics(timeout=10).topics
    resources = {
        name: ConfigResource(ConfigResource.Type.TOPIC, name) for name in TOPICS if name in topics
    }
    if not resources:
        return {}
    configs = admin.describe_configs(list(resources.values()))
    values = {name: configs[resource].result() for name, resource in resources.items()}
    return {
        name: (
            len(topics[name].partitions),
            config["retention.ms"].value,
            config["message.timestamp.type"].value,
        )
        for name, config in values.items()
    }


def in_sync(bootstrap: str) -> set[str]:
    """How many replicas of each of the catalog's topics must be in sync."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    resources = [ConfigResource(ConfigResource.Type.TOPIC, name) for name in TOPICS]
    configs = admin.describe_configs(resources).values()
    return {str(config.result()["min.insync.replicas"].value) for config in configs}


def clear(bootstrap: str) -> None:
    """Deletes the catalog's topics."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    for deletion in admin.delete_topics(list(found(bootstrap)), operation_timeout=10).values():
        deletion.result()
    wait_for(bootstrap, {})


def wait_for(bootstrap: str, topics: dict[str, tuple[int, str, str]]) -> None:
    """Waits until the broker has the topics; it lags behind its controller."""

    def settled() -> bool:
        try:
            return found(bootstrap) == topics
        except KafkaException:  # a topic was deleted after it was listed
            return False

    eventually(settled, lambda: f"the topics are not {topics}")


def assert_idempotent(bootstrap: str, environment: dict[str, str], check: str) -> None:
    """The first run creates what a dry run announces, and the second changes nothing."""
    dry = run(bootstrap, environment, "--dry-run")
    assert (dry.returncode, dry.stderr) == (0, "")
    assert [line.split(" with ")[0] for line in dry.stdout.splitlines()] == [
        f"{name}: would be created" for name in TOPICS
    ]
    assert found(check) == {}
    replicated = run(bootstrap, {**environment, "REPLICATION_FACTOR": "3"}, "--dry-run")
    assert replicated.stdout.count("3 replicas, min.insync.replicas 2\n") == len(TOPICS)
    first = run(bootstrap, environment)
    assert (first.returncode, first.stderr) == (0, "")
    assert first.stdout == dry.stdout.replace("would be created", "created")
    wait_for(check, TOPICS)
    assert in_sync(check) == {"1"}
    second = run(bootstrap, environment)
    assert (second.returncode, second.stderr) == (0, "")
    assert second.stdout.splitlines() == [f"{name}: exists" for name in TOPICS]
    assert found(check) == TOPICS


def assert_a_difference_is_left_unchanged(bootstrap: str, environment: dict[str, str]) -> None:
    """A topic with fewer partitions or another retention is reported and left unchanged."""
    (name, (partitions, retention, _)), *others = TOPICS.items()
    admin = AdminClient({"bootstrap.servers": bootstrap})
    made = [NewTopic(name, partitions - 1, 1, config={"retention.ms": retention})]
    made += [NewTopic(other, 20, 1, config={"retention.ms": "1000"}) for other, _ in others]
    for creation in admin.create_topics(made).values():
        creation.result()
    before = {name: (partitions - 1, retention, _BY_PRODUCER)}
    before |= {other: (20, "1000", _BY_PRODUCER) for other, _ in others}
    wait_for(bootstrap, before)
    result = run(bootstrap, environment)
    assert (result.returncode, result.stderr) == (3, "")
    fewer = f"has {partitions - 1} partitions, fewer than the catalog's {partitions}"
    assert result.stdout.splitlines() == [
        f"{name}: {fewer}; left unchanged",
        *(
            f"{other}: has retention.ms 1000, not the catalog's {catalog}; left unchanged"
            for other, (_, catalog, _) in others
        ),
    ]
    assert found(bootstrap) == before


def assert_a_producers_clock_is_left_unchanged(bootstrap: str, environment: dict[str, str]) -> None:
    """A topic whose messages their producers stamp, where the catalog has the broker's clock."""
    [name] = [name for name, (_, _, stamped) in TOPICS.items() if stamped != _BY_PRODUCER]
    partitions, retention, stamped = TOPICS[name]
    admin = AdminClient({"bootstrap.servers": bootstrap})
    topic = NewTopic(name, partitions, 1, config={"retention.ms": retention})
    admin.create_topics([topic])[name].result()
    wait_for(bootstrap, {name: (partitions, retention, _BY_PRODUCER)})
    result = run(bootstrap, environment)
    assert (result.returncode, result.stderr) == (3, "")
    assert re.search(
        rf"^{re.escape(name)}: has message.timestamp.type \S.*, not the catalog's {stamped}; left",
        result.stdout,
        re.MULTILINE,
    )
    assert found(bootstrap)[name] == (partitions, retention, _BY_PRODUCER)


@needs_kafka
@pytest.mark.timeout(300)  # Java starts a dozen times
def test_kafkas_own_tool_creates_once_and_leaves_differences_unchanged(
    tmp_path: Path, java_path: dict[str, str]
) -> None:
    with RealBroker(tmp_path) as broker:
        assert_idempotent(broker.bootstrap, java_path, broker.bootstrap)
        clear(broker.bootstrap)
        assert_a_difference_is_left_unchanged(broker.bootstrap, java_path)
        clear(broker.bootstrap)
        assert_a_producers_clock_is_left_unchanged(broker.bootstrap, java_path)


@needs_kafka
@pytest.mark.timeout(300)
def test_the_client_does_the_same_and_both_support_tls_and_sasl(
    tmp_path: Path, java_path: dict[str, str]
) -> None:
    with RealBroker(tmp_path) as broker:
        assert_a_difference_is_left_unchanged(broker.bootstrap, {})
        clear(broker.bootstrap)
        tls = tmp_path / "client.properties"
        tls.write_text(
            "security.protocol=SASL_SSL\nsasl.mechanism=PLAIN\n"
            f"sasl.jaas.config={_JAAS}\n"
            f"ssl.truststore.type=PEM\nssl.truststore.location={broker.ca}\n"
        )
        secured = {"COMMAND_CONFIG": str(tls)}
        assert_idempotent(broker.secure, secured, broker.bootstrap)
        again = run(broker.secure, java_path | secured)
        assert (again.returncode, again.stderr) == (0, "")
        clear(broker.bootstrap)
        tls.write_text(tls.read_text().replace(PASSWORD, "wrong"))
        for way in ({}, java_path):
            refused = failure(broker.secure, way | secured)
            assert refused.startswith(f"create-topics: cannot reach Kafka at {broker.secure}: ")
            assert "Authentication failed: Invalid username or password" in refused
            too_few = failure(broker.bootstrap, way | {"REPLICATION_FACTOR": "3"})
            assert "cannot create " in too_few
            assert " with REPLICATION_FACTOR=3: Unable to replicate" in too_few


def test_the_client_needs_no_java(tmp_path: Path) -> None:
    with DevBroker(data_dir=tmp_path) as broker:
        clear(broker.bootstrap)
        assert_idempotent(broker.bootstrap, {}, broker.bootstrap)
        clear(broker.bootstrap)
        assert_a_difference_is_left_unchanged(broker.bootstrap, {})
        clear(broker.bootstrap)
        assert_a_producers_clock_is_left_unchanged(broker.bootstrap, {})


def test_an_unreachable_cluster_is_reported_with_the_cause() -> None:
    error = failure("127.0.0.1:1", {})
    assert error.startswith("create-topics: cannot reach Kafka at 127.0.0.1:1: ")
    assert "Connection refused" in error


def test_the_error_without_either_tool_names_both() -> None:
    error = failure("127.0.0.1:1", {"PYTHON": "no-such-python"})
    assert error.startswith("create-topics: neither kafka-topics.sh nor a no-such-python with ")


@pytest.mark.parametrize(
    ("environment", "options", "message"),
    [
        ({"BOOTSTRAP": ""}, [], "set BOOTSTRAP to the brokers' addresses"),
        (
            {"REPLICATION_FACTOR": "0"},
            [],
            "REPLICATION_FACTOR must be a whole number from 1, got '0'",
        ),
        ({"COMMAND_CONFIG": "/nowhere"}, [], "COMMAND_CONFIG: cannot read '/nowhere'"),
        ({"COMMAND_CONFIG": "/"}, [], "COMMAND_CONFIG: cannot read '/'"),
        ({}, ["--dry"], "unknown option --dry"),
    ],
)
def test_a_usage_error_is_reported_before_kafka_is_contacted(
    environment: dict[str, str], options: list[str], message: str
) -> None:
    result = run("127.0.0.1:1", environment, *options)
    assert result.returncode == 2
    assert f"create-topics: {message}" in result.stderr


def test_a_java_properties_file_is_translated_for_the_client() -> None:
    text = (
        "# comment\nsecurity.protocol = SASL_SSL\nsasl.mechanism: PLAIN\n"
        "sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required \\\n"
        '  username="alice" \\\n  password="a=b";\n'
        "ssl.truststore.type=PEM\nssl.truststore.location=/ca.pem\n"
    )
    assert client_config(text) == {
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "PLAIN",
        "sasl.username": "alice",
        "sasl.password": "a=b",
        "ssl.ca.location": "/ca.pem",
    }


def test_a_truststore_that_only_java_supports_is_rejected_with_a_remedy() -> None:
    with pytest.raises(ConfigError, match=r"truststore.type is JKS.*put kafka-topics.sh"):
        client_config("ssl.truststore.location=/store.jks\n")
