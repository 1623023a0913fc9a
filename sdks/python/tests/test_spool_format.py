"""The names and bytes that docs/spool-format.md specifies, and what damage to them costs."""

from __future__ import annotations

import random

import pytest
from eka_usage._generated.spool import HEADER_BYTES, INSTANCE_ID_BYTES
from eka_usage._spool.header import Header
from eka_usage._spool.origin import destination
from eka_usage._spool.record import (
    Damage,
    Record,
    encode_record,
    group_body,
    key_prefix,
    read_records,
    record_bytes,
    record_salt,
    unacked_start,
)
from eka_usage._spool.segment_name import SegmentName

ORIGIN = "6d" * 16
HEADER = Header(bytes.fromhex(ORIGIN), 42, 1_769_851_800_123, b"destined", "instance-1")
NAME = SegmentName("events", ORIGIN, 42, 3, "0" * 32)


def content(*events: bytes, key: bytes = b"ws-1") -> bytes:
    """Returns the bytes of a segment with these events."""
    origin_salt = record_salt(bytes.fromhex(ORIGIN))
    return HEADER.pack().ljust(HEADER_BYTES, b"\0") + b"".join(
        encode_record(key_prefix(key) + event, origin_salt) for event in events
    )


def events(segment: bytes) -> list[bytes]:
    """Returns the events that a reader finds."""
    return [item.event for item in read_records(segment, ORIGIN) if isinstance(item, Record)]


def damages(segment: bytes) -> int:
    """Returns how many damaged places a reader reports."""
    return sum(isinstance(item, Damage) for item in read_records(segment, ORIGIN))


def grouped(*members: tuple[bytes, bytes], cut: int = 0) -> bytes:
    """Returns a segment with an event, a group of these members whose body is cut, and an event."""
    salt = record_salt(bytes.fromhex(ORIGIN))
    body = group_body(members)
    record = encode_record(body[: len(body) - cut], salt)
    return content(b"before") + record + encode_record(key_prefix(b"ws-1") + b"after", salt)


MEMBERS = [(b"ws-1", b"one"), (b"ws-2", b"two"), (b"", b"")]


def test_the_members_of_a_group_are_events_with_the_offsets_of_its_record() -> None:
    segment = grouped(*MEMBERS)
    before, *members, after = read_records(segment, ORIGIN)
    assert [(item.key, item.event) for item in members if isinstance(item, Record)] == MEMBERS
    assert {(item.start, item.end) for item in members} == {(before.end, after.start)}
    assert after.start - before.end == record_bytes(group_body(MEMBERS))


@pytest.mark.parametrize("place", range(12 + 2 + 3 * 6 + 10))
def test_a_group_with_a_changed_byte_is_one_damaged_place_without_any_member(place: int) -> None:
    segment = bytearray(grouped(*MEMBERS[:2], (b"ws", b"")))
    start = len(content(b"before"))
    segment[start + place] ^= 1
    assert events(bytes(segment)) == [b"before", b"after"]
    assert damages(bytes(segment)) == 1


def test_a_group_whose_writer_died_between_any_two_bytes_has_no_member() -> None:
    whole = content(b"before")
    written = encode_record(group_body(MEMBERS[:2]), record_salt(bytes.fromhex(ORIGIN)))
    for end in range(len(written)):
        segment = whole + written[:end].ljust(2 * len(written), b"\0")
        assert events(segment) == [b"before"]
    assert len(events(whole + written)) == 3


@pytest.mark.parametrize("cut", [1, 3, 5, 7, 20])
def test_a_group_with_impossible_lengths_is_one_damaged_place(cut: int) -> None:
    segment = grouped((b"ws-1", b"one"), (b"ws-2", b"two"), cut=cut)
    assert events(segment) == [b"before", b"after"]
    assert damages(segment) == 1


def test_a_group_without_members_is_damage() -> None:
    assert damages(grouped()) == 1


def test_a_group_is_unacknowledged_until_its_end() -> None:
    found = list(read_records(grouped(*MEMBERS), ORIGIN))
    assert unacked_start(found[1].start, found) == found[1].start
    assert unacked_start(found[1].end, found) == found[-1].start
    assert unacked_start(found[1].start + 20, found) == 0


