"""create-topics.sh both ways: by Kafka's own tool, and by the Python client without it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path
from shlex import join

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import ConfigResource
from confluent_kafka.cimpl import NewTopic

from infra.topics.java_properties import ConfigError, client_config
from tests.broker import DevBroker
from tests.e2e.java import java, needs_kafka
from tests.e2e.real_broker import PASSWORD, USER, RealBroker

_ROOT = Path(__file__).resolve().parents[2]
_SCRIPT = _ROOT / "infra" / "create-topics.sh"
# What tests/codegen holds against the catalog is read back from the script here.
TOPICS = {
    name: (int(partitions), retention)
    for name, partitions, retention in re.findall(
        r'^    "(\S+) (\d+) (\d+)"$', _SCRIPT.read_text(), re.MULTILINE
    )
}
_JAAS = (
    "org.apache.kafka.common.security.plain.PlainLoginModule required "
    f'username="{USER}" password="{PASSWORD}";'
)


@pytest.fixture
def with_the_tool(tmp_path: Path) -> dict[str, str]:
    """A PATH with kafka-topics.sh, as Kafka's own starts it."""
    tool = tmp_path / "bin" / "kafka-topics.sh"
    tool.parent.mkdir()
    command = join(java("org.apache.kafka.tools.TopicCommand"))
    tool.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
    tool.chmod(0o755)
    return {"PATH": f"{tool.parent}{os.pathsep}{os.environ['PATH']}"}


