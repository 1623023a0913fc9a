"""The demo runs, and would notice if something were lost, doubled, or counted otherwise."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from tests.e2e import demo
from tests.e2e.comparison import GIVEN, Totals, Usage, costs, differences, refusals, totals
from tests.e2e.services import Books, Refused

CALL = ("ws-1", "api", "api_call")
SMS = ("ws-2", "comms", "sms")
DAY = {CALL: Usage(2, 0, Decimal("3.5"), Decimal(1)), SMS: Usage(1, 1)}
BOOKS = {name: Books(3, 3, [Refused("queue.full", "so many wait")]) for name in ("go", "python")}


def found(**wrong: Usage | None) -> Totals:
    """What the store has when all is right, but for the API calls of the languages named."""
    rows = [(line, name, usage) for name in (GIVEN, *BOOKS) for line, usage in DAY.items()]
    kept = [row for row in rows if row[0] != CALL or row[1] not in wrong]
    return totals([*kept, *((CALL, name, usage) for name, usage in wrong.items() if usage)])


def incomplete(**wrong: Usage | None) -> list[str]:
    """What is wrong with it, where the invoices are made of the same rows."""
    return demo.incomplete(BOOKS, found(**wrong), costs(found(**wrong), BOOKS))


def test_the_demo_tells_its_story(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert demo.main(tmp_path) == 0
    said = capsys.readouterr().out
    assert "killed    the sink" in said
    assert "3 clients, 8640 events accepted: 0 missing, " in said
    assert "agreed    given, python, go, typescript are the same" in said


def test_what_counts_once_each_is_complete() -> None:
    assert incomplete() == []


def test_a_lost_event_is_seen_in_the_books() -> None:
    lost = Usage(1, 0, Decimal(1), Decimal(0))
    assert incomplete(go=lost) == ["go: 3 accepted, 3 delivered, 2 counted"]


def test_usage_that_is_not_there_at_all_is_seen() -> None:
    assert incomplete(go=None) == ["go: 3 accepted, 3 delivered, 1 counted"]


def test_a_doubled_event_is_seen() -> None:
    doubled = Usage(3, 0, Decimal(6), Decimal(2))
    assert incomplete(python=doubled) == ["python: 3 accepted, 3 delivered, 4 counted"]


def test_an_invoice_that_is_not_the_sum_of_the_usage_is_named() -> None:
    charged = {"ws-1": Decimal("2.5"), "ws-2": Decimal(0)}
    assert demo.incomplete(BOOKS, found(), charged) == ["ws-1: cost 2, 2.5 charged"]


def test_services_that_recorded_what_they_were_given_agree() -> None:
    assert differences(found(), refusals(BOOKS)) == []


def test_another_quantity_is_named_with_its_row() -> None:
    wrong = found(go=Usage(2, 0, Decimal(3), Decimal("0.8")))
    (difference,) = differences(wrong, refusals(BOOKS))
    assert difference == (
        "ws-1 api api_call: given 2 events, 0 of them not billed, quantity 3.5, cost 1; "
        "go 2 events, 0 of them not billed, quantity 3, cost 0.8; "
        "python 2 events, 0 of them not billed, quantity 3.5, cost 1"
    )


def test_a_call_that_one_language_alone_refused_is_named() -> None:
    books = {**BOOKS, "go": Books(3, 3, [])}
    assert differences(found(), refusals(books)) == ["refused with queue.full: go 0; python 1"]
