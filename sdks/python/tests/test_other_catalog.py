"""The runtime with another company's catalog: no hand-written code depends on our products."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from sdks.python.tests.support import REPOSITORY

pytestmark = pytest.mark.workspace

FREIGHT = REPOSITORY / "schema" / "examples" / "freight"

PRELUDE = """
import json, os
from decimal import Decimal
import tidal_usage
from tidal_usage import TidalClient, PRODUCTS, STATUSES, LOG_LEVELS, USAGE_TOPIC, metrics
from tidal_usage.testing import InMemoryProducer

errors, sent = [], []

class Producer(InMemoryProducer):
    def produce(self, *, topic, key, value, on_delivery):
        assert topic == USAGE_TOPIC
        sent.append(json.loads(value))
        super().produce(topic=topic, key=key, value=value, on_delivery=on_delivery)

client = TidalClient("harbour", producer=Producer(), on_error=lambda error, _: errors.append(error))

def rejected(code, *arguments, **more):
    assert client.record(*arguments, **more) is None, arguments
    error = errors.pop()
    assert not errors and error.code == code, error
    return str(error)

def accepted(*arguments, **more):
    assert client.record(*arguments, **more) is not None, errors
    assert not errors, errors
    return sent[-1]
"""


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory that contains the other company's package."""
    root = tmp_path_factory.mktemp("freight")
    command = [sys.executable, "-m", "codegen", "init", str(root), "--schema", str(FREIGHT)]
    subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True)
    return root / "sdks/python/src"


