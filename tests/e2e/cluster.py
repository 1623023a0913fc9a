"""Three Apache Kafka brokers as child processes, each to be killed, paused or restarted."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewPartitions, NewTopic
from eka_usage import USAGE_TOPIC

from tests.child import Child
from tests.e2e.java import java
from tests.e2e.operations import assign_replicas, grant_writes
from tests.e2e.real_broker import PASSWORD, USER
from tests.ports import free_port
from tests.waiting import eventually

_CLUSTER = "dXNhZ2UtZTJlLWNsdXN0ZQ"
_START_SECONDS = 180  # three Java programs at once, on a busy machine
# Leaders move soon after their broker was killed or paused, and return to it soon after it is back.
_PROPERTIES = r"""process.roles=broker,controller
node.id={number}
listeners=PLAINTEXT://127.0.0.1:{plain},SERVICES://127.0.0.1:{services},\
  CONTROLLER://127.0.0.1:{controller}
controller.listener.names=CONTROLLER
controller.quorum.voters={voters}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SERVICES:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT
sasl.enabled.mechanisms=PLAIN
listener.name.services.plain.sasl.jaas.config=\
  org.apache.kafka.common.security.plain.PlainLoginModule required \
  user_{user}="{password}";
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
log.dirs={data}
auto.create.topics.enable=false
default.replication.factor=3
min.insync.replicas=2
offsets.topic.replication.factor=3
offsets.topic.num.partitions=1
group.initial.rebalance.delay.ms=0
log.cleaner.dedupe.buffer.size=4194304
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
controller.quorum.election.timeout.ms=2000
controller.quorum.fetch.timeout.ms=3000
replica.lag.time.max.ms=5000
controlled.shutdown.enable=true
leader.imbalance.check.interval.seconds=5
{more}"""


class Node(Child):
    """One broker, which is a controller too."""

    def __init__(self, folder: Path, properties: str, address: str) -> None:
        folder.mkdir()
        self.address = address
        self._log = folder / "server.log"
        self._properties = folder / "server.properties"
        self._properties.write_text(properties)
        storage = java("kafka.tools.StorageTool", "format", "-t", _CLUSTER, "-c", self._properties)
        subprocess.run(storage, check=True, capture_output=True)
        self.start()

    def start(self) -> None:
        """Starts the broker, without waiting until it responds."""
        with self._log.open("ab") as log:
            command = java("kafka.Kafka", self._properties)
            self._process = subprocess.Popen(command, stdout=log, stderr=log)

    def pause(self) -> None:
        """Hangs the broker: its connections stay open, and nothing responds."""
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Lets it continue."""
        self._process.send_signal(signal.SIGCONT)

    @property
    def listens(self) -> bool:
        """Whether it accepts connections."""
        host, port = self.address.split(":")
        try:
            socket.create_connection((host, int(port)), timeout=1).close()
        except OSError:
            return False
        return True

    @property
    def log(self) -> str:
        """The end of what it logged."""
        return self._log.read_text()[-2000:]


