"""The forward protocol on its wire: JSON and msgpack, acks, limits, and how it stops."""

from __future__ import annotations

import gzip
import hashlib
import json
import socket
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from eka_usage import UsageEvent

from tests.api.forwarder import Forwarder
from tests.api.server import ApiServer
from tests.api.test_events import CALL, error
from tests.api.test_rest_proxy import LOOK_UP, METER, produce
from tests.broker import DevBroker
from tests.e2e.reader import read_events
from tests.ports import free_port
from tests.successor import deliver_the_rest
from tests.waiting import eventually

pack = msgspec.msgpack.encode


def record(unique_key: str, **others: Any) -> dict[str, Any]:
    """Returns a record as billing-client writes it."""
    return {
        "unique_key": unique_key,
        "internal_instance_id": "1234",
        "amount_type": f"{CALL['product']}.{CALL['metric_type']}",
        "amount_value": 12,
        "occurred_at": "2026-11-27T10:00:00.123456789+01:00",
        "metadata": {},
        **others,
    }


def line(unique_key: str, **others: Any) -> bytes:
    """Returns a message of JSON."""
    return json.dumps(["billing", 1795780355, record(unique_key, **others), None]).encode()


@pytest.fixture(scope="module")
def forwarder(broker: DevBroker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forwarder]:
    with Forwarder(tmp_path_factory.mktemp("forward"), broker.bootstrap) as running:
        yield running


def arrived(broker: DevBroker, *ids: str) -> dict[str, UsageEvent]:
    """Returns events by their ids once Kafka has them."""
    found: dict[str, UsageEvent] = {}

    def has_all() -> bool:
        found.update({event.event_id: event for event in read_events(broker.bootstrap)})
        return set(ids) <= found.keys()

    eventually(has_all)
    return {name: found[name] for name in ids}


def test_json_arrives_however_it_is_cut(forwarder: Forwarder, broker: DevBroker) -> None:
    text = line("cut-0") + line("cut-1", metadata={"a": 'brackets ]}"\\ in a string'}) + b"\n"
    with forwarder.connect() as client:
        for byte in text:
            client.sendall(bytes([byte]))
        client.sendall(b"".join(line(f"cut-{number}") for number in range(2, 9)))
    events = arrived(broker, *(f"cut-{number}" for number in range(9)))
    event = events["cut-1"]
    assert (event.workspace_id, event.service_name) == ("1234", "svc")
    assert event.quantity == Decimal(12)
    assert json.loads(event.metadata) == {"a": 'brackets ]}"\\ in a string'}
    assert event.occurred_at.isoformat() == "2026-11-27T09:00:00.123000+00:00"
    assert events["cut-0"].metadata == "{}"


def test_what_is_invalid_stops_nothing_else(forwarder: Forwarder, broker: DevBroker) -> None:
    long_key = "k" * 200
    with forwarder.connect() as client:
        client.sendall(
            line("bad-0", amount_type="unknown")
            + b'["billing", 1, {"unique_key": "bad-1", "unique_key": "bad-1"}, null]'
            + b'["billing", 1, {"unique_key": "bad-2", "amount_value": 1e999999999}, null]'
            + b'["billing", 1, "no record", null]["\xff", 1, {}, null][]'
            + b"[" * 30_000
            + b"]" * 30_000
            + line("bad-3", amount_value=-1)
            + line("good-0")
            + line(long_key)
        )
    good = arrived(broker, "good-0", f"sha256:{hashlib.sha256(long_key.encode()).hexdigest()}")
    assert len(good) == 2
    assert not [each for each in read_events(broker.bootstrap) if each.event_id.startswith("bad-")]
    for code in ("metric_type.unknown", "body.invalid", "options.invalid", "quantity.invalid"):
        assert f"refused: {code}: " in forwarder.log


