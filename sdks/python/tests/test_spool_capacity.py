"""Durable events and disk space: there is room for an event before it is numbered."""

from __future__ import annotations

import errno
import functools
import json
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from eka_usage._spool.segment import Segment

from sdks.python.tests.programs import run_program
from sdks.python.tests.spool_support import (
    FAST_TUNING,
    goes_to_disk,
    segment_names,
    spool_of,
    spooled_events,
    spooled_ids,
)
from sdks.python.tests.support import (
    NO_BROKER,
    VALID,
    ClientFactory,
    ReportedErrors,
    counters_balance,
    unused_address,
)
from sdks.python.tests.topic_reader import delivered_events
from tests.broker import DevBroker
from tests.waiting import eventually

SEGMENT_BYTES = 1 << 16
CALLERS = 16


class Disk:
    """How many more segments the disk has room for, and the error if it has none."""

    def __init__(self, room: int, error: int) -> None:
        self.room = room
        self.error = error

    def allocate(self) -> None:
        """Takes up the room of one segment."""
        if self.room == 0:
            raise OSError(self.error, os.strerror(self.error))
        self.room -= 1


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    """A disk with unlimited room, until a test sets a limit."""
    real, found = Segment.create, Disk(-1, errno.ENOSPC)

    def create(handle: Any, name: Any, size: int) -> Segment:
        found.allocate()
        return real(handle, name, size)

    monkeypatch.setattr(Segment, "create", create)
    return found


@pytest.mark.parametrize(
    ("error", "code"), [(errno.ENOSPC, "spool.full"), (errno.EROFS, "spool.failed")]
)
def test_the_first_event_is_rejected_if_the_disk_has_no_room_for_it(
    error: int,
    code: str,
    make_spool_client: ClientFactory,
    spool_dir: Path,
    errors: ReportedErrors,
    disk: Disk,
) -> None:
    disk.room, disk.error = 0, error
    client = make_spool_client("durable", kafka_brokers=NO_BROKER)
    assert client.record(**VALID) is None
    assert errors.codes == [code]
    assert client.stats().accepted == 0
    disk.room = -1
    eventually(lambda: client.record(**VALID))
    assert len(spooled_ids(spool_dir)) == client.stats().accepted == 1


def test_a_new_client_preallocates_a_segment(
    make_spool_client: ClientFactory, spool_dir: Path, disk: Disk
) -> None:
    client = make_spool_client("durable", kafka_brokers=NO_BROKER)
    disk.room = 0
    recorded = [client.record(**VALID) for _ in range(3)]
    assert spooled_ids(spool_dir) == recorded


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
def test_a_forked_child_rejects_events_if_the_disk_has_no_room_for_its_segment(
    tmp_path: Path,
) -> None:
    program = """
        import errno
        from eka_usage._spool.segment import Segment

        def full(*_):
            raise OSError(errno.ENOSPC, "No space left on device")

        client = EkaClient("checkout", on_error=print_error, spool="durable", spool_dir="spool")
        record(client, 1)
        Segment.create = full
        child = os.fork()
        if child == 0:
            assert client.record("ws", "api", "api_call") is None
            assert client.stats().accepted == 0
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        os._exit(0)
    """
    result = run_program(program, NO_BROKER, tmp_path)
    assert (result.returncode, result.stdout) == (0, "spool.full None\n")


