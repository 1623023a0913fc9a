"""record_many() and record_amounts(): all events are accepted, or none."""

from __future__ import annotations

import itertools
import json
import random
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from eka_usage import EkaClient, EkaError, Usage, metrics
from eka_usage._spool.segment import Segment

from sdks.python.tests.spool_support import FAST_TUNING, spooled_events, spooled_ids
from sdks.python.tests.support import (
    NO_BROKER,
    NOW,
    NOW_NS,
    VALID,
    ClientFactory,
    CollectingProducer,
    ReportedErrors,
    counters_balance,
)
from sdks.python.tests.topic_reader import TopicReader

# As the documents have them.
BATCH_MAX_EVENTS, BATCH_MAX_BYTES = 500, 524_288
# As callers write them: literals, and what takes another path than they do.
CALLS: list[Mapping[str, Any]] = [
    VALID,
    {**VALID, "quantity": 2},
    {**VALID, "quantity": 0.5, "workspace_id": "ws-2"},
    {**VALID, "quantity": 3.0, "metadata": {"a": 1}},
    {**VALID, "quantity": 10**18, "metadata": {}},
    {**VALID, "quantity": 1e-7, "metadata": {"a": {1, 2}}},
    {**VALID, "quantity": 0, "unit_cost": 0.1},
    {**VALID, "status": "error", "vendor": "openai", "tags": ["a"]},
    {**VALID, "workspace_id": 5, "event_id": "mine"},
    {**VALID, "occurred_at": NOW},
    {**VALID, "product": "comms-"[:-1], "metric_type": "sms-"[:-1]},
]
WRONG = {**VALID, "quantity": -1}


class Endless:
    """A list that never ends, whatever its length says."""

    def __init__(self, item: object) -> None:
        self._item = item

    def __len__(self) -> int:
        return 1

    def __iter__(self) -> Iterator[object]:
        return itertools.repeat(self._item)


@pytest.fixture
def producer() -> CollectingProducer:
    """A producer that collects the bytes."""
    return CollectingProducer()


@pytest.fixture
def client(producer: CollectingProducer, errors: ReportedErrors) -> Iterator[EkaClient]:
    """A client of that producer, whose clock stands still."""
    with EkaClient("s", producer=producer, on_error=errors, clock=lambda: NOW_NS) as made:
        yield made


def usages(*calls: Mapping[str, Any]) -> list[Any]:
    """Returns the calls as values."""
    return [Usage(**call) for call in calls]


def without_number(value: bytes) -> str:
    """Returns an event without its number and the id that is minted from it."""
    event = json.loads(value)
    minted = f'"event_id":"{event["event_id"]}"' if event["event_id"] != "mine" else "\0"
    return value.decode().replace(f'"seq":{event["seq"]}', "").replace(minted, "")


def numbers(producer: CollectingProducer) -> list[int]:
    """Returns the number of each event that was sent."""
    return [json.loads(message.value)["seq"] for message in producer.sent]


def test_the_events_of_a_batch_have_the_keys_and_bytes_of_single_events(
    client: EkaClient, producer: CollectingProducer
) -> None:
    for call in CALLS:
        assert client._record(**call) is not None
    ids = client.record_many(usages(*CALLS))
    single, together = producer.sent[: len(CALLS)], producer.sent[len(CALLS) :]
    assert [message.key for message in together] == [message.key for message in single]
    assert [without_number(message.value) for message in together] == [
        without_number(message.value) for message in single
    ]
    assert ids == [json.loads(message.value)["event_id"] for message in together]
    assert len({*(ids or ())}) == len(CALLS)
    assert numbers(producer) == list(range(1, 2 * len(CALLS) + 1))


def test_one_invalid_event_among_the_most_rejects_all_and_says_which(
    client: EkaClient, producer: CollectingProducer, errors: ReportedErrors
) -> None:
    calls = [VALID] * BATCH_MAX_EVENTS
    calls[299] = {**WRONG, "event_id": "e"}
    assert client.record_many(usages(*calls)) is None
    [(error, context)] = errors
    assert (error.code, error.field) == ("quantity.invalid", "quantity")
    assert str(error).startswith(f"event 300 of {BATCH_MAX_EVENTS}: invalid quantity -1")
    assert (context.get("index"), context.get("event_id")) == (299, "e")
    assert client.stats().rejected == {"quantity.invalid": BATCH_MAX_EVENTS}
    assert producer.sent == []
    client.record(**VALID)
    assert numbers(producer) == [1]


