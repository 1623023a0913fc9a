"""A project of an example's catalog, in which a test runs a client from its call to the invoice."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from tests.broker import DevBroker

ROOT = Path(__file__).resolve().parents[2]
# Runs before the test's own program, which has `folder`, `api`, `started`, `stored` and `invoice`.
_BEGINNING = r"""
import json, os, re, subprocess, sys, time
from contextlib import contextmanager
from pathlib import Path
from infra.sink._generated.fields import DATABASE
from infra.sink.migrate import migrate
from infra.sink.store import open_store
from tests.waiting import eventually

folder, brokers = Path(sys.argv[1]), sys.argv[2]
dsn, log = f"chdb://{folder}/store", folder / "log"
api = [sys.executable, "-m", "infra.api"]
with open_store(dsn) as store:
    migrate(store)

@contextmanager
def ended(process):
    try:
        yield process
    finally:
        process.terminate()
        process.wait()

@contextmanager
def started(*arguments):
    with ended(subprocess.Popen([*api, *arguments], stdout=subprocess.PIPE, text=True)) as process:
        yield json.loads(process.stdout.readline())["address"]

def stored(count):
    command = [sys.executable, "-m", "infra.sink", "run", "--brokers", brokers, "--dsn", dsn]
    command += ["--batch-seconds", "0.2", "--progress-seconds", "0.2"]
    with log.open("w") as output, ended(subprocess.Popen(command, stderr=output)):
        eventually(lambda: has_stored(count), log.read_text)

# Reports whether the sink has stored so many events, and knows of no more.
def has_stored(count):
    lines = re.findall(r"stored (\d+), .*lag 0$", log.read_text(), re.MULTILINE)
    return bool(lines) and int(lines[-1]) >= count

def invoice():
    with open_store(dsn) as store:
        return store.query(
            "SELECT metric_type, toString(sum(quantity)), sum(events) "
            f"FROM {DATABASE}.usage_by_month GROUP BY metric_type ORDER BY metric_type"
        ).result_rows
"""


def run_in_example(example: str, program: str, broker: DevBroker, folder: Path) -> Any:
    """Returns what a program prints, as JSON, that runs in a project of this example."""
    project = folder / "project"
    schema = ROOT / "schema/examples" / example
    command = [sys.executable, "-m", "codegen", "init", str(project), "--schema", str(schema)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    catalog = (schema / "catalog.yaml").read_text("utf-8")
    [prefix] = [line.split()[1] for line in catalog.splitlines() if line.startswith("env_prefix:")]
    name = prefix.rstrip("_").lower()
    topics = [NewTopic(f"{name}.usage.events{suffix}", 1, 1) for suffix in ("", ".dlq")]
    admin = AdminClient({"bootstrap.servers": broker.bootstrap})
    for created in admin.create_topics(topics).values():
        created.result()
    done = subprocess.run(
        [sys.executable, "-c", _BEGINNING + program, str(folder), broker.bootstrap],
        cwd=project,
        env={
            **os.environ,
            "PYTHONPATH": f"{project}{os.pathsep}{project / 'sdks/python/src'}",
            f"{prefix}KAFKA_BROKERS": broker.bootstrap,
            f"{prefix}SPOOL_DIR": str(folder / "spool"),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])