def test_msgpack_is_acknowledged_by_its_chunk(forwarder: Forwarder, broker: DevBroker) -> None:
    time = msgspec.msgpack.Ext(0, bytes(8))
    entries = [[time, record(f"entry-{number}")] for number in range(3)]
    packed = b"".join(pack([time, record(f"packed-{number}")]) for number in range(3))
    anonymous = {key: value for key, value in record("").items() if key != "unique_key"}
    messages = [
        ["tag", 1795780355, record("message"), {"chunk": "c0"}],
        ["tag", entries, {"chunk": "c1"}],
        ["tag", packed, {"chunk": "c2", "size": 3}],
        ["tag", gzip.compress(packed), {"chunk": "c3", "compressed": "gzip"}],
        ["tag", [[1, anonymous], [1, anonymous]], {"chunk": "c4"}],
        ["tag", [[1, record("no-event", amount_type="none")]], {"chunk": "c5"}],
    ]
    with forwarder.connect() as client:
        acks = []
        for message in messages:
            client.sendall(pack(message))
            acks.append(msgspec.msgpack.decode(client.recv(100)))
        client.sendall(pack(["tag", 1, record("without ack")]))
    assert acks == [{"ack": f"c{number}"} for number in range(6)]
    # An attempt with the same chunk has the same ids, so that each counts once.
    ids = ['["c4", "0"]', '["c4", "1"]', "message", "without ack"]
    ids += [f"{kind}-{number}" for kind in ("entry", "packed") for number in range(3)]
    assert len(arrived(broker, *ids)) == 10


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b'["' + b"x" * 70_000,
        b"\x93\xc1",
        b"\x93\xdb\xff\xff\xff\xff",
        b"\x93\xdd\x7f\xff\xff\xff",
    ],
    ids=["HTTP", "a long record", "no msgpack", "a long text", "a long array"],
)
def test_what_is_no_message_is_reset(sent: bytes, forwarder: Forwarder, broker: DevBroker) -> None:
    with forwarder.connect() as good:
        with forwarder.connect() as bad:
            assert is_reset(bad, sent)
        good.sendall(line("beside"))
    arrived(broker, "beside")


def test_what_was_written_before_it_stops_is_taken(broker: DevBroker, tmp_path: Path) -> None:
    with Forwarder(tmp_path, broker.bootstrap, shutdown_timeout_ms="60000") as stopping:
        clients = [stopping.connect() for _ in range(3)]
        stopping.pause()
        clients += [stopping.connect() for _ in range(3)]  # which it has not accepted yet
        ids = [f"last-{client}-{number}" for client in range(6) for number in range(300)]
        for place, client in enumerate(clients):
            client.sendall(b"".join(line(each) for each in ids[place * 300 : (place + 1) * 300]))
        clients[0].sendall(line("half")[:50])
        stopping.resume_and_stop()
        for client in clients:
            with client:
                assert is_reset(client)
        assert "1800 taken, 0 refused, 0 without room" in stopping.log
    deliver_the_rest(broker.bootstrap, tmp_path / "spool")  # if Kafka was slow
    arrived(broker, *ids)


def test_without_room_it_reads_on_and_acknowledges_nothing(tmp_path: Path) -> None:
    nowhere = f"127.0.0.1:{free_port()}"
    with Forwarder(tmp_path, nowhere, spool_max_bytes=str(16 * 2**20)) as full:
        with full.connect() as client:
            text = b"".join(
                line(f"full-{number}", metadata={"text": "x" * 5_000}) for number in range(100)
            )
            while "no room: " not in full.log:
                client.sendall(text)
        with full.connect() as other:
            big = record("full", metadata={"text": "x" * 5_000})
            other.sendall(pack(["tag", 1, big, {"chunk": "never"}]))
            other.shutdown(socket.SHUT_WR)
            assert other.recv(100) == b""
        full.kill()


def test_the_last_fifth_of_the_spool_takes_what_is_never_retried(tmp_path: Path) -> None:
    nowhere, limit = f"127.0.0.1:{free_port()}", str(64 * 2**20)
    call = {**CALL, "metadata": {"text": "x" * 5_000}}
    with ApiServer(tmp_path, nowhere, spool_max_bytes=limit) as api:
        with api.client(api.new_key("svc")) as client:
            while (answer := client.post("/v1/events", json=[call] * 80)).status_code == 202:
                pass
            assert error(answer, 429)["code"] == "server.overloaded"
            account = client.get(LOOK_UP, headers={"x-tenant-id": "mine"}).json()["id"]
        assert produce(api, {**METER, "customer_id": account}).status_code == 200
        with (
            Forwarder(tmp_path, nowhere, spool_max_bytes=limit) as forwarder,
            forwarder.connect() as client,
        ):
            client.sendall(pack(["tag", 1, record("in the last fifth"), {"chunk": "c"}]))
            assert msgspec.msgpack.decode(client.recv(100)) == {"ack": "c"}
            forwarder.kill()
        api.kill()


def is_reset(client: socket.socket, sent: bytes = b"") -> bool:
    """Reports whether a connection ends with a reset."""
    try:
        client.sendall(sent)
        client.recv(1)
    except ConnectionError:
        return True
    return False