@pytest.mark.parametrize("index", range(len(CALLS)))
def test_an_invalid_event_rejects_the_batch_wherever_it_is(
    index: int, client: EkaClient, producer: CollectingProducer, errors: ReportedErrors
) -> None:
    calls = [*CALLS]
    calls[index] = {**calls[index], "workspace_id": ["unhashable"]}
    assert client.record_many(usages(*calls)) is None
    assert errors.contexts("workspace_id.invalid")[0].get("index") == index
    assert producer.sent == []


@pytest.mark.parametrize(
    "events",
    [
        [],
        usages(*[VALID] * (BATCH_MAX_EVENTS + 1)),
        None,
        5,
        [None],
        [*usages(VALID), ("ws", "api", "api_call")],
        iter(lambda: Usage(**VALID), None),
    ],
)
def test_what_is_no_batch_is_rejected_once(
    events: Any, client: EkaClient, producer: CollectingProducer, errors: ReportedErrors
) -> None:
    assert client.record_many(events) is None
    assert errors.codes == ["batch.invalid"]
    assert producer.sent == []


def test_a_batch_has_as_many_bytes_as_are_allowed_and_none_more(
    client: EkaClient, producer: CollectingProducer, errors: ReportedErrors
) -> None:
    def calls(last: int) -> list[Any]:
        filled = {**VALID, "metadata": {"text": "é" * 15_000}}
        rest = {**VALID, "metadata": {"text": "x" * last}}
        return usages(*[filled] * 17, *[rest])

    client.record_many(calls(0))
    left = BATCH_MAX_BYTES - sum(len(message.value) for message in producer.sent)
    sent = len(producer.sent)
    # The numbers of the next batch are as long: two digits, but for the first nine.
    assert client.record_many(calls(left - 9 + 1)) is None
    assert errors.codes == ["batch.invalid"]
    assert f"has {BATCH_MAX_BYTES + 1} bytes" in str(errors[0][0]).replace("have", "has")
    assert client.record_many(calls(left - 9)) is not None
    assert sum(len(message.value) for message in producer.sent[sent:]) == BATCH_MAX_BYTES


def test_a_closed_client_rejects_a_batch(client: EkaClient, errors: ReportedErrors) -> None:
    client.shutdown()
    assert client.record_many(usages(VALID, VALID)) is None
    assert errors.codes == ["client.closed"]
    assert client.stats().rejected == {"client.closed": 2}


def test_a_batch_that_the_queue_cannot_hold_whole_takes_nothing(
    make_client: ClientFactory, errors: ReportedErrors
) -> None:
    client = make_client(kafka_brokers=NO_BROKER, max_queue_events=300, shutdown_timeout_ms=0)
    assert client.record_many(usages(*[VALID] * BATCH_MAX_EVENTS)) is None
    assert errors.codes == ["queue.full"]
    assert (client.stats().accepted, client.stats().queued) == (0, 0)
    assert client.record_many(usages(*[VALID] * 250)) is not None
    assert client.record_many(usages(*[VALID] * 51)) is None
    assert client.stats().rejected == {"queue.full": BATCH_MAX_EVENTS + 51}
    assert (client.stats().accepted, client.stats().queued) == (250, 250)


def test_batches_of_many_threads_have_consecutive_numbers_each_and_no_gaps(
    make_client: ClientFactory, topic: TopicReader
) -> None:
    client = make_client()
    batches: list[list[str]] = []

    def work(number: int) -> None:
        chance = random.Random(number)
        for _ in range(20):
            batches.append(client.record_many(usages(*[VALID] * chance.randint(2, 40))) or [])
            client.record(**VALID)
            client.record_many(usages(VALID, WRONG))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert client.flush(20) == 0
    seqs = {event["event_id"]: event["seq"] for event in topic.events()}
    assert sorted(seqs.values()) == list(range(1, len(seqs) + 1))
    for ids in batches:
        first = seqs[ids[0]]
        assert [seqs[event_id] for event_id in ids] == list(range(first, first + len(ids)))


