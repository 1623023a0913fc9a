"""The whole line in one window: catalog, SDK, Kafka, and the table that an invoice is made of.

A service records a few thousand events of every metric type of the catalog, a handful of them wrong
on purpose. They are read back from the broker and compared with what the client says it delivered.
"""

from __future__ import annotations

import random
import sys
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from eka_usage import (
    CATALOG_VERSION,
    METRIC_TYPES,
    PRODUCTS,
    STATUSES,
    EkaClient,
    EkaError,
    ErrorContext,
    Metric,
    Stats,
    UsageEvent,
    find_metric,
)

from tests.broker import DevBroker
from tests.e2e.reader import read_events
from tests.e2e.usage_table import usage_table

WORKSPACES = ("ws-aster", "ws-birch", "ws-cedar")
EVENTS = 40  # of each metric type, in each workspace


def record_usage(client: EkaClient) -> list[str]:
    """Events as a day brings them; the ids of those that were accepted."""
    day = random.Random(1)  # the same day in every run
    accepted: list[str | None] = []
    for workspace in WORKSPACES:
        for product, metric_types in METRIC_TYPES.items():
            for metric_type in metric_types:
                metric = find_metric(product, metric_type)
                assert metric is not None
                accepted += [record_one(client, day, workspace, metric) for _ in range(EVENTS)]
    return [event_id for event_id in accepted if event_id is not None]


def record_one(client: EkaClient, day: random.Random, workspace: str, metric: Metric) -> str | None:
    """One event of a metric type, now and then one that failed."""
    return client.record_metric(
        workspace,
        metric,
        day.choice((1, day.randint(2, 60), round(day.uniform(0.05, 30), 2))),
        day.choices(STATUSES, weights=(20, *(1,) * len(STATUSES[1:])))[0],
        unit_cost=day.choice((None, Decimal("0.0125"), 0.4)),
        metadata={"request": day.randrange(10**6)},
    )


def record_mistakes(client: EkaClient) -> None:
    """What services get wrong; none of it is accepted, and none of it raises."""
    product, other = PRODUCTS[0], PRODUCTS[1]
    metric_type = METRIC_TYPES[product][0]
    record: Any = client.record  # type checkers know its mistakes
    too_old = datetime.now(UTC) - timedelta(days=100)
    record("ws-aster", product.upper(), metric_type)
    record("ws-aster", product, metric_type[:-1])
    record("ws-aster", other, metric_type)
    record("ws-aster", product, metric_type, status="done")
    record("ws-aster", product, metric_type, -1)
    record("ws-aster", product, metric_type, float("nan"))
    record("  ", product, metric_type)
    record("ws-aster", product, metric_type, occurred_at=too_old)
    record("ws-aster", product, metric_type, event_id="")


def prove(accepted: Sequence[str], stats: Stats, events: Sequence[UsageEvent]) -> list[str]:
    """What is wrong, in words; nothing if every accepted event was read exactly once."""
    faults = []
    read = Counter(event.event_id for event in events)
    if missing := set(accepted) - read.keys():
        faults.append(f"{len(missing)} accepted events were not read")
    if doubled := [event_id for event_id, count in read.items() if count > 1]:
        faults.append(f"{len(doubled)} events were read more than once")
    if not stats.accepted == stats.delivered == len(events):
        faults.append(f"{stats.accepted} accepted, {stats.delivered} delivered, {len(events)} read")
    for instance in {event.instance_id for event in events}:
        numbers = sorted(event.seq for event in events if event.instance_id == instance)
        if numbers != list(range(1, len(numbers) + 1)):
            faults.append(f"instance {instance} has gaps in its numbers")
    return faults


def main() -> int:
    """Tell the story; 0 if nothing was lost or doubled."""
    mistakes: list[tuple[str, str]] = []

    def heard(error: EkaError, context: ErrorContext) -> None:
        mistakes.append((context["code"], str(error)))

    with DevBroker() as broker:
        print(f"broker    {broker.bootstrap}, topics {', '.join(broker.topics)}")
        client = EkaClient("demo", broker.bootstrap, on_error=heard)
        accepted = record_usage(client)
        record_mistakes(client)
        client.shutdown()
        stats = client.stats()
        events = read_events(broker.bootstrap)

    print(f"catalog   {CATALOG_VERSION}: {sum(map(len, METRIC_TYPES.values()))} metric types\n")
    print(usage_table(events))
    print(f"\nrefused   {sum(stats.rejected.values())} calls")
    for code, text in mistakes:
        print(f"  {code:22} {text}")
    faults = prove(accepted, stats, events)
    print(f"\naccepted  {stats.accepted}\ndelivered {stats.delivered}\nread      {len(events)}")
    print("proof     " + ("; ".join(faults) or "every seq of every instance is there, each once"))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
