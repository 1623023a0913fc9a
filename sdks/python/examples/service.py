"""A service that records usage: each line of its standard input is work done for a customer.

EKA_KAFKA_BROKERS has the addresses of Kafka. At the end of the input, the service prints its
counters as one line.
"""

from __future__ import annotations

import json
import sys

from eka_usage import EkaClient, EkaError, ErrorContext

rejected: list[dict[str, str]] = []


def on_error(error: EkaError, context: ErrorContext) -> None:
    rejected.append({"code": context["code"], "text": str(error)})


with EkaClient("python-service", on_error=on_error) as client:
    for line in sys.stdin:
        client.record(**json.loads(line))

stats = client.stats()
counters = {"accepted": stats.accepted, "delivered": stats.delivered, "rejected": rejected}
sys.stdout.write(json.dumps(counters) + "\n")