@pytest.mark.parametrize("mode", ["spill", "durable"])
def test_a_batch_on_disk_is_one_record(
    mode: str, make_spool_client: ClientFactory, spool_dir: Path
) -> None:
    client = make_spool_client(
        mode, kafka_brokers=NO_BROKER, max_queue_events=2, shutdown_timeout_ms=0
    )
    ids = client.record_many(usages(*[VALID] * 50))
    assert ids is not None
    assert set(ids) <= set(spooled_ids(spool_dir))
    assert b"\xff\xff" in b"".join(path.read_bytes() for path in spool_dir.iterdir())
    assert counters_balance(client)
    client.shutdown(0)
    assert {*spooled_ids(spool_dir)} == {*ids}


@pytest.mark.parametrize("mode", ["spill", "durable"])
def test_a_batch_for_which_the_spool_has_no_room_takes_nothing(
    mode: str, make_spool_client: ClientFactory, spool_dir: Path, errors: ReportedErrors
) -> None:
    client = make_spool_client(
        mode,
        tuning=FAST_TUNING._replace(segment_bytes=1 << 16),
        kafka_brokers=NO_BROKER,
        max_queue_events=2,
        shutdown_timeout_ms=0,
    )
    assert client.record_many(usages(*[VALID] * BATCH_MAX_EVENTS)) is None
    assert errors.codes == ["spool.full"]
    assert client.stats().accepted == 0
    assert spooled_events(spool_dir) == []
    assert client.record(**VALID) is not None
    client.shutdown(0)
    assert [json.loads(event)["seq"] for event in spooled_events(spool_dir)] == [1]