def test_events_that_were_numbered_before_the_disk_filled_up_still_find_room(
    make_spool_client: ClientFactory, spool_dir: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All callers pass the check for room before any of them writes."""
    tuning = FAST_TUNING._replace(segment_bytes=SEGMENT_BYTES, headroom_bytes=SEGMENT_BYTES // 4)
    disk.room = 1
    client = make_spool_client("durable", tuning=tuning, kafka_brokers=NO_BROKER)
    log = spool_of(client)._in_flight
    client.record(**VALID)
    assert log._writer is not None
    size = log._writer.end
    while log._writer.end + size <= SEGMENT_BYTES - tuning.headroom_bytes:
        assert client.record(**VALID)
    assert CALLERS * size < tuning.headroom_bytes < (CALLERS + 30) * size
    together, encode = threading.Barrier(CALLERS), client._encode

    def numbered(*arguments: Any) -> Any:
        encoded = encode(*arguments)
        together.wait(10)
        return encoded

    monkeypatch.setattr(client, "_encode", numbered)
    threads = [threading.Thread(target=client._record, kwargs=VALID) for _ in range(CALLERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    monkeypatch.setattr(client, "_encode", encode)
    assert client.record(**VALID) is None
    assert len(spooled_ids(spool_dir)) == client.stats().accepted
    assert client.stats().rejected == {"spool.full": 1}


def test_an_event_that_finds_the_headroom_used_up_is_rejected_and_its_number_used_again(
    make_spool_client: ClientFactory, spool_dir: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All callers pass the check for room, with more than the headroom holds."""
    tuning = FAST_TUNING._replace(segment_bytes=SEGMENT_BYTES, headroom_bytes=SEGMENT_BYTES // 4)
    disk.room = 1
    client = make_spool_client("durable", tuning=tuning, kafka_brokers=NO_BROKER)
    long = {"text": "x" * (SEGMENT_BYTES // CALLERS)}
    together, encode = threading.Barrier(CALLERS), client._encode

    def numbered(*arguments: Any) -> Any:
        encoded = encode(*arguments)
        together.wait(10)
        return encoded

    monkeypatch.setattr(client, "_encode", numbered)
    call = functools.partial(client._record, **VALID, metadata=long)
    threads = [threading.Thread(target=call) for _ in range(CALLERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    monkeypatch.setattr(client, "_encode", encode)
    stats = client.stats()
    assert 0 < stats.accepted < CALLERS
    assert stats.rejected == {"spool.full": CALLERS - stats.accepted}
    assert len(spooled_ids(spool_dir)) == stats.accepted
    disk.room = -1
    eventually(lambda: client.record(**VALID))
    while client.stats().accepted < CALLERS:
        assert client.record(**VALID)
    numbers = [json.loads(event)["seq"] for event in spooled_events(spool_dir)]
    assert sorted(numbers) == list(range(1, CALLERS + 1))


def test_an_event_without_room_in_the_backlog_stays_in_its_durable_segment(
    make_spool_client: ClientFactory, spool_dir: Path, errors: ReportedErrors, disk: Disk
) -> None:
    address = unused_address()
    client = make_spool_client("durable", kafka_brokers=address, max_queue_events=10)
    disk.room = 0
    recorded = [client.record(**VALID) for _ in range(11)]
    spool_of(client)._in_flight.preallocate()  # as housekeeping may meanwhile: this log has room
    recorded += [client.record(**VALID) for _ in range(9)]
    accepted = [event_id for event_id in recorded if event_id is not None]
    assert len(accepted) == 10
    assert set(errors.codes) == {"spool.full"}
    assert spooled_ids(spool_dir) == accepted
    disk.room = -1
    with DevBroker(listen=address) as broker:
        eventually(lambda: client.flush(1) == 0)
        accepted += filter(None, [client.record(**VALID)])
        assert client.flush(10) == 0
        assert [event["event_id"] for event in delivered_events(broker)] == accepted
    assert client.stats().failed == 0
    assert client.shutdown() == 0
    assert segment_names(spool_dir) == []


def test_an_event_parked_for_lack_of_disk_space_is_delivered_in_order(
    make_spool_client: ClientFactory, spool_dir: Path, errors: ReportedErrors, disk: Disk
) -> None:
    address = unused_address()
    client = make_spool_client("durable", kafka_brokers=address, max_queue_events=10)
    # Each event is longer than the headroom, and three leave little more than the headroom of a
    # segment free, so that one more is numbered and then finds no room.
    long = {"text": "x" * 20_000}
    accepted = []
    while event_id := client.record(**VALID, metadata=long):
        accepted.append(event_id)
        if goes_to_disk(client):
            disk.room = 0
    assert client._outbox._parked
    disk.room = -1
    with DevBroker(listen=address) as broker:
        eventually(lambda: client.flush(1) == 0)
        assert [event["event_id"] for event in delivered_events(broker)] == accepted
    assert client.shutdown() == 0
    assert segment_names(spool_dir) == []


def test_events_are_rejected_unless_each_segment_log_has_room(
    make_spool_client: ClientFactory, errors: ReportedErrors, disk: Disk
) -> None:
    client = make_spool_client("durable", kafka_brokers=NO_BROKER, max_queue_events=10)
    while client.record(**VALID):
        if goes_to_disk(client):
            disk.room = 0
    spool_of(client)._in_flight.preallocate()  # as housekeeping does
    assert client.record(**VALID) is None
    assert set(errors.codes) == {"spool.full"}


def test_a_parked_event_that_is_on_disk_at_shutdown_counts_as_spooled(
    make_spool_client: ClientFactory, spool_dir: Path, disk: Disk
) -> None:
    client = make_spool_client("durable", kafka_brokers=NO_BROKER, max_queue_events=10)
    disk.room = 0
    accepted = [event_id for _ in range(20) if (event_id := client.record(**VALID))]
    assert client._outbox._parked
    assert client.shutdown() == 0
    stats = client.stats()
    assert (stats.delivered, stats.spooled) == (0, len(accepted))
    assert spooled_ids(spool_dir) == accepted


def test_new_events_wait_behind_those_on_disk_until_all_are_sent(
    make_spool_client: ClientFactory,
) -> None:
    client = make_spool_client("spill", kafka_brokers=NO_BROKER, max_queue_events=10)
    for _ in range(20):
        client.record(**VALID)
    client._outbox.caught_up()  # another event may have come since the replayer saw none
    assert goes_to_disk(client)


def test_an_event_that_arrives_just_after_the_backlog_was_taken_is_on_disk(
    make_spool_client: ClientFactory, spool_dir: Path, disk: Disk
) -> None:
    client = make_spool_client("durable", kafka_brokers=NO_BROKER, max_queue_events=10)
    recorded = [client.record(**VALID) for _ in range(20)]
    spool = spool_of(client)
    eventually(lambda: spool.pending >= 10)
    disk.room = 0
    while spool._backlog.pop_oldest():
        pass
    spool._backlog.discard_preallocated()
    given = [VALID[name] for name in ("workspace_id", "product", "metric_type")]
    encode: Callable[..., tuple[str, str, str, Any]] = client._encode
    numbers: list[int] = []
    late, event, *_ = encode(numbers, *given, 1, "ok", None, None, None, None, {})
    client._outbox.put(numbers, VALID["workspace_id"], event)
    assert set(spooled_ids(spool_dir)) == {*recorded, late}
    assert counters_balance(client)


def test_a_failed_delivery_is_not_lost_while_the_disk_is_full(
    make_spool_client: ClientFactory, spool_dir: Path, errors: ReportedErrors, disk: Disk
) -> None:
    address = unused_address()
    client = make_spool_client("durable", kafka_brokers=address, delivery_timeout_ms=1000)
    disk.room = 0
    recorded = {client.record(**VALID) for _ in range(5)}
    eventually(lambda: client._outbox.gate.last_spill_error)
    assert set(spooled_ids(spool_dir)) == recorded
    disk.room = -1
    with DevBroker(listen=address) as broker:
        eventually(lambda: client.stats().delivered == 5, seconds=20)
        assert {event["event_id"] for event in delivered_events(broker)} == recorded
    assert errors == []


def test_shutdown_leaves_events_that_wait_for_disk_space_to_the_next_process(
    make_spool_client: ClientFactory, spool_dir: Path, errors: ReportedErrors, disk: Disk
) -> None:
    client = make_spool_client("durable", kafka_brokers=NO_BROKER, delivery_timeout_ms=1000)
    disk.room = 0
    recorded = {client.record(**VALID) for _ in range(5)}
    eventually(lambda: client._outbox.gate.last_spill_error)
    assert client.shutdown() == 0
    assert set(spooled_ids(spool_dir)) == recorded
    assert client.stats().spooled == 5
    assert errors == []
