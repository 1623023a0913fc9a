"""Type checkers accept the correct code of a service and report each mistake on its line."""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from sdks.python.tests.support import REPOSITORY

pytestmark = pytest.mark.workspace

PRELUDE = """\
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import assert_type
from uuid import uuid4
from pydantic import BaseModel
from eka_usage import (
    EkaClient, EkaError, ErrorCode, ErrorContext, LogLevel, Metric, Product, Stats, Status,
    Usage, find_metric, is_metric_type, is_product, metrics,
)
from eka_usage.testing import InMemoryProducer

client = EkaClient("checkout", "a:1")
"""

CORRECT = """
assert_type(client.record("ws", "api", "api_call"), str | None)
assert_type(client.record("ws", "comms", "sms", 2, "error", Decimal("0.1"), {"a": 1}), str | None)
client.record("ws", "api", "api_call", Decimal(1), event_id="e", occurred_at=datetime.now())
client.record(workspace_id="ws", product="api", metric_type="api_call", quantity=1, status="ok")
assert_type(client.record_metric("ws", metrics.agent.input_token, 5, "error"), str | None)
assert_type(metrics.agent.input_token, Metric)
assert_type(metrics.agent.input_token.unit, str)
assert_type(client.log("ws", "api", "api_error", "m", "warning", {"a": 1}), str | None)
assert_type(client.flush(), int)
assert_type(client.flush(1.5), int)
assert_type(client.shutdown(), int)
assert_type(client.stats(), Stats)
assert_type(client.stats().accepted, int)
with EkaClient("checkout", ["a:1"], {"client.id": "x"}, debug=True, acks="all", linger_ms=5) as it:
    assert_type(it, EkaClient)

def on_error(error: EkaError, context: ErrorContext) -> None:
    assert_type(error.code, ErrorCode)
    assert_type(context["code"], ErrorCode)
    assert_type(context["topic"], str)

producer = InMemoryProducer()
EkaClient("checkout", producer=producer, on_error=on_error, clock=lambda: 0, new_id=lambda: "id")
for event in producer:
    assert_type(event.quantity, Decimal)
    assert_type(event.ts, datetime)

def from_outside(product: str, metric_type: str) -> None:
    if is_product(product):
        assert_type(product, Product)
        if is_metric_type(metric_type, product):
            assert_type(client.record("ws", product, metric_type, 2), str | None)
            assert_type(client.log("ws", product, metric_type, "m"), str | None)
        else:
            assert_type(metric_type, str)
    metric = find_metric(product, metric_type)
    assert_type(metric, Metric | None)
    if metric is not None:
        client.record_metric("ws", metric)

@dataclass
class Details:
    pages: int

class Checked(BaseModel):
    pages: int

client.record("ws", "api", "api_call", metadata=Details(1), event_id=uuid4())
client.record(uuid4(), "api", "api_call", metadata=Checked(pages=1), event_id=7)
client.record_metric(7, metrics.api.api_call, metadata=Details(1))
client.log(7, "api", "api_error", "m", metadata=Checked(pages=1))

usage = Usage("ws", "api", "api_call", 2, metadata={"a": 1}, event_id="e", vendor="v")
assert_type(client.record_many([usage, Usage("ws", "comms", "sms")]), list[str] | None)
assert_type(client.new_event_id(), str)
client.record_amounts("ws", [(metrics.api.api_call, 1), (metrics.comms.sms, 2, 0.1)], event_id="e")

minute = metrics.ekascribe.transcription_minute
assert_type(client.void("ws", metrics.api.api_call, "e", "twice"), str | None)
assert_type(client.session_start("ws", minute, "s", at=1769851800123), str | None)
client.session_beat("ws", minute, "s", vendor="v")
client.session_end("ws", minute, "s", datetime.now(), status="error")
with client.session("ws", minute, metadata={"a": 1}) as session:
    assert_type(session.end(), str | None)

bound = client.bind("ws", run_id="r", service_name="s", metadata={"a": 1})
assert_type(bound.record(None, "api", "api_call"), str | None)
bound.record("other", "api", "api_call", vendor="v")
bound.record_many([Usage(None, "api", "api_call")])
bound.record_metric(None, metrics.api.api_call)
bound.log(None, "api", "api_error", "m")
bound.bind(run_id="r2").void(None, metrics.api.api_call, "e", "twice")
EkaClient("checkout", "a:1", before_send=lambda metadata: {**metadata, "a": 1})

status: Status = "ok"
level: LogLevel = "debug"
"""

