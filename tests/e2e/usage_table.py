"""The table that an invoice is made of: billed usage by workspace, product and metric type."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from eka_usage import UsageEvent, find_metric

_HEAD = ("workspace", "product", "metric type", "events", "not billed", "quantity", "unit", "cost")
_LEFT = frozenset({"workspace", "product", "metric type", "unit"})


@dataclass
class Usage:
    """The sums of some events; what is not billed is counted, and adds nothing."""

    events: int = 0
    not_billed: int = 0
    quantity: Decimal = Decimal(0)
    cost: Decimal = Decimal(0)

    def add(self, event: UsageEvent) -> None:
        """Counts one more event."""
        self.events += 1
        if event.is_billable:
            self.quantity += event.quantity
            self.cost += event.quantity * (event.unit_cost or 0)
        else:
            self.not_billed += 1


def usage_table(events: Iterable[UsageEvent]) -> str:
    """Rows in the order of the catalog's names, a total after each workspace, and one for all."""
    usages: dict[tuple[str, str, str], Usage] = defaultdict(Usage)
    totals: dict[str, Usage] = defaultdict(Usage)
    for event in events:
        for usage in (
            usages[event.workspace_id, event.product, event.metric_type],
            totals[event.workspace_id],
            totals[""],
        ):
            usage.add(event)
    rows = []
    for workspace in sorted(totals.keys() - {""}):
        for (owner, product, metric_type), usage in sorted(
            usages.items(), key=lambda item: item[0]
        ):
            if owner == workspace:
                metric = find_metric(product, metric_type)
                unit = metric.unit if metric else "?"
                rows.append(_row((workspace, product, metric_type), usage, unit))
        rows.append(_row((workspace, "total", ""), totals[workspace]))
    rows.append(_row(("all", "total", ""), totals[""]))
    return _aligned(rows)


def _row(names: tuple[str, str, str], usage: Usage, unit: str = "") -> tuple[str, ...]:
    # Minutes and messages have no sum: a total has no quantity.
    quantity = f"{usage.quantity:,.2f}" if unit else ""
    return (
        *names,
        f"{usage.events:,}",
        f"{usage.not_billed:,}",
        quantity,
        unit,
        f"{usage.cost:,.2f}",
    )


def _aligned(rows: Sequence[tuple[str, ...]]) -> str:
    widths = [max(map(len, column)) for column in zip(_HEAD, *rows, strict=True)]
    lines = [_line(row, widths) for row in (_HEAD, tuple("─" * width for width in widths), *rows)]
    return "\n".join(lines)


def _line(row: tuple[str, ...], widths: list[int]) -> str:
    cells = zip(_HEAD, row, widths, strict=True)
    return "  ".join(
        cell.ljust(width) if name in _LEFT else cell.rjust(width) for name, cell, width in cells
    ).rstrip()
