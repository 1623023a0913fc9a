"""`/metrics`: what all workers have answered, in Prometheus' text format."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from infra.api._generated.metrics import API_METRICS
from tests.api.server import ApiServer
from tests.api.test_events import CALL
from tests.broker import DevBroker
from tests.waiting import eventually

PREFIX = {metric.key: metric.name for metric in API_METRICS}


def scraped(client: httpx.Client) -> dict[tuple[str, ...], float]:
    """Returns the samples by their name and the values of their labels."""
    text = client.get("/metrics").text
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.mark.timeout(300)
def test_the_workers_are_counted_together_also_those_that_were_killed(
    broker: DevBroker, tmp_path: Path
) -> None:
    with ApiServer(tmp_path, broker.bootstrap, "--workers", "2") as api:
        token = api.new_key("svc")

        def send(body: object, status: int) -> None:
            with api.client(token) as client:
                assert client.post("/v1/events", json=body).status_code == status

        for _ in range(10):
            send([CALL] * 3, 202)
        send({}, 422)
        killed = api.workers()[0]
        api.kill_worker(killed)
        eventually(lambda: len(set(api.workers()) - {killed}) == 2)
        with api.client(token) as client:
            found = scraped(client)
    assert found[f"{PREFIX['taken']}_total",] == 30
    assert found[f"{PREFIX['requests']}_total", "202"] == 10
    refused = [value for name, value in found.items() if name[0] == f"{PREFIX['refused']}_total"]
    assert refused == [1]
    assert found[f"{PREFIX['request']}_count",] >= 11
    assert 0 < found[PREFIX["spool_share"],] < 0.5