def run(
    bootstrap: str, environment: dict[str, str], *options: str
) -> subprocess.CompletedProcess[str]:
    """Run the script; without a PATH of its own it finds no kafka-topics.sh."""
    values = {"BOOTSTRAP": bootstrap, "REPLICATION_FACTOR": "1", "PYTHON": sys.executable}
    return subprocess.run(
        [_SCRIPT, *options],
        env={**os.environ, **values, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def failure(bootstrap: str, environment: dict[str, str]) -> str:
    """The one line of a run that could not do it."""
    result = run(bootstrap, environment)
    assert (result.returncode, result.stdout) == (1, "")
    [line] = result.stderr.splitlines()
    return line


def found(bootstrap: str) -> dict[str, tuple[int, str]]:
    """The catalog's topics as the cluster has them."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    topics = admin.list_topics(timeout=10).topics
    resources = {
        name: ConfigResource(ConfigResource.Type.TOPIC, name) for name in TOPICS if name in topics
    }
    if not resources:
        return {}
    configs = admin.describe_configs(list(resources.values()))
    return {
        name: (len(topics[name].partitions), configs[resource].result()["retention.ms"].value)
        for name, resource in resources.items()
    }


def clear(bootstrap: str) -> None:
    """Delete the catalog's topics."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    for deletion in admin.delete_topics(list(found(bootstrap)), operation_timeout=10).values():
        deletion.result()
    wait_for(bootstrap, {})


def wait_for(bootstrap: str, topics: dict[str, tuple[int, str]]) -> None:
    """A broker learns of what its controller did a moment later."""
    deadline = time.monotonic() + 10
    while found(bootstrap) != topics:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def assert_idempotent(bootstrap: str, environment: dict[str, str], check: str) -> None:
    """What a dry run announces is made by the first run, and left alone by the second."""
    dry = run(bootstrap, environment, "--dry-run")
    assert (dry.returncode, dry.stderr) == (0, "")
    assert [line.split(" with ")[0] for line in dry.stdout.splitlines()] == [
        f"{name}: would be created" for name in TOPICS
    ]
    assert found(check) == {}
    first = run(bootstrap, environment)
    assert (first.returncode, first.stderr) == (0, "")
    assert first.stdout == dry.stdout.replace("would be created", "created")
    wait_for(check, TOPICS)
    second = run(bootstrap, environment)
    assert (second.returncode, second.stderr) == (0, "")
    assert second.stdout.splitlines() == [f"{name}: is there" for name in TOPICS]
    assert found(check) == TOPICS


def assert_a_difference_is_left_alone(bootstrap: str, environment: dict[str, str]) -> None:
    """A topic with fewer partitions, or another retention, is named and stays as it is."""
    (name, (partitions, retention)), *others = TOPICS.items()
    admin = AdminClient({"bootstrap.servers": bootstrap})
    made = [NewTopic(name, partitions - 1, 1, config={"retention.ms": retention})]
    made += [NewTopic(other, 20, 1, config={"retention.ms": "1000"}) for other, _ in others]
    for creation in admin.create_topics(made).values():
        creation.result()
    before = {name: (partitions - 1, retention)} | {other: (20, "1000") for other, _ in others}
    wait_for(bootstrap, before)
    result = run(bootstrap, environment)
    assert (result.returncode, result.stderr) == (3, "")
    fewer = f"has {partitions - 1} partitions, fewer than the catalog's {partitions}"
    assert result.stdout.splitlines() == [
        f"{name}: {fewer}; left as it is",
        *(
            f"{other}: has retention.ms 1000, not the catalog's {catalog}; left as it is"
            for other, (_, catalog) in others
        ),
    ]
    assert found(bootstrap) == before


@needs_kafka
@pytest.mark.timeout(300)  # Java starts a dozen times
def test_kafkas_own_tool_creates_once_and_leaves_differences_alone(
    tmp_path: Path, with_the_tool: dict[str, str]
) -> None:
    with RealBroker(tmp_path) as broker:
        assert_idempotent(broker.bootstrap, with_the_tool, broker.bootstrap)
        clear(broker.bootstrap)
        assert_a_difference_is_left_alone(broker.bootstrap, with_the_tool)


@needs_kafka
@pytest.mark.timeout(300)
def test_the_client_does_the_same_and_both_know_tls_and_sasl(
    tmp_path: Path, with_the_tool: dict[str, str]
) -> None:
    with RealBroker(tmp_path) as broker:
        assert_a_difference_is_left_alone(broker.bootstrap, {})
        clear(broker.bootstrap)
        tls = tmp_path / "client.properties"
        tls.write_text(
            "security.protocol=SASL_SSL\nsasl.mechanism=PLAIN\n"
            f"sasl.jaas.config={_JAAS}\n"
            f"ssl.truststore.type=PEM\nssl.truststore.location={broker.ca}\n"
        )
        secured = {"COMMAND_CONFIG": str(tls)}
        assert_idempotent(broker.secure, secured, broker.bootstrap)
        again = run(broker.secure, with_the_tool | secured)
        assert (again.returncode, again.stderr) == (0, "")
        clear(broker.bootstrap)
        tls.write_text(tls.read_text().replace(PASSWORD, "wrong"))
        for way in ({}, with_the_tool):
            refused = failure(broker.secure, way | secured)
            assert refused.startswith(f"create-topics: {broker.secure}: is Kafka running there, ")
            assert "Authentication failed: Invalid username or password" in refused
            lonely = failure(broker.bootstrap, way | {"REPLICATION_FACTOR": "3"})
            assert "cannot create " in lonely
            assert " with REPLICATION_FACTOR=3: Unable to replicate" in lonely


def test_the_client_way_needs_no_java(tmp_path: Path) -> None:
    with DevBroker(data_dir=tmp_path) as broker:
        clear(broker.bootstrap)
        assert_idempotent(broker.bootstrap, {}, broker.bootstrap)
        clear(broker.bootstrap)
        assert_a_difference_is_left_alone(broker.bootstrap, {})


def test_a_cluster_that_does_not_answer_is_named_with_why() -> None:
    said = failure("127.0.0.1:1", {})
    assert said.startswith("create-topics: 127.0.0.1:1: is Kafka running there, ")
    assert "Connection refused" in said


def test_where_neither_way_is_open_both_are_named() -> None:
    said = failure("127.0.0.1:1", {"PYTHON": "no-such-python"})
    assert said.startswith("create-topics: neither kafka-topics.sh nor a no-such-python with ")


@pytest.mark.parametrize(
    ("environment", "options", "said"),
    [
        ({"BOOTSTRAP": ""}, [], "set BOOTSTRAP to the brokers' addresses"),
        ({"REPLICATION_FACTOR": "0"}, [], "REPLICATION_FACTOR is '0', not a whole number from 1"),
        ({"COMMAND_CONFIG": "/nowhere"}, [], "COMMAND_CONFIG: cannot read '/nowhere'"),
        ({"COMMAND_CONFIG": "/"}, [], "COMMAND_CONFIG: cannot read '/'"),
        ({}, ["--dry"], "--dry is not known"),
    ],
)
def test_wrong_use_is_said_before_anything_is_asked(
    environment: dict[str, str], options: list[str], said: str
) -> None:
    result = run("127.0.0.1:1", environment, *options)
    assert result.returncode == 2
    assert f"create-topics: {said}" in result.stderr


def test_a_java_properties_file_becomes_a_client_configuration() -> None:
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


def test_a_store_that_only_java_reads_is_refused_with_a_way_out() -> None:
    with pytest.raises(ConfigError, match=r"truststore.type is JKS.*put kafka-topics.sh"):
        client_config("ssl.truststore.location=/store.jks\n")
