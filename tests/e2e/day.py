"""A day of usage: the work that every service of the demo records, as it reads it, by lines."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

from eka_usage import METRIC_TYPES, PRODUCTS, STATUSES
from eka_usage._generated.catalog import UNIT_NANOSECONDS

WORKSPACES = ("ws-aster", "ws-birch", "ws-cedar")
EVENTS = 40  # of each metric type, in each workspace

Call = dict[str, Any]


def usage() -> list[Call]:
    """Returns usage of every metric type in every workspace, some of it failed."""
    day = random.Random(1)  # the same day in every run
    return [
        {
            "workspace_id": workspace,
            "product": product,
            "metric_type": metric_type,
            "quantity": day.choice((1, day.randint(2, 60), round(day.uniform(0.05, 30), 2))),
            "status": day.choices(STATUSES, weights=(20, *(1,) * len(STATUSES[1:])))[0],
            "unit_cost": day.choice((None, 0.0125, 0.4)),
            "metadata": {"request": day.randrange(10**6)},
        }
        for workspace in WORKSPACES
        for product, metric_types in METRIC_TYPES.items()
        for metric_type in metric_types
        for _ in range(EVENTS)
    ]


def other_work() -> list[Call]:
    """Returns work of two amounts, sessions, and events that are taken back, in every workspace."""
    (timed, measured), nanoseconds = next(iter(UNIT_NANOSECONDS.items()))
    started = datetime.now(UTC) - timedelta(hours=1)
    ended = started + timedelta(microseconds=nanoseconds / 1000) * 1.5
    product = next(name for name, metric_types in METRIC_TYPES.items() if len(metric_types) > 1)
    first, second = METRIC_TYPES[product][:2]
    session = {"started_at": started.isoformat(), "ended_at": ended.isoformat()}
    return [
        {"workspace_id": workspace, **work}
        for workspace in WORKSPACES
        for work in (
            {
                "kind": "amounts",
                "product": product,
                "amounts": [[first, 1830, 0.00366], [second, 212, 0.00848]],
            },
            {"kind": "session", "product": timed, "metric_type": measured, **session},
            {"kind": "mistake", "product": product, "metric_type": first, "reason": "sent twice"},
        )
    ]


def mistakes() -> list[Call]:
    """Returns invalid calls; a client must reject every one."""
    valid = usage()[0]
    too_old = datetime.now(UTC) - timedelta(days=100)
    invalid: tuple[Call, ...] = (
        {"product": valid["product"].upper()},
        {"metric_type": valid["metric_type"][:-1]},
        {"product": PRODUCTS[1]},
        {"status": "done"},
        {"quantity": -1},
        {"unit_cost": -0.4},
        {"workspace_id": "  "},
        {"occurred_at": too_old.isoformat()},
        {"event_id": ""},
    )
    return [{**valid, **arguments} for arguments in invalid]
