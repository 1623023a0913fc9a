"""Compares what the services of several languages recorded with the calls they were given."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Self

from eka_usage import BILLABLE, find_metric
from eka_usage._generated.catalog import UNIT_NANOSECONDS

from infra.sink.output import text
from tests.e2e.services import Report

EXPECTED = "expected"  # a column beside the languages, computed from the calls
_NAMES = ("product", "metric type", "unit")


@dataclass
class Usage:
    """The totals of some events; one that is not billed counts, but adds no quantity or cost."""

    events: int = 0
    not_billed: int = 0
    quantity: Decimal = Decimal(0)
    cost: Decimal = Decimal(0)

    def __iadd__(self, other: Usage) -> Self:
        self.events += other.events
        self.not_billed += other.not_billed
        self.quantity += other.quantity
        self.cost += other.cost
        return self

    def __str__(self) -> str:
        return (
            f"{self.events} events, {self.not_billed} of them not billed, "
            f"quantity {text(self.quantity)}, cost {text(self.cost)}"
        )


# By workspace, product and metric type, the usage that each language's service recorded.
Totals = Mapping[tuple[str, str, str], Mapping[str, Usage]]


def totals(usages: Iterable[tuple[tuple[str, str, str], str, Usage]]) -> Totals:
    """Adds up the usage of each line by language."""
    found: dict[tuple[str, str, str], dict[str, Usage]] = defaultdict(lambda: defaultdict(Usage))
    for line, language, usage in usages:
        found[line][language] += usage
    return found


def expected(
    calls: Iterable[Mapping[str, Any]],
) -> Iterator[tuple[tuple[str, str, str], str, Usage]]:
    """Yields the usage that work must result in, computed from its lines alone."""
    for call in calls:
        kind = call.get("kind")
        if kind == "amounts":
            for metric_type, quantity, cost in call["amounts"]:
                line = (call["workspace_id"], call["product"], metric_type)
                yield line, EXPECTED, Usage(1, 0, Decimal(str(quantity)), Decimal(str(cost)))
            continue
        line = (call["workspace_id"], call["product"], call["metric_type"])
        if kind == "session":
            yield line, EXPECTED, Usage(1, 0, _duration(call))
        elif kind == "mistake":
            continue  # it is taken back
        elif BILLABLE[call["status"]]:
            quantity = Decimal(str(call["quantity"]))
            cost = quantity * Decimal(str(call["unit_cost"] or 0))
            yield line, EXPECTED, Usage(1, 0, quantity, cost)
        else:
            yield line, EXPECTED, Usage(1, 1)


def _duration(session: Mapping[str, Any]) -> Decimal:
    """Returns how long a session was, in the unit of its metric type."""
    started, ended = (datetime.fromisoformat(session[at]) for at in ("started_at", "ended_at"))
    microseconds = Decimal((ended - started) // timedelta(microseconds=1))
    return microseconds * 1000 / UNIT_NANOSECONDS[session["product"], session["metric_type"]]


def beside(calls: Iterable[Mapping[str, Any]]) -> int:
    """Returns how many events of this work are accepted and do not count by themselves.

    A session has two boundaries and counts once; a mistake and what takes it back do not count.
    """
    return sum({"session": 1, "mistake": 2}.get(call.get("kind", ""), 0) for call in calls)


def costs(found: Totals, languages: Iterable[str]) -> Mapping[str, Decimal]:
    """Returns the cost of each workspace, over the services of these languages."""
    total: dict[str, Decimal] = defaultdict(Decimal)
    names = list(languages)
    for (workspace, *_), usages in found.items():
        total[workspace] += sum((usages[name].cost for name in names if name in usages), Decimal(0))
    return total


def rejections(reports: Mapping[str, Report]) -> Mapping[str, Counter[str]]:
    """Returns how many calls each language rejected, by error code."""
    return {
        name: Counter(call.code for call in report.rejected) for name, report in reports.items()
    }


def differences(found: Totals, rejected: Mapping[str, Counter[str]]) -> list[str]:
    """Returns a line for each total that is not the same everywhere; empty if all agree."""
    lines: list[str] = []
    for line, usages in sorted(found.items()):
        by_name = {name: str(usages.get(name, Usage())) for name in (EXPECTED, *rejected)}
        lines += _difference(" ".join(line), by_name)
    for code in sorted(set().union(*rejected.values())):
        lines += _difference(
            f"rejected with {code}", {name: str(codes[code]) for name, codes in rejected.items()}
        )
    return lines


def _difference(what: str, by_name: Mapping[str, str]) -> Iterator[str]:
    if len(set(by_name.values())) > 1:
        yield f"{what}: " + "; ".join(f"{name} {total}" for name, total in by_name.items())


def table(found: Totals, rejected: Mapping[str, Counter[str]]) -> str:
    """Formats a row for each metric type and the totals, with a column for each language."""
    columns = (EXPECTED, *rejected)
    by_metric: dict[tuple[str, str], dict[str, Usage]] = defaultdict(lambda: defaultdict(Usage))
    everything: dict[str, Usage] = {name: Usage() for name in columns}
    for (_, product, metric_type), usages in found.items():
        for name, usage in usages.items():
            by_metric[product, metric_type][name] += usage
            everything[name] += usage
    rows = [
        (*names, _unit(*names), *(f"{usages[name].quantity:,.2f}" for name in columns))
        for names, usages in sorted(by_metric.items())
    ]
    sums = everything.values()
    rows += [
        ("all", "events", "", *(f"{usage.events:,}" for usage in sums)),
        ("", "not billed", "", *(f"{usage.not_billed:,}" for usage in sums)),
        ("", "cost", "", *(f"{usage.cost:,.4f}" for usage in sums)),
    ]
    rows += [
        ("rejected", code, "call", "", *(str(codes[code]) for codes in rejected.values()))
        for code in sorted(set().union(*rejected.values()))
    ]
    return _aligned((*_NAMES, *columns), rows)


def _unit(product: str, metric_type: str) -> str:
    metric = find_metric(product, metric_type)
    return metric.unit if metric else "?"


def _aligned(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    lines = []
    for row in (head, ["─" * width for width in widths], *rows):
        cells = list(zip(row, widths, strict=True))
        left = [cell.ljust(width) for cell, width in cells[: len(_NAMES)]]
        right = [cell.rjust(width) for cell, width in cells[len(_NAMES) :]]
        lines.append("  ".join((*left, *right)))
    return "\n".join(lines)
