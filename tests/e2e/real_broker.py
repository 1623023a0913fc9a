"""Apache Kafka as a child process: the interface of DevBroker, with a TLS and SASL listener."""

from __future__ import annotations

import socket
import subprocess
import time
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from tests.child import Child
from tests.e2e.certificates import write_certificates
from tests.e2e.java import java
from tests.ports import free_port

USER, PASSWORD = "e2e", "correct horse"
_CLUSTER = "dXNhZ2UtZTJlLWNsdXN0ZQ"
_START_SECONDS = 60

# A killed broker rejoins when its session expires: with this timeout after 5 s, not 13.
_PROPERTIES = r"""process.roles=broker,controller
node.id=1
listeners=PLAINTEXT://127.0.0.1:{plain},SASL_SSL://127.0.0.1:{secure},\
  MUTUAL://127.0.0.1:{mutual},CONTROLLER://127.0.0.1:{controller}
controller.listener.names=CONTROLLER
controller.quorum.bootstrap.servers=127.0.0.1:{controller}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL,MUTUAL:SSL,\
  CONTROLLER:PLAINTEXT
sasl.enabled.mechanisms=PLAIN
listener.name.sasl_ssl.plain.sasl.jaas.config=\
  org.apache.kafka.common.security.plain.PlainLoginModule required \
  user_{user}="{password}";
ssl.keystore.type=PEM
ssl.keystore.location={keystore}
ssl.truststore.type=PEM
ssl.truststore.location={truststore}
listener.name.mutual.ssl.client.auth=required
log.dirs={data}
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
group.initial.rebalance.delay.ms=0
log.cleaner.dedupe.buffer.size=4194304
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
"""
# What a single broker needs for clients with transactions.
TRANSACTIONS = """transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
"""


class RealBroker(Child):
    """A running broker without topics; `more` are properties, each with a newline.

    `bootstrap` is plaintext, `secure` is SASL_SSL as USER with PASSWORD and the authority `ca`,
    `mutual` is SSL with a certificate of the client's in `certificates`.
    `kill` and `restart` make an outage: addresses and data stay.
    """

    def __init__(self, folder: Path, more: str = "") -> None:
        plain, secure, mutual, controller = (free_port() for _ in range(4))
        self.bootstrap = f"127.0.0.1:{plain}"
        self.secure = f"127.0.0.1:{secure}"
        self.mutual = f"127.0.0.1:{mutual}"
        self.certificates = write_certificates(folder)
        self.ca = self.certificates.ca
        self._properties = folder / "server.properties"
        self._log = folder / "server.log"
        self._properties.write_text(
            _PROPERTIES.format(
                plain=plain,
                secure=secure,
                mutual=mutual,
                controller=controller,
                user=USER,
                password=PASSWORD,
                keystore=self.certificates.server,
                truststore=self.ca,
                data=folder / "data",
            )
            + more
        )
        storage = ("kafka.tools.StorageTool", "format", "--standalone")
        subprocess.run(
            java(*storage, "-t", _CLUSTER, "-c", self._properties), check=True, capture_output=True
        )
        self.start()

    def start(self) -> None:
        """Starts the broker and returns once it responds."""
        with self._log.open("ab") as log:
            command = java("kafka.Kafka", self._properties)
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        deadline = time.monotonic() + _START_SECONDS
        while not _responds(self.bootstrap):
            code = self._process.poll()
            if code is not None or time.monotonic() > deadline:
                self.kill()
                tail = self._log.read_text()[-2000:]
                raise RuntimeError(f"Kafka did not start (exit code {code}):\n{tail}")
            time.sleep(0.1)

    def restart(self) -> None:
        """Restarts the broker on the same addresses, with its data."""
        self.stop()
        self.start()


def _responds(bootstrap: str) -> bool:
    host, port = bootstrap.split(":")
    try:
        socket.create_connection((host, int(port)), timeout=1).close()
        admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
        return bool(admin.list_topics(timeout=5).brokers)
    except (OSError, KafkaException):
        return False
