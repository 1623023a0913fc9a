"""The demo runs, and would notice if something were lost, doubled, or counted otherwise."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from eka_usage import EkaClient, UsageEvent
from eka_usage.testing import InMemoryProducer

from tests.e2e import demo
from tests.e2e.comparison import differences, refusals, totals
from tests.e2e.services import Books, Refused

REFUSED = [Refused("queue.full", "so many events wait for Kafka")]


@pytest.fixture
def day() -> list[UsageEvent]:
    """What a service in each of two languages recorded: the same three events."""
    events = []
    for language in ("go", "python"):
        producer = InMemoryProducer()
        with EkaClient("shop", producer=producer) as client:
            client.record("ws-1", "api", "api_call")
            client.record("ws-1", "api", "api_call", 2.5, unit_cost=0.4)
            client.record("ws-1", "comms", "sms", 3, "error")
        events += [msgspec.structs.replace(it, sdk_language=language) for it in producer]
    return events


@pytest.fixture
def books() -> dict[str, Books]:
    """What the two services say of it."""
    return {language: Books(3, 3, REFUSED) for language in ("go", "python")}


def test_the_demo_tells_its_story(capsys: pytest.CaptureFixture[str]) -> None:
    assert demo.main() == 0
    assert "agreed    python, go, typescript say the same" in capsys.readouterr().out


def test_what_arrived_once_each_is_complete(day: list[UsageEvent], books: dict[str, Books]) -> None:
    assert demo.incomplete(books, day) == []


def test_a_lost_event_is_seen_in_the_books_and_in_the_numbers(
    day: list[UsageEvent], books: dict[str, Books]
) -> None:
    instance = day[0].instance_id
    assert demo.incomplete(books, day[1:]) == [
        "go: 3 accepted, 3 delivered, 2 read",
        f"go: instance {instance} has gaps in its numbers",
    ]


def test_a_doubled_event_is_seen(day: list[UsageEvent], books: dict[str, Books]) -> None:
    assert "1 events were read twice" in demo.incomplete(books, [*day, day[-1]])


def test_services_that_recorded_the_same_agree(
    day: list[UsageEvent], books: dict[str, Books]
) -> None:
    assert differences(totals(day), refusals(books)) == []


def test_another_quantity_is_named_with_its_row(
    day: list[UsageEvent], books: dict[str, Books]
) -> None:
    day[1].quantity = Decimal(2)
    (difference,) = differences(totals(day), refusals(books))
    assert difference == (
        "ws-1 api api_call: go 2 events, 0 of them not billed, quantity 3, cost 0.8; "
        "python 2 events, 0 of them not billed, quantity 3.5, cost 1.00"
    )


def test_a_call_that_one_language_alone_refused_is_named(
    day: list[UsageEvent], books: dict[str, Books]
) -> None:
    books["go"].refused = []
    assert differences(totals(day), refusals(books)) == ["refused with queue.full: go 0; python 1"]
