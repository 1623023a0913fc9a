"""A service that reports usage: each line of its standard input is work done for a customer.

EKA_KAFKA_BROKERS says where Kafka is. When the input ends, one line says what became of the work.
"""

from __future__ import annotations

import json
import sys

from eka_usage import EkaClient, EkaError, ErrorContext

refused: list[dict[str, str]] = []


def heard(error: EkaError, context: ErrorContext) -> None:
    refused.append({"code": context["code"], "text": str(error)})


with EkaClient("python-service", on_error=heard) as client:
    for line in sys.stdin:
        client.record(**json.loads(line))

stats = client.stats()
books = {"accepted": stats.accepted, "delivered": stats.delivered, "refused": refused}
sys.stdout.write(json.dumps(books) + "\n")
