"""The pytest plugin, in the test suite of a service that configures nothing else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SERVICE = """
from functools import lru_cache
from eka_usage import EkaClient

client = EkaClient("at-import")  # no broker is configured

@lru_cache
def lazy():
    return EkaClient("lazy")

def handle(workspace):
    client.record(workspace, "api", "api_call")
    lazy().record(workspace, "api", "api_call")
"""

TESTS = """
import pytest
from eka_usage import EkaClient
from eka_usage.testing import InMemoryProducer
import service

def names(events):
    return [(event.service_name, event.workspace_id) for event in events]

@pytest.mark.parametrize("workspace", ["ws-1", "ws-2", "ws-3"])
def test_each_test_has_its_own_events_while_the_clients_live_on(workspace, usage_events):
    assert usage_events == []
    service.handle(workspace)
    assert names(usage_events) == [("at-import", workspace), ("lazy", workspace)]
    assert [event.seq for event in usage_events] == [1, 1]

def test_a_test_without_the_fixture_needs_no_broker():
    service.handle("ws-4")
    assert service.client.stats().failed == 0

def test_brokers_of_the_environment_receive_nothing(monkeypatch):
    monkeypatch.setenv("EKA_KAFKA_BROKERS", "127.0.0.1:1")
    client = EkaClient("mine")
    assert client.record("ws-4", "api", "api_call") is not None
    assert client.shutdown() == 0
    assert client.stats().disabled and client.stats().delivered == 1

def test_a_test_has_a_real_client_if_it_configures_one(monkeypatch):
    client = EkaClient("mine", "127.0.0.1:1", disabled=False)
    assert not client.stats().disabled
    client.shutdown()
    monkeypatch.setenv("EKA_DISABLED", "false")
    client = EkaClient("mine", "127.0.0.1:1")
    assert not client.stats().disabled
    client.shutdown()

def test_a_producer_receives_what_its_client_records():
    producer = InMemoryProducer()
    with EkaClient("mine", producer=producer) as client:
        client.record("ws-4", "api", "api_call")
    assert len(producer) == 1

def test_the_fixture_collects_what_disabled_clients_record(usage_events):
    client = EkaClient("mine", disabled=True)
    client.record("ws-4", "api", "api_call")
    assert len(usage_events) == 1 and not client.stats().disabled

def test_a_client_created_in_the_test_is_captured_too(usage_events):
    EkaClient("mine", "127.0.0.1:1").record("ws-5", "api", "api_call")
    assert names(usage_events) == [("mine", "ws-5")]

def test_a_client_needs_no_kafka_credentials(usage_events):
    EkaClient("mine", "a:1", security_protocol="SASL_SSL").record("ws-8", "api", "api_call")
    assert names(usage_events) == [("mine", "ws-8")]

@pytest.mark.parametrize("workspace", ["ws-9", "ws-10"])
def test_a_client_that_a_test_shuts_down_works_in_the_next(workspace, usage_events):
    service.handle(workspace)
    service.client.shutdown()
    assert names(usage_events) == [("at-import", workspace), ("lazy", workspace)]

def test_a_full_queue_and_a_delivery_failure_can_be_simulated(usage_events):
    errors = []
    client = EkaClient("mine", on_error=lambda error, _: errors.append(error.code))
    usage_events.fault = "timed out"
    assert client.record("ws-6", "api", "api_call")
    usage_events.full = True
    assert client.record("ws-6", "api", "api_call")  # parked, as it already has its number
    assert client.record("ws-6", "api", "api_call") is None
    assert errors == ["delivery.failed", "queue.full"]
    usage_events.full, usage_events.fault = False, None
    assert client.flush() == 0
    assert names(usage_events) == [("mine", "ws-6")]

def test_an_empty_in_memory_producer_is_used_although_it_is_falsy():
    producer = InMemoryProducer()
    EkaClient("mine", producer=producer).record("ws-7", "api", "api_call")
    assert names(producer) == [("mine", "ws-7")]
"""


def test_the_fixture_captures_the_events_of_every_client(tmp_path: Path) -> None:
    # So that no configuration of a parent directory applies.
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "service.py").write_text(SERVICE)
    (tmp_path / "test_service.py").write_text(TESTS)
    command = [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider"]
    run = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert run.returncode == 0, run.stdout
    assert "14 passed" in run.stdout
