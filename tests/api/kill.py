"""Kills the API under load, and counts what was acknowledged and what reached Kafka.

python -m tests.api.kill [KILLS]
"""

from __future__ import annotations

import itertools
import random
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx

from tests.api.server import ApiServer
from tests.api.test_events import CALL
from tests.broker import DevBroker
from tests.e2e.reader import read_events
from tests.waiting import eventually


def kill_under_load(broker: DevBroker, folder: Path, kills: int) -> int:
    """Kills a worker and the whole server in turn while clients send.

    Returns:
        How many events were acknowledged; each of them is in Kafka.
    """
    acknowledged: set[str] = set()
    stopped = threading.Event()
    chance = random.Random(kills)
    with (
        ApiServer(folder, broker.bootstrap, "--workers", "2") as api,
        ThreadPoolExecutor(4) as pool,
    ):
        token = api.new_key("svc")

        def load(name: str) -> None:
            for number in itertools.count():
                calls = [{**CALL, "id": f"{name}-{number}-{place}"} for place in range(5)]
                if stopped.is_set():
                    return
                try:
                    with api.client(token) as client:
                        response = client.post("/v1/events", json=calls)
                except httpx.TransportError:
                    continue  # not acknowledged
                assert response.status_code == 202, response.text
                acknowledged.update(response.json()["ids"])

        def wait_for(more: int) -> None:
            goal = len(acknowledged) + more
            eventually(lambda: len(acknowledged) > goal or any(each.done() for each in loads))

        loads = [pool.submit(load, name) for name in "abcd"]
        try:
            for number in range(kills):
                wait_for(chance.randrange(400))
                if number % 2:
                    api.kill()
                    api.start()
                else:
                    api.kill_worker(chance.choice(api.workers()))
            wait_for(400)
        finally:
            stopped.set()
        for each in loads:
            each.result()
        found: set[str] = set()

        def all_arrived() -> bool:
            found.update(event.event_id for event in read_events(broker.bootstrap))
            return acknowledged <= found

        eventually(all_arrived, lambda: f"{len(acknowledged - found)} of {len(acknowledged)} lost")
    return len(acknowledged)


def main(kills: int) -> None:
    """Prints how many events were acknowledged, once all of them are in Kafka."""
    with DevBroker() as broker, tempfile.TemporaryDirectory() as folder:
        acknowledged = kill_under_load(broker, Path(folder), kills)
    print(f"the API was killed {kills} times: {acknowledged:,} events acknowledged, 0 lost")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