def run(program: str, runtime: Path, **environment: str) -> str:
    """Runs a program that uses the other company's package, and returns its output."""
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", PRELUDE + program],
        env={**os.environ, "PYTHONPATH": str(runtime), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_products_statuses_levels_and_topics_come_from_the_catalog(runtime: Path) -> None:
    printed = run("print(json.dumps([PRODUCTS, STATUSES, LOG_LEVELS, USAGE_TOPIC]))", runtime)
    catalog = yaml.safe_load((FREIGHT / "catalog.yaml").read_text(encoding="utf-8"))
    assert json.loads(printed) == [
        list(catalog["products"]),
        list(catalog["statuses"]),
        catalog["log_levels"],
        catalog["topics"]["usage"]["name"],
    ]


def test_events_follow_the_catalog(runtime: Path) -> None:
    program = """
event = accepted("desk", "road-haul", "leg", 12.5)
assert (event["status"], event["is_billable"]) == ("completed", 1)
event = accepted("desk", "tidal-atlas", "lookup", status="trial")
assert (event["status"], event["is_billable"]) == ("trial", 0)
assert client.record_metric("desk", metrics.road_haul.waiting_time, 2)
message = rejected("product.unknown", "desk", "road_haul", "leg")
assert message == "invalid product 'road_haul': did you mean 'road-haul'?", message
rejected("product.unknown", "desk", "api", "api_call")
rejected("status.unknown", "desk", "road-haul", "leg", status="ok")
rejected("metric_type.unknown", "desk", "road-haul", "lookup")
"""
    run(program, runtime)


def test_the_catalogs_limits_are_enforced(runtime: Path) -> None:
    program = """
rejected("workspace_id.invalid", "x" * 41, "road-haul", "leg")
accepted("x" * 40, "road-haul", "leg")
rejected("event_id.invalid", "desk", "road-haul", "leg", event_id="x" * 65)
rejected("quantity.invalid", "desk", "road-haul", "leg", 10**9 + 1)
rejected("unit_cost.invalid", "desk", "road-haul", "leg", unit_cost=10**9 + 1)
assert client.record("desk", "road-haul", "leg", metadata={"k": "x" * 5000})
assert sent[-1]["metadata"] == '{"cut":true}'
assert errors.pop().code == "metadata.degraded"
deep = []
for _ in range(20): deep = [deep]
assert client.record("desk", "road-haul", "leg", metadata={"k": deep})
assert "\\u2026" in sent[-1]["metadata"]
errors.clear()
from datetime import datetime, timedelta, timezone
now = datetime.now(timezone.utc)
rejected("occurred_at.invalid", "desk", "road-haul", "leg", occurred_at=now + timedelta(minutes=1))
accepted("desk", "road-haul", "leg", occurred_at=now - timedelta(days=60))
"""
    run(program, runtime)


def test_the_catalogs_quantity_rules_are_enforced(runtime: Path) -> None:
    program = """
trucks = ("desk", "road-haul", "peak_fleet")
accepted(*trucks, 1); accepted(*trucks, 2.0); accepted(*trucks, Decimal("3.00"))
for wrong in (0, 1.5, Decimal("1.0001"), -1, "2", True):
    message = rejected("quantity.invalid", *trucks, wrong)
    assert "expected an integer from 1 to" in message, message
waiting = ("desk", "road-haul", "waiting-time")
accepted(*waiting, 72); accepted(*waiting, 0)
assert "from 0 to 72" in rejected("quantity.invalid", *waiting, 72.001)
box = ("desk", "ocean.booking", "container")
papers = {"size": "20GP", "incoterm": "FOB"}
accepted(*box, 0.5, metadata=papers); accepted(*box, 24000, metadata=papers)
assert "from 0.5 to 24000" in rejected("quantity.invalid", *box, 0.4999, metadata=papers)
"""
    run(program, runtime)


def test_the_catalogs_metadata_rules_are_enforced(runtime: Path) -> None:
    program = """
box = ("desk", "ocean.booking", "container")
message = rejected("metadata.required", *box)
assert "the metric type requires 'size'" in message, message
assert "requires 'incoterm'" in rejected("metadata.required", *box, metadata={"size": "20GP"})
wrong = {"size": "21GP", "incoterm": "FOB"}
message = rejected("metadata.invalid", *box, metadata=wrong)
assert "'size' to be one of '20GP', '40GP', '40HC', '45HC'" in message, message
rejected("metadata.invalid", *box, metadata={"size": "20GP", "incoterm": 5})
right = {"size": "20GP", "incoterm": "FOB"}
event = accepted(*box, metadata={**right, "reefer": True, "other": 1})
assert json.loads(event["metadata"]) == {**right, "reefer": True, "other": 1}

# A declared key that is not required is best effort.
assert client.record(*box, metadata={**right, "reefer": "yes"})
assert json.loads(sent[-1]["metadata"])["reefer"] == "yes"
assert errors.pop().code == "metadata.degraded"

# Required keys survive when the rest is cut.
assert client.record(*box, metadata={**right, "k": "x" * 9000})
assert json.loads(sent[-1]["metadata"]) == {"cut": True, **right}
assert errors.pop().code == "metadata.degraded"

export = ("desk", "customs_desk", "declaration.export")
accepted(*export, metadata={"regime": "EX"})
message = rejected("metadata.invalid", *export, metadata={"regime": "IM"})
assert "'regime' to be one of 'EX'" in message, message
goods = ("desk", "customs_desk", "declaration.import")
accepted(*goods, metadata={"regime": "CO", "lines": 3})
for lines in (True, 3.5, "3", None):
    rejected("metadata.invalid", *goods, metadata={"regime": "CO", "lines": lines})
class Odd(dict):
    def __contains__(self, key): raise RuntimeError
rejected("metadata.invalid", *goods, metadata=Odd())
"""
    run(program, runtime)


def test_a_deprecated_metric_is_still_accepted_and_names_its_replacement(runtime: Path) -> None:
    program = """
old = metrics.road_haul.leg_km
assert (old.deprecated.since, old.deprecated.remove_in) == ("2.4.0", "4.0.0")
assert "leg" in old.deprecated.replaced_by
assert client.record_metric("desk", old, 2) is not None
assert not errors
"""
    run(program, runtime)


def test_log_uses_the_catalogs_keys_levels_and_status(runtime: Path) -> None:
    program = """
assert client.log("desk", "road-haul", "leg", "gate closed", "alarm", {"gate": 4})
assert sent[-1]["status"] == "refused" and sent[-1]["is_billable"] == 0
assert json.loads(sent[-1]["metadata"]) == {"gate": 4, "severity": "alarm", "note": "gate closed"}
assert client.log("desk", "road-haul", "leg", "m")
assert json.loads(sent[-1]["metadata"])["severity"] == "notice"
"""
    run(program, runtime)


def test_settings_use_the_catalogs_own_environment_prefix(runtime: Path) -> None:
    program = """
try:
    TidalClient("harbour")
except ValueError as error:
    print(error)
os.environ["TIDAL_KAFKA_LINGER_MS"] = "soon"
try:
    TidalClient("harbour", "a:1")
except ValueError as error:
    print(error)
"""
    missing, malformed = run(program, runtime, EKA_KAFKA_BROKERS="a:1").splitlines()
    assert missing == (
        "kafka brokers not configured: pass kafka_brokers= or set TIDAL_KAFKA_BROKERS"
    )
    assert malformed.startswith("invalid TIDAL_KAFKA_LINGER_MS 'soon': expected an integer")


def test_messages_logs_and_reprs_never_name_our_package(runtime: Path) -> None:
    program = """
import logging
assert client.record_metric("desk", "leg") is None
print(errors.pop())
logging.basicConfig(format="%(name)s %(message)s", level=0)
quiet = TidalClient("harbour", producer=Producer(), debug=True)
quiet.record("desk", "bogus", "leg")
quiet.record("desk", "road-haul", "leg")
print(quiet, quiet.stats(), sorted(sent[-1].values(), key=str))
"""
    printed = run(program + "import sys; sys.stderr = sys.stdout\n", runtime)
    assert "tidal_usage.metrics" in printed
    assert "eka" not in printed
