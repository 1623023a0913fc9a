"""All events of a workspace go to one partition, the one that Java's partitioner chooses."""

from __future__ import annotations

import random

import pytest

from sdks.python.tests.support import ClientFactory
from sdks.python.tests.topic_reader import TopicReader
from tests.broker import DevBroker


def murmur2(data: bytes) -> int:
    """Returns Kafka's `Utils.murmur2` with the sign bit cleared, as its partitioner does."""
    mask = 0xFFFFFFFF
    found = 0x9747B28C ^ len(data)
    whole = len(data) - len(data) % 4
    for at in range(0, whole, 4):
        word = int.from_bytes(data[at : at + 4], "little") * 0x5BD1E995 & mask
        word = (word ^ word >> 24) * 0x5BD1E995 & mask
        found = (found * 0x5BD1E995 & mask) ^ word
    if tail := data[whole:]:
        found = (found ^ int.from_bytes(tail, "little")) * 0x5BD1E995 & mask
    found = (found ^ found >> 13) * 0x5BD1E995 & mask
    return (found ^ found >> 15) & 0x7FFFFFFF


@pytest.mark.parametrize(
    ("key", "signed"),
    [
        # From Kafka's own UtilsTest.
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_the_reference_murmur2_agrees_with_kafkas_own_tests(key: bytes, signed: int) -> None:
    assert murmur2(key) == signed & 0x7FFFFFFF


def test_every_event_is_in_the_partition_of_its_workspace(
    make_client: ClientFactory, broker: DevBroker, topic: TopicReader
) -> None:
    source = random.Random(10)
    workspaces = [f"workspace-{source.getrandbits(40):x}" for _ in range(200)]
    workspaces += ["é", "🩺" * 3, "中文-1", "हिन्दी", "ws\x00", " a ", "x" * 256, "Ａ", "\U0010ffff"]
    client = make_client()
    for workspace in workspaces:
        client.record(workspace, "api", "api_call")
        client.record(workspace, "comms", "sms", 2)
    assert client.flush(10) == 0
    partitions = broker.topics["eka.usage.events"]
    messages = topic.messages()
    assert len(messages) == 2 * len(workspaces)
    for message in messages:
        assert message.key.decode() == message.event["workspace_id"]
        assert message.partition == murmur2(message.key) % partitions
    assert {message.partition for message in messages} == set(range(partitions))
