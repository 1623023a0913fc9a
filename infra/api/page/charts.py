"""The numbers of a chart: they are rounded, as they are drawn and not read."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from infra.sink._generated.fields import METRIC_TYPE, PRODUCT

_MOST = 6


def by_day(rows: Sequence[Mapping[str, Any]]) -> str | None:
    """Returns the events of each day as JSON, for the metric types with most; None without any."""
    totals: Counter[str] = Counter()
    days: dict[str, Counter[str]] = {}
    for row in rows:
        name = f"{row[PRODUCT]}.{row[METRIC_TYPE]}"
        totals[name] += row["events"]
        days.setdefault(row["day"], Counter())[name] += row["events"]
    if not days:
        return None
    names = [name for name, _ in totals.most_common(_MOST)]
    first, last = date.fromisoformat(min(days)), date.fromisoformat(max(days))
    every = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    series = [[days.get(f"{day}", Counter())[name] for day in every] for name in names]
    return json.dumps({"days": [f"{day}" for day in every], "names": names, "series": series})
