"""Up to when usage is complete, as the numbers of clients show it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client

from infra.api.answers import questions
from infra.sink._generated.fields import DATABASE, EXPIRED, EXPLAINED, USAGE_TOPIC
from infra.sink.usage.complete import Completeness, complete_until
from infra.sink.usage.events import EventQuery
from infra.sink.usage.query import Period, Query
from tests.sink.events import NOON, insert

MINUTE = timedelta(minutes=1)


def sent(client: str, numbers: Iterable[int], **differences: Any) -> list[dict[str, Any]]:
    """Events of a client, one per minute, each stored half a minute later."""
    return [
        {
            "instance_id": client,
            "event_id": f"{client}-{number}",
            "seq": number,
            "ts": minute(number),
            "occurred_at": minute(number),
            "ingested_at": minute(number) + MINUTE / 2,
            **differences,
        }
        for number in numbers
    ]


def minute(number: int) -> datetime:
    return NOON + number * MINUTE


def explain(store: Client, kind: str, subject: str, first: int, last: int) -> None:
    store.insert(
        EXPLAINED,
        [[kind, subject, first, last, "known"]],
        ["kind", "subject", "first", "last", "reason"],
        database=DATABASE,
    )


ALL, SOME = None, ("mine",)


@pytest.mark.parametrize("workspaces", [ALL, SOME])
def test_an_answer_about_some_workspaces_names_no_client_of_others(
    store: Client, workspaces: tuple[str, ...] | None
) -> None:
    insert(store, sent("secret", [1, 2, 9], workspace_id="other"))
    insert(store, sent("own", [1, 2], workspace_id="mine"))
    since = NOON - 10 * MINUTE
    period = Period(NOON.date(), (NOON + timedelta(days=1)).date())
    answers = [
        questions.Events(EventQuery(workspaces=workspaces)).answer(store).about,
        questions.Usage(Query(workspaces=workspaces, period=period)).answer(store).about,
        questions.Catalog(workspaces, since).answer(store).about,
    ]
    told = [
        *((each["complete_until"], each["complete_reason"]) for each in answers),
        *(
            (found.until, found.reason)
            for found in (
                questions.Complete(workspaces, since).answer(store),
                questions.Event(workspaces, "own-1").answer(store)[1],
            )
        ),
    ]
    reason = (
        "client secret lacks its events 3 to 8"
        if workspaces is ALL
        else "a client lacks some of its events"
    )
    assert told == [(minute(2), reason)] * len(told)
    invoice = questions.Invoice("mine", NOON.date().replace(day=1)).answer(store).about
    assert invoice["complete_reason"] == "a client lacks some of its events"


def test_completeness_ends_where_numbers_do_not_show_it(store: Client) -> None:
    def complete(since: int = 0, caught_up_at: datetime | None = None) -> Completeness:
        return complete_until(store, minute(since), caught_up_at=caught_up_at)

    newest = "the newest event that has arrived"
    assert complete() == Completeness(None, "no event has arrived")

    # A client that stopped ends nothing, and neither does one whose clock is ahead.
    insert(store, [*sent("a", range(1, 31)), *sent("stopped", range(1, 4))])
    insert(store, sent("fast", [1], ts=minute(90), ingested_at=minute(31)))
    assert complete() == Completeness(minute(31), newest)
    assert complete(since=600) == Completeness(minute(31), newest)
    assert complete(caught_up_at=minute(40)) == Completeness(minute(40), "the sinks had no lag")
    assert complete(caught_up_at=minute(20)) == Completeness(minute(31), newest)

    # The earliest gap ends it, unless it is explained, or before what is asked for.
    insert(store, [*sent("b", [1, 2, 3, 8, 9, 12, 12]), *sent("c", [1, 2, 10])])
    assert complete() == Completeness(minute(2), "client c lacks its events 3 to 9")
    explain(store, "missing", "c", 3, 9)
    assert complete() == Completeness(minute(3), "client b lacks its events 4 to 7")
    assert complete(caught_up_at=minute(40)).until == minute(3)
    assert complete(since=9) == Completeness(minute(9), "client b lacks its events 10 to 11")
    assert complete(since=13) == Completeness(minute(31), newest)
    insert(store, sent("b", [4, 5, 6, 7, 10, 11], ingested_at=minute(31)))
    assert complete() == Completeness(minute(31), newest)

    # Nobody knows when the first events of a client were accepted, or what Kafka removed.
    insert(store, sent("d", [3]))
    lacks = "client d lacks its events 1 to 2, which may be of any time before its others"
    assert complete() == Completeness(None, lacks)
    explain(store, "missing", "d", 1, 2)
    store.insert(
        EXPIRED,
        [[USAGE_TOPIC, 3, 10, 19, minute(5)]],
        ["topic", "partition", "first", "last", "found_at"],
        database=DATABASE,
    )
    removed = "Kafka removed unread messages, which may be of any time: "
    assert complete() == Completeness(None, f"{removed}{USAGE_TOPIC}/3 offsets 10 to 19")
    assert complete().of_some() == Completeness(None, removed.removesuffix(": "))
    assert complete(since=6) == Completeness(minute(31), newest)
    explain(store, "expired", f"{USAGE_TOPIC}/3", 0, 30)
    assert complete() == Completeness(minute(31), newest)
