"""OpenMeter's Python SDK, unchanged, sends CloudEvents."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime

from tests.api.server import ApiServer
from tests.api.test_events import stored
from tests.broker import DevBroker

# Its import costs seconds, and warns of what Python deprecates.
PROGRAM = """
import sys
from cloudevents.conversion import to_dict
from cloudevents.http import CloudEvent
from corehttp.exceptions import HttpResponseError
from openmeter import Client

address, token, now = sys.argv[1:]
client = Client(endpoint=address, token=token)
for value in ("1.25", "-1"):
    event = CloudEvent(
        attributes={
            "id": f"om-{value}",
            "source": "scribe",
            "specversion": "1.0",
            "type": "ekascribe.transcription_minute",
            "subject": "mine",
            "time": now,
        },
        data={"value": value, "region": "ap-south-1"},
    )
    try:
        client.events.ingest_event(to_dict(event))
        client.events.ingest_events([to_dict(event)])
    except HttpResponseError as error:
        print(error.status_code)
"""


def test_its_events_arrive_and_it_learns_of_errors(api: ApiServer, broker: DevBroker) -> None:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    arguments = [api.address, api.new_key("svc"), now]
    command = [sys.executable, "-W", "ignore", "-c", PROGRAM, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["422"]
    [event] = stored(broker, '["scribe", "om-1.25"]')
    assert (str(event.quantity), event.metadata) == ("1.25", '{"region":"ap-south-1"}')