# Each statement, with the names of the errors that mypy and pyright report.
WRONG = [
    ('client.record("ws", "api", "sms")', "call-overload", "reportCallIssue"),
    ('client.record("ws", "bogus", "api_call")', "call-overload", "reportCallIssue"),
    ('client.record("ws", "api", "api_call", status="okay")', "call-overload", "reportCallIssue"),
    ('client.record("ws", "api", "api_call", "3")', "call-overload", "reportCallIssue"),
    ('client.record(5.5, "api", "api_call")', "call-overload", "reportCallIssue"),
    ('client.record("ws", is_product("x"), "sms")', "call-overload", "reportCallIssue"),
    ('client.record("ws", "api", str())', "call-overload", "reportCallIssue"),
    ('client.record("ws", "api", "api_call", event_id=5.5)', "call-overload", "reportCallIssue"),
    ('client.record("ws", "api", "api_call", metadata=[1])', "call-overload", "reportCallIssue"),
    ('client.record("ws", "abdm", "abha", 1, "ok", 1, {}, 5)', "call-overload", "reportCallIssue"),
    ('client.record("ws", "api")', "call-overload", "reportCallIssue"),
    ('client.log("ws", "api", "api_error", "m", "warn")', "call-overload", "reportCallIssue"),
    ('client.record_metric("ws", "api_call")', "arg-type", "reportArgumentType"),
    ('client.record_metric("ws", metrics.api.sms)', "attr-defined", "reportAttributeAccessIssue"),
    ('client.record_metric("ws", metrics.api.api_call, 1, "no")', "arg-type", "reportArgumentType"),
    ('Usage("ws", "api", "sms")', "call-overload", "reportCallIssue"),
    ('Usage("ws", "api", "api_call", vendr="v")', "call-overload", "reportCallIssue"),
    ('client.record_many([("ws", "api", "api_call")])', "list-item", "reportArgumentType"),
    ('client.record_amounts("ws", [(metrics.api.api_call, 1)])', "call-arg", "reportCallIssue"),
    ('client.record_amounts("w", [("sms", 1)], event_id="e")', "list-item", "reportArgumentType"),
    ('client.session_end("ws", minute, "s", status="void")', "arg-type", "reportArgumentType"),
    ('client.session("ws", minute, vendr="v")', "call-arg", "reportCallIssue"),
    ('client.void("ws", metrics.api.api_call, "e")', "call-arg", "reportCallIssue"),
    ('client.record(None, "api", "api_call")', "call-overload", "reportCallIssue"),
    ('client.bind("ws", vendr="v")', "call-arg", "reportCallIssue"),
    ('client.bind("ws").record(None, "api", "sms")', "call-overload", "reportCallIssue"),
    ("metrics.api.api_call = metrics.comms.sms", "misc", "reportAttributeAccessIssue"),
    ('EkaClient("checkout", linger=5)', "call-arg", "reportCallIssue"),
    ('EkaClient("checkout", linger_ms="5")', "arg-type", "reportArgumentType"),
    ('EkaClient("checkout", acks="0")', "arg-type", "reportArgumentType"),
    ('EkaClient("checkout", on_error=lambda error: None)', "arg-type", "reportArgumentType"),
    ('EkaClient("checkout", producer=object())', "arg-type", "reportArgumentType"),
    ("EkaClient()", "call-arg", "reportCallIssue"),
    ('status: Status = "okay"', "assignment", "reportAssignmentType"),
    ("product: Product = str()", "assignment", "reportAssignmentType"),
    ("client.stats().accepted = 5", "misc", "reportAttributeAccessIssue"),
]  # fmt: skip

Check = Callable[[str], list[tuple[int, str]]]


def run(*command: str | Path) -> str:
    """Returns the output of a type checker."""
    result = subprocess.run(
        [sys.executable, "-m", *command],
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        check=False,
    )
    assert result.returncode in {0, 1}, result.stdout + result.stderr
    return result.stdout


@pytest.fixture(scope="module", params=["mypy", "pyright"])
def check(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Check:
    """Returns a function that lists the line and the name of each error that a checker reports."""
    directory = tmp_path_factory.mktemp(request.param)
    service = directory / "service.py"

    def mypy(text: str) -> list[tuple[int, str]]:
        service.write_text(text)
        printed = run(
            "mypy", "--strict", "--config-file=", "--cache-dir", directory / "cache", service
        )
        return [
            (int(line), name)
            for line, name in re.findall(
                r"service\.py:(\d+): error: .*\[([\w-]+)\]$", printed, re.MULTILINE
            )
        ]

    def pyright(text: str) -> list[tuple[int, str]]:
        service.write_text(text)
        (directory / "pyrightconfig.json").write_text('{"typeCheckingMode": "strict"}')
        printed = run("pyright", "--pythonpath", sys.executable, "--project", directory)
        found = re.findall(
            r"service\.py:(\d+):\d+ - error: .*?\((report\w+)\)$", printed, re.MULTILINE | re.DOTALL
        )
        return [(int(line), name) for line, name in found]

    return mypy if request.param == "mypy" else pyright


def test_type_checkers_accept_correct_code(check: Check) -> None:
    assert check(PRELUDE + CORRECT) == []


def test_type_checkers_report_each_mistake_by_its_error_name(
    check: Check, request: pytest.FixtureRequest
) -> None:
    checker = request.node.callspec.params["check"]
    text, expected = PRELUDE, {}
    for statement, mypy, pyright in WRONG:
        text += "\n" + textwrap.dedent(statement)
        expected[text.count("\n") + 1] = mypy if checker == "mypy" else pyright
    found: dict[int, set[str]] = {}
    for line, name in check(text + "\n"):
        found.setdefault(line, set()).add(name)
    missed = {
        line: (text.splitlines()[line - 1], name, found.get(line))
        for line, name in expected.items()
        if name not in found.get(line, set())
    }
    assert missed == {}