def test_numbers_of_a_batch_that_could_not_be_written_are_used_by_the_next_events(
    make_spool_client: ClientFactory,
    spool_dir: Path,
    errors: ReportedErrors,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    client = make_spool_client("durable", kafka_brokers=NO_BROKER, shutdown_timeout_ms=0)

    def fail(*_: object) -> Segment:
        raise OSError(5, "Input/output error")

    client.record(**VALID)
    with monkeypatch.context() as patch:
        spool = client._outbox._spool
        assert spool is not None
        patch.setattr(spool, "append_group", fail)
        assert client.record_many(usages(*[VALID] * 3)) is None
    assert errors.codes == ["spool.failed"]
    assert client.stats().accepted == 1


def test_an_amount_of_zero_makes_no_event_and_the_others_have_one_id(
    client: EkaClient, producer: CollectingProducer
) -> None:
    tokens = metrics.agent
    found = client.record_amounts(
        "ws-1",
        [(tokens.input_token, 3, 0.01), (tokens.output_token, 0), (metrics.api.api_call, 2)],
        event_id="work-1",
        vendor="openai",
        metadata={"a": 1},
    )
    assert found == ["work-1", "work-1"]
    first, second = (json.loads(message.value) for message in producer.sent)
    assert (first["metric_type"], first["quantity"], first["cost"]) == ("input_token", 3, 0.01)
    assert (second["metric_type"], second["quantity"]) == ("api_call", 2)
    assert "cost" not in second
    assert {event["vendor"] for event in (first, second)} == {"openai"}


def test_amounts_that_are_all_zero_record_nothing(
    client: EkaClient, producer: CollectingProducer, errors: ReportedErrors
) -> None:
    assert client.record_amounts("ws", [(metrics.api.api_call, 0)], event_id="e") == []
    assert (producer.sent, errors) == ([], [])


@pytest.mark.parametrize(
    ("amounts", "event_id", "code", "index"),
    [
        ([(metrics.api.api_call, 1)], None, "event_id.invalid", None),
        ([(metrics.api.api_call, 1)], " ", "event_id.invalid", None),
        ([(metrics.api.api_call, 0)], " ", "event_id.invalid", None),
        ([(metrics.api.api_call, 1), (metrics.comms.sms, -1)], "e", "quantity.invalid", 1),
        ([(metrics.api.api_call, 1), (metrics.api.api_call, 2)], "e", "batch.invalid", 1),
        ([(metrics.api.api_call, 1), ("sms", 2)], "e", "product.unknown", 1),
        ([(metrics.api.api_call, 0), (metrics.comms.sms, -1)], "e", "quantity.invalid", 1),
        ([(metrics.comms.sms, -1), "x"], "e", "quantity.invalid", 0),
        ([(metrics.comms.sms, 1), (metrics.api.api_call,)], "e", "batch.invalid", 1),
        (itertools.repeat((metrics.api.api_call, 0)), "e", "batch.invalid", None),
        (Endless((metrics.api.api_call, 0)), "e", "batch.invalid", None),
        ([itertools.repeat(metrics.api.api_call), "x"], "e", "quantity.invalid", 0),
        (None, "e", "batch.invalid", None),
    ],
)
def test_invalid_amounts_reject_all(
    amounts: Any,
    event_id: Any,
    code: str,
    index: int | None,
    client: EkaClient,
    producer: CollectingProducer,
    errors: ReportedErrors,
) -> None:
    assert client.record_amounts("ws", amounts, event_id=event_id) is None
    [(error, context)] = errors
    assert (error.code, context.get("index")) == (code, index)
    assert context.get("workspace_id") == (None if index is None else "ws")
    assert producer.sent == []


def test_try_record_returns_the_error_in_place_of_reporting_it(
    client: EkaClient, producer: CollectingProducer, errors: ReportedErrors
) -> None:
    [good, bad] = usages({**VALID, "event_id": "e"}, WRONG)
    assert client._try_record(good) == "e"
    found = client._try_record(bad)
    assert isinstance(found, EkaError)
    assert found.code == "quantity.invalid"
    assert errors == []
    assert client.stats().rejected == {"quantity.invalid": 1}
    assert len(producer.sent) == 1


def test_try_record_sets_what_it_is_given_in_place_of_the_client(
    client: EkaClient, producer: CollectingProducer
) -> None:
    calls = [VALID, {**VALID, "service_name": "own"}, {**VALID, "workspace_id": 7}]
    given = {"service_name": "given"}
    ids = [*(client._try_record(each, given) for each in usages(*calls)), client.record(**VALID)]
    events = [json.loads(value) for _, value in producer.sent]
    assert [event["event_id"] for event in events] == ids
    assert [event["service_name"] for event in events] == ["given", "own", "given", "s"]
    assert [event["workspace_id"] for event in events][2] == "7"
    assert [event["seq"] for event in events] == [1, 2, 3, 4]
    assert client.stats().accepted == 4
    [usage] = usages(VALID)
    refused = client._try_record(usage, {"service_name": " "})
    assert isinstance(refused, EkaError)
    client.shutdown()
    closed = client._try_record(usage)
    assert isinstance(closed, EkaError)
    assert closed.code == "client.closed"


def test_events_of_one_batch_may_share_what_they_set_in_place_of_the_client(
    client: EkaClient, producer: CollectingProducer
) -> None:
    shared = usages(VALID, {**VALID, "service_name": "own"})
    assert client._try_record_many(shared, {"service_name": "shared"}) is not None
    assert client.record(**VALID) is not None
    events = [json.loads(value) for _, value in producer.sent]
    assert [event["service_name"] for event in events] == ["shared", "own", "s"]
    assert [event["seq"] for event in events] == [1, 2, 3]
    refused = client._try_record_many(shared, {"service_name": " "})
    assert isinstance(refused, EkaError)
    assert refused.code == "config.invalid"


def test_a_new_event_id_is_another_each_time_and_of_the_form_of_minted_ones(
    client: EkaClient,
) -> None:
    found = {client.new_event_id() for _ in range(100)}
    assert len(found) == 100
    assert all(event_id[14] == "7" and len(event_id) == 36 for event_id in found)


def test_usage_takes_the_arguments_of_record_and_shows_them() -> None:
    assert Usage(**VALID, vendor="a") == Usage("ws-1", "api", "api_call", vendor="a")
    assert Usage(**VALID) != Usage(**VALID, quantity=2)
    assert "quantity=1, status='ok'" in repr(Usage(**VALID))
    with pytest.raises(TypeError, match="unexpected keyword argument 'vendr'"):
        Usage(**VALID, vendr="a")  # type: ignore[call-overload]
