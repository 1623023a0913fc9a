"""The sink reads every partition that its topic has, whichever the group was assigned before."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewPartitions, NewTopic

from infra.sink._generated.fields import DEAD_LETTER_TOPIC, ID, USAGE_TOPIC
from infra.sink.lag import Lag
from tests.broker import DevBroker
from tests.e2e.java import needs_kafka
from tests.e2e.real_broker import RealBroker
from tests.sink.harness import Sink, encoded, event, produce
from tests.waiting import eventually

# A sink that crashed is out of the group after two seconds, not 45.
_QUICK = """group.consumer.min.session.timeout.ms=1000
group.consumer.session.timeout.ms=2000
group.consumer.min.heartbeat.interval.ms=100
group.consumer.heartbeat.interval.ms=400
"""
# For a sink that starts beside Kafka on a busy machine.
_START_SECONDS = 150


class Topic:
    """The usage topic of a broker, with a known number of events in every partition."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap
        self.sent = 0
        self._admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})

    def fill(self, partitions: int, each: int = 10) -> None:
        """Produces to each partition."""
        for partition in range(partitions):
            numbers = range(self.sent, self.sent + each)
            some = (encoded(event(**{ID: f"id-{number}"})) for number in numbers)
            produce(self.bootstrap, some, partition=partition)
            self.sent += each

    def create(self, partitions: int, name: str = USAGE_TOPIC) -> None:
        """Creates the topic, which may be in deletion."""

        def created() -> bool:
            try:
                self._admin.create_topics([NewTopic(name, partitions, 1)])[name].result()
            except KafkaException:
                return False
            return True

        eventually(created)

    def delete(self) -> None:
        """Deletes the topic."""
        self._admin.delete_topics([USAGE_TOPIC])[USAGE_TOPIC].result()

    def grow(self, partitions: int) -> None:
        """Adds partitions, up to this number."""
        self._admin.create_partitions([NewPartitions(USAGE_TOPIC, partitions)])[
            USAGE_TOPIC
        ].result()


@pytest.fixture
def kafka(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a broker of the kind that the test names."""
    if request.param != "kafka 4":
        with DevBroker(kafka_3=request.param == "embedded, kafka 3") as embedded:
            yield embedded.bootstrap
        return
    with RealBroker(tmp_path, _QUICK) as broker:
        for name in (USAGE_TOPIC, DEAD_LETTER_TOPIC):
            Topic(broker.bootstrap).create(10, name)
        yield broker.bootstrap


_KINDS = ("embedded", "embedded, kafka 3", pytest.param("kafka 4", marks=needs_kafka))


def sink_of(kafka: str, folder: Path, request: pytest.FixtureRequest) -> Sink:
    """Kafka compares the partitions when a static member returns; the embedded broker does not."""
    return Sink(kafka, folder, static=request.node.callspec.params["kafka"] == "kafka 4")


def stores(sink: Sink, events: int) -> None:
    """Waits until the process has stored this many events since its start."""
    eventually(lambda: sink.stored >= events, lambda: sink.log, seconds=_START_SECONDS)


@pytest.mark.timeout(500)
@pytest.mark.parametrize("kafka", _KINDS, indirect=True)
def test_a_sink_reads_partitions_that_were_added_while_it_ran_stopped_or_crashed(
    kafka: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    topic = Topic(kafka)
    topic.fill(10)
    with sink_of(kafka, tmp_path, request).migrate() as sink:
        stores(sink, 100)
        topic.grow(12)
        topic.fill(12)
        stores(sink, 220)
        for how in (signal.SIGTERM, signal.SIGKILL):
            sink.stop(how)
            before = topic.sent
            topic.grow(13 if how is signal.SIGTERM else 14)
            topic.fill(13 if how is signal.SIGTERM else 14)
            sink.start()
            stores(sink, topic.sent - before)
        eventually(lambda: sink.log.count("lag 0"), lambda: sink.log)
        assert sink.stop() == 0
    assert sink.rows(f"count(), uniqExact({ID})") == [(topic.sent, topic.sent)]


@pytest.mark.timeout(500)
@pytest.mark.parametrize("kafka", _KINDS, indirect=True)
def test_a_sink_reads_a_topic_that_was_created_again_with_fewer_partitions(
    kafka: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    topic = Topic(kafka)
    topic.fill(10)
    with sink_of(kafka, tmp_path, request).migrate() as sink:
        stores(sink, 100)
        topic.delete()
        topic.create(2)
        topic.fill(2, each=50)
        stores(sink, 200)
        sink.stop()
        topic.delete()
        topic.create(3)
        topic.fill(3, each=5)
        sink.start()
        stores(sink, 15)
        assert sink.stop() == 0
    assert sink.rows() == [(topic.sent,)]


def test_the_lag_counts_partitions_that_no_sink_reads(own_broker: DevBroker) -> None:
    topic = Topic(own_broker.bootstrap)
    topic.fill(10)
    lag = Lag({"bootstrap.servers": own_broker.bootstrap}, "nobody")
    try:
        eventually(lambda: lag.measure({}) == 100)
        assert lag.measure({0: 10, 1: 7}) == 83
        topic.grow(12)
        topic.fill(12)
        eventually(lambda: lag.measure(dict.fromkeys(range(10), 20)) == 20)
    finally:
        lag.close()
