"""meter_lib 0.1.0, unchanged, from its call to the invoice; its meters are an example's catalog."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from tests.broker import DevBroker

ROOT = Path(__file__).resolve().parents[2]
# Runs in the project of the example, whose API, sink and store it uses.
PROGRAM = """
import json, os, subprocess, sys, time
from pathlib import Path
from infra.sink.migrate import migrate
from infra.sink.store import open_store
from meter_lib import post_ai_meter_usage, post_meter_usage
from tests.waiting import eventually

folder, brokers = Path(sys.argv[1]), os.environ["METER_KAFKA_BROKERS"]
keys, dsn, log = folder / "keys.json", f"chdb://{folder}/store", folder / "log"
api = [sys.executable, "-m", "infra.api"]
key = subprocess.run(
    [*api, "keys", "new", "--keys", keys, "--service", "scanner", "--workspace", "tenant_123"],
    stdout=subprocess.PIPE, text=True, check=True,
).stdout.strip()
with open_store(dsn) as store:
    migrate(store)
server = subprocess.Popen(
    [*api, "run", "--keys", keys, "--listen", "127.0.0.1:0", "--drain-seconds", "0"],
    stdout=subprocess.PIPE, text=True,
)
sink = None
try:
    url = json.loads(server.stdout.readline())["address"] + "/"
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
    command = [sys.executable, "-m", "infra.sink", "run", "--brokers", brokers, "--dsn", dsn]
    command += ["--batch-seconds", "0.2", "--progress-seconds", "0.2"]
    with log.open("w") as output:
        sink = subprocess.Popen(command, stderr=output)
    eventually(lambda: "stored 4" in log.read_text(), log.read_text)
finally:
    for process in filter(None, (server, sink)):
        process.terminate()
        process.wait()
with open_store(dsn) as store:
    query = (
        "SELECT metric_type, toString(sum(quantity)), sum(events) FROM meter_usage.usage_by_month "
        "GROUP BY metric_type ORDER BY metric_type"
    )
    lines = store.query(query).result_rows
print(json.dumps([[answer is not None for answer in answers], lines]))
"""


@pytest.mark.timeout(300)
def test_its_calls_reach_the_invoice(broker: DevBroker, tmp_path: Path) -> None:
    project = tmp_path / "project"
    example = str(ROOT / "schema/examples/meter-lib")
    command = [sys.executable, "-m", "codegen", "init", str(project), "--schema", example]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    topics = [NewTopic(f"meter.usage.events{suffix}", 1, 1) for suffix in ("", ".dlq")]
    admin = AdminClient({"bootstrap.servers": broker.bootstrap})
    for created in admin.create_topics(topics).values():
        created.result()
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path)],
        cwd=project,
        env={
            **os.environ,
            "PYTHONPATH": f"{project}{os.pathsep}{project / 'sdks/python/src'}",
            "METER_KAFKA_BROKERS": broker.bootstrap,
            "METER_SPOOL_DIR": str(tmp_path / "spool"),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answered, lines = json.loads(done.stdout.splitlines()[-1])
    assert answered == [True, True, False, False, True, True]
    assert lines == [["on.time_hours", "0.5", 1], ["processed.basic", "25.5", 2]]