class Cluster:
    """Three brokers with the usage topic: three replicas, of which two must be in sync.

    Operators use `bootstrap`, without a password. Services connect with `settings`, as a user who
    may write to the topic.
    """

    def __init__(self, folder: Path, *, partitions: int = 6, more: str = "") -> None:
        plain, secured, controller = ([free_port() for _ in range(3)] for _ in range(3))
        voters = ",".join(f"{n}@127.0.0.1:{port}" for n, port in enumerate(controller, 1))
        self.bootstrap = _addresses(plain)
        self.settings: Mapping[str, str] = {
            "kafka_brokers": _addresses(secured),
            "kafka_security_protocol": "SASL_PLAINTEXT",
            "kafka_sasl_mechanism": "PLAIN",
            "kafka_sasl_username": USER,
            "kafka_sasl_password": PASSWORD,
        }
        self._folder = folder
        self._stack = ExitStack()
        self.nodes: list[Node] = []
        try:
            for number in range(3):
                properties = _PROPERTIES.format(
                    number=number + 1,
                    plain=plain[number],
                    services=secured[number],
                    user=USER,
                    password=PASSWORD,
                    controller=controller[number],
                    voters=voters,
                    data=folder / f"node-{number}" / "data",
                    more=more,
                )
                node = Node(folder / f"node-{number}", properties, f"127.0.0.1:{plain[number]}")
                self.nodes.append(node)
                self._stack.callback(node.kill)
            self.admin = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})
            self.wait_for_brokers()
            self.create_topic(partitions)
            grant_writes(self.admin)
        except BaseException:
            self.close()
            raise

    def create_topic(self, partitions: int) -> None:
        """Creates the usage topic, which may be in deletion."""
        settings = {"min.insync.replicas": "2"}

        def created() -> bool:
            new = NewTopic(USAGE_TOPIC, partitions, 3, config=settings)
            try:
                self.admin.create_topics([new])[USAGE_TOPIC].result()
            except KafkaException:
                return False
            return True

        eventually(created, "the topic was not created", seconds=_START_SECONDS)
        self.wait_for_replicas()

    def delete_topic(self) -> None:
        """Deletes the usage topic."""
        self.admin.delete_topics([USAGE_TOPIC])[USAGE_TOPIC].result()

    def add_partitions(self, total: int) -> None:
        """Adds partitions, up to this number."""
        self.admin.create_partitions([NewPartitions(USAGE_TOPIC, total)])[USAGE_TOPIC].result()

    def partitions(self) -> int:
        """Returns how many partitions the usage topic has."""
        return len(self.admin.list_topics(USAGE_TOPIC, timeout=10).topics[USAGE_TOPIC].partitions)

    def leader(self, partition: int = 0) -> Node:
        """Returns the broker that leads the partition."""
        topic = self.admin.list_topics(USAGE_TOPIC, timeout=10).topics[USAGE_TOPIC]
        return self.nodes[topic.partitions[partition].leader - 1]

    def replicas(self) -> dict[int, list[int]]:
        """Returns the brokers of each partition of the usage topic, the preferred leader first."""
        topic = self.admin.list_topics(USAGE_TOPIC, timeout=10).topics[USAGE_TOPIC]
        return {number: each.replicas for number, each in topic.partitions.items()}

    def assign(self, replicas: Mapping[int, Sequence[int]]) -> None:
        """Moves partitions of the usage topic to these brokers."""
        assign_replicas(self.bootstrap, replicas, self._folder)

    def wait_for_brokers(self) -> None:
        """Waits until every broker is in the cluster."""
        eventually(
            # Metadata still has a broker that was killed a moment ago.
            lambda: self._brokers() == [1, 2, 3] and all(node.listens for node in self.nodes),
            lambda: "\n".join(node.log for node in self.nodes),
            seconds=_START_SECONDS,
        )

    def wait_for_replicas(self) -> None:
        """Waits until all replicas are in sync, and every broker leads a partition again."""
        eventually(self._is_settled, "replicas are not in sync", seconds=_START_SECONDS)

    def _brokers(self) -> list[int]:
        try:
            return sorted(self.admin.list_topics(timeout=5).brokers)
        except KafkaException:
            return []

    def _is_settled(self) -> bool:
        try:
            topic = self.admin.list_topics(USAGE_TOPIC, timeout=5).topics[USAGE_TOPIC]
        except KafkaException:
            return False
        partitions = topic.partitions.values()
        return (
            topic.error is None
            and all(len(each.isrs) == len(each.replicas) for each in partitions)
            and {each.leader for each in partitions} == {1, 2, 3}
        )

    def restart_one_by_one(self, nodes: Sequence[Node] = ()) -> None:
        """Restarts brokers as an upgrade does: the next once all replicas are in sync."""
        for node in nodes or self.nodes:
            node.stop()
            node.start()
            self.wait_for_brokers()
            self.wait_for_replicas()

    def close(self) -> None:
        """Kills all brokers."""
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def _addresses(ports: Iterable[int]) -> str:
    return ",".join(f"127.0.0.1:{port}" for port in ports)


def wait(seconds: float) -> None:
    """Lets a disturbance last."""
    time.sleep(seconds)
