"""The demo runs, and detects events that are lost, duplicated or counted differently."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from tests.e2e import demo
from tests.e2e.comparison import EXPECTED, Totals, Usage, costs, differences, rejections, totals
from tests.e2e.services import Rejection, Report

CALL = ("ws-1", "api", "api_call")
SMS = ("ws-2", "comms", "sms")
DAY = {CALL: Usage(2, 0, Decimal("3.5"), Decimal(1)), SMS: Usage(1, 1)}
REPORTS = {
    name: Report(3, 3, [Rejection("queue.full", "the queue is full")]) for name in ("go", "python")
}


def found(**wrong: Usage | None) -> Totals:
    """Returns correct totals, except for the API calls of the languages in `wrong`."""
    rows = [(line, name, usage) for name in (EXPECTED, *REPORTS) for line, usage in DAY.items()]
    kept = [row for row in rows if row[0] != CALL or row[1] not in wrong]
    return totals([*kept, *((CALL, name, usage) for name, usage in wrong.items() if usage)])


def incomplete(**wrong: Usage | None) -> list[str]:
    """Returns the problems found in these totals, with invoices made from the same rows."""
    return demo.incomplete(REPORTS, found(**wrong), costs(found(**wrong), REPORTS))


def test_the_demo_ends_with_every_event_counted_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert demo.main(tmp_path) == 0
    printed = capsys.readouterr().out
    assert "killed    the sink" in printed
    assert "3 clients, 8694 events accepted: 0 missing, " in printed
    assert "agreed    expected, python, go, typescript are equal" in printed


def test_events_that_count_once_each_are_complete() -> None:
    assert incomplete() == []


def test_a_lost_event_is_detected() -> None:
    lost = Usage(1, 0, Decimal(1), Decimal(0))
    assert incomplete(go=lost) == ["go: 3 accepted, 3 delivered, 2 counted"]


def test_a_missing_total_is_detected() -> None:
    assert incomplete(go=None) == ["go: 3 accepted, 3 delivered, 1 counted"]


def test_a_duplicated_event_is_detected() -> None:
    duplicated = Usage(3, 0, Decimal(6), Decimal(2))
    assert incomplete(python=duplicated) == ["python: 3 accepted, 3 delivered, 4 counted"]


def test_an_invoice_that_differs_from_its_usage_is_reported() -> None:
    charged = {"ws-1": Decimal("2.5"), "ws-2": Decimal(0)}
    assert demo.incomplete(REPORTS, found(), charged) == ["ws-1: cost 2, 2.5 charged"]


def test_services_that_record_the_expected_usage_agree() -> None:
    assert differences(found(), rejections(REPORTS)) == []


def test_a_different_quantity_is_reported_with_its_row() -> None:
    wrong = found(go=Usage(2, 0, Decimal(3), Decimal("0.8")))
    (difference,) = differences(wrong, rejections(REPORTS))
    assert difference == (
        "ws-1 api api_call: expected 2 events, 0 of them not billed, quantity 3.5, cost 1; "
        "go 2 events, 0 of them not billed, quantity 3, cost 0.8; "
        "python 2 events, 0 of them not billed, quantity 3.5, cost 1"
    )


def test_a_call_that_only_one_language_rejects_is_reported() -> None:
    reports = {**REPORTS, "go": Report(3, 3, [])}
    assert differences(found(), rejections(reports)) == ["rejected with queue.full: go 0; python 1"]
