"""meter_lib 0.1.0, unchanged, from its call to the invoice; its meters are an example's catalog."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.api.example import run_in_example
from tests.broker import DevBroker

PROGRAM = """
from meter_lib import post_ai_meter_usage, post_meter_usage

keys = folder / "keys.json"
new = [*api, "keys", "new", "--keys", keys, "--service", "scanner", "--workspace", "tenant_123"]
key = subprocess.run(new, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
run = ("run", "--keys", keys, "--listen", "127.0.0.1:0", "--drain-seconds", "0")
with started(*run) as address:
    url = address + "/"
    device, of = "us-east-ing1", {"kafka_url": url, "portal_url": url, "api_key": key}
    volume = "page.processed.basic"
    answers = [
        post_meter_usage("tenant_123", device, volume, total_usage=24, metadata={"a": "b"}, **of),
        post_meter_usage("tenant_123", device, volume, total_usage=1.5, **of),
        post_meter_usage("tenant_123", device, volume, total_usage=-1, **of),
        post_meter_usage("other", device, volume, total_usage=5, **of),
    ]
    now = int(time.time() * 1000)
    hours = "chat.on.time_hours"
    answers += [
        post_ai_meter_usage("tenant_123", device, hours, start_time=now - 1_800_000, **of),
        post_ai_meter_usage("tenant_123", device, hours, end_time=now, **of),
    ]
    stored(4)
print(json.dumps([[answer is not None for answer in answers], invoice()]))
"""


@pytest.mark.timeout(300)
def test_its_calls_reach_the_invoice(broker: DevBroker, tmp_path: Path) -> None:
    answered, lines = run_in_example("meter-lib", PROGRAM, broker, tmp_path)
    assert answered == [True, True, False, False, True, True]
    assert lines == [["on.time_hours", "0.5", 1], ["processed.basic", "25.5", 2]]
