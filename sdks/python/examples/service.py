"""A service that records usage: each line of its standard input is work done for a customer.

EKA_KAFKA_BROKERS has the addresses of Kafka. At the end of the input, the service prints its
counters as one line.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from eka_usage import EkaClient, EkaError, ErrorContext, find_metric

rejected: list[dict[str, str]] = []


def on_error(error: EkaError, context: ErrorContext) -> None:
    rejected.append({"code": context["code"], "text": str(error)})


def record(client: EkaClient, work: dict[str, Any]) -> None:
    """Records one line: an event, amounts of one piece of work, a session, or a mistake."""
    kind = work.pop("kind", "record")
    if kind == "record":
        client.record(**work)
        return
    workspace, product = work["workspace_id"], work["product"]
    if kind == "amounts":
        named = [(find_metric(product, name), *amount) for name, *amount in work["amounts"]]
        amounts = [(metric, *amount) for metric, *amount in named if metric is not None]
        client.record_amounts(workspace, amounts, event_id=client.new_event_id())
    elif (metric := find_metric(product, work["metric_type"])) is not None:
        if kind == "session":
            session = client.new_event_id()
            client.session_start(workspace, metric, session, at=work["started_at"])
            client.session_end(workspace, metric, session, at=work["ended_at"])
        elif event_id := client.record_metric(workspace, metric):
            client.void(workspace, metric, event_id, work["reason"])


with EkaClient("python-service", on_error=on_error) as client:
    for line in sys.stdin:
        record(client, json.loads(line))

stats = client.stats()
counters = {"accepted": stats.accepted, "delivered": stats.delivered, "rejected": rejected}
sys.stdout.write(json.dumps(counters) + "\n")