def test_a_segment_name_is_parsed_as_it_was_formatted() -> None:
    assert str(NAME) == f"events-{ORIGIN}-00000000000000000042-000003.{'0' * 32}"
    assert SegmentName.parse(str(NAME)) == NAME


@pytest.mark.parametrize(
    "text", ["", "events", f"{NAME}.tmp", f"x{NAME}", str(NAME).replace("events", "other")]
)
def test_any_other_file_name_is_not_a_segment(text: str) -> None:
    assert SegmentName.parse(text) is None


def test_a_header_is_unpacked_as_it_was_packed() -> None:
    assert len(HEADER.pack()) == 208
    assert Header.unpack(content()) == HEADER


def test_an_instance_id_that_is_too_long_is_truncated() -> None:
    header = Header.unpack(HEADER._replace(instance_id="é" * 100).pack())
    assert header is not None
    assert header.is_sound
    assert header.instance_id == "é" * (INSTANCE_ID_BYTES // 2)


def test_a_segment_of_zeros_has_no_header() -> None:
    assert Header.unpack(bytes(HEADER_BYTES)) is None


def test_every_changed_bit_of_a_header_is_detected() -> None:
    packed = HEADER.pack()
    for place in range(len(packed) * 8):
        changed = bytearray(packed)
        changed[place // 8] ^= 1 << place % 8
        header = Header.unpack(bytes(changed))
        assert header is not None
        assert not header.is_sound
        assert header.acked_offset == 0


def test_records_are_read_in_order() -> None:
    segment = content(b"one", b"two", b"three").ljust(4096, b"\0")
    assert events(segment) == [b"one", b"two", b"three"]
    assert damages(segment) == 0


@pytest.mark.parametrize("lost", range(1, 16))
def test_a_torn_record_at_the_end_is_not_reported_as_damage(lost: int) -> None:
    segment = content(b"one", b"two")[:-lost].ljust(4096, b"\0")
    assert events(segment) == [b"one"]
    assert damages(segment) == 0


def test_a_damaged_record_in_the_middle_loses_only_itself() -> None:
    whole = content(b"one", b"two", b"three")
    middle = [item for item in read_records(whole, ORIGIN) if isinstance(item, Record)][1]
    for place in range(middle.start, middle.end):
        segment = bytearray(whole)
        segment[place] ^= 255
        assert events(bytes(segment)) == [b"one", b"three"]
        assert damages(bytes(segment)) == 1


def test_a_record_of_another_origin_is_not_read_as_a_record() -> None:
    other = encode_record(key_prefix(b"") + b"forged", record_salt(bytes(16)))
    assert events(content(other, b"two")) == [other, b"two"]
    assert events(content(b"one") + other) == [b"one"]


def test_random_damage_loses_only_the_records_it_touches() -> None:
    dice = random.Random(6)
    whole = content(*(b"event %d" % number for number in range(50)))
    for _ in range(200):
        segment = bytearray(whole)
        touched = set()
        for _ in range(dice.randrange(1, 5)):
            place = dice.randrange(HEADER_BYTES, len(segment))
            segment[place] ^= 1 << dice.randrange(8)
            touched.add(place)
        untouched = [
            item.event
            for item in read_records(whole, ORIGIN)
            if isinstance(item, Record) and touched.isdisjoint(range(item.start, item.end))
        ]
        assert set(untouched) <= set(events(bytes(segment)))


def test_replay_starts_at_a_record_boundary_or_at_the_first_record() -> None:
    found = list(read_records(content(b"one", b"two"), ORIGIN))
    first, second = found
    assert unacked_start(first.end, found) == second.start
    assert unacked_start(second.end, found) == second.end
    assert unacked_start(first.end + 1, found) == 0


def test_a_destination_does_not_depend_on_how_its_brokers_are_written() -> None:
    one = destination("topic", ["a:9092", "B:9093"])
    assert destination("topic", ["b:9093", "A", "a"]) == one
    assert destination("other", ["a:9092", "b:9093"]) != one
    assert destination("topic", ["a:9092"]) != one
    assert destination("topic", ["[::1]"]) == destination("topic", ["[::1]:9092"])
