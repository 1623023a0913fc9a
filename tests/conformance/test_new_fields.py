"""A field of each type is one edit of event.yaml: nothing else is written by hand.

The edit is made in a copy of the project. What is generated there must pass the vectors of every
SDK and the checks of the sink, and reach a column of a store.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
_BIN = Path(sys.prefix) / "bin"
_LEFT_OUT = shutil.ignore_patterns(
    ".*", "node_modules", "__pycache__", "dist", "crash", "e2e", "bench", "golden", "*.egg-info"
)
_COMMON = {"set_by": "caller", "optional": True, "description": "A new field."}
_FIELDS: dict[str, dict[str, Any]] = {
    "x_word": {"type": "string", "max_length": 9, "column": "String"},
    "x_price": {
        "type": "number",
        "minimum": 0,
        "maximum": 1000,
        "excludes": ["x_word"],
        "dependent_required": ["x_kind"],
        "when_not_zero": True,
        "column": "Nullable(Decimal(38, 12))",
    },
    "x_rank": {
        "type": "integer",
        "minimum": 0,
        "maximum": 9007199254740991,
        "dependent_required": ["x_word"],
        "column": "Nullable(UInt64)",
    },
    "x_new": {"type": "boolean", "column": "Bool"},
    "x_seen": {
        "type": "timestamp",
        "ahead": "1h",
        "behind": "7d",
        "column": "DateTime64(3, 'UTC')",
    },
    "x_order": {"type": "uuid", "column": "UUID"},
    "x_kind": {"type": "enum", "values": ["small", "large"], "column": "LowCardinality(String)"},
    "x_words": {
        "type": "list",
        "max_items": 9,
        "max_length": 12,
        "max_bytes": 100,
        "column": "Array(String)",
    },
    "x_more": {"type": "json", "max_bytes": 200, "column": "String"},
    "x_back": {"type": "string", "max_length": 9, "calls": ["void"], "column": "String"},
}
_GIVEN = {
    "x_price": 0.5,
    "x_new": True,
    "x_seen": "2026-11-27T09:30:00.000Z",
    "x_order": "019C1345-F6C0-7000-8000-0000000000AB",
    "x_kind": "large",
    "x_words": ["é", '"'],
    "x_more": {"a": [1, None]},
}
_STORED = [
    *("0.5", "true", "2026-11-27 09:30:00.000", "019c1345-f6c0-7000-8000-0000000000ab"),
    *("large", "['é','\"']", '{"a":[1,null]}'),
]
_PROGRAM = """
import json, sys
from datetime import datetime, timezone
from eka_usage import EkaClient
from infra.sink._generated.fields import DATABASE, TABLE
from infra.sink.decode import Row, decode
from infra.sink.migrate import migrate
from infra.sink.store import open_store
from infra.sink.writer import insert_into

given, store = json.loads(sys.argv[1]), open_store(sys.argv[2])
sent = []
class Producer:
    def produce(self, topic, **message):
        sent.append(message["value"])
    def poll(self, timeout=0):
        return 0
    def flush(self, timeout=0):
        return 0
now = datetime(2026, 11, 27, 9, 30, tzinfo=timezone.utc)
clock = lambda: int(now.timestamp()) * 1_000_000_000
with EkaClient("new", producer=Producer(), clock=clock, on_error=print) as client:
    client.record("w", "api", "api_call", **given)
    try:
        client.record("w", "api", "api_call", x_back="a")
    except TypeError:
        sent.append(None)
message, refused = sent
assert refused is None
row = decode(message)
assert isinstance(row, Row) and row.line == message, (row, message)
migrate(store)
insert_into(store, [row.line])
columns = ", ".join(f"toString({name})" for name in given)
print(json.dumps(store.query(f"SELECT {columns} FROM {DATABASE}.{TABLE}").result_rows[0]))
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns a copy of the project with the new fields, generated."""
    copy = tmp_path_factory.mktemp("new") / "project"
    shutil.copytree(ROOT, copy, ignore=_LEFT_OUT)
    shutil.copy(ROOT / ".codegen.json", copy)
    modules = ROOT / "sdks/typescript/node_modules"
    (copy / "sdks/typescript/node_modules").symlink_to(modules)
    path = copy / "schema/event.yaml"
    event = yaml.safe_load(path.read_text(encoding="utf-8"))
    event["fields"] |= {name: {**_COMMON, **field} for name, field in _FIELDS.items()}
    path.write_text(yaml.safe_dump(event, sort_keys=False, allow_unicode=True), encoding="utf-8")
    run(f"{sys.executable} -m codegen generate --schema {copy}/schema --root {copy}", ROOT)
    return copy


def run(command: str, folder: Path, *arguments: str, **environment: str) -> str:
    """Runs a command, which must succeed, and returns its output."""
    result = subprocess.run(
        [*command.split(), *arguments],
        cwd=folder,
        env={**os.environ, "PATH": f"{_BIN}:{os.environ['PATH']}", **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout[-4000:] + result.stderr[-4000:]
    return result.stdout


@pytest.mark.timeout(240)
def test_the_vectors_of_new_fields_hold_in_python(project: Path) -> None:
    command = f"{sys.executable} -m pytest -q -k x_"
    path = f"{project}/sdks/python/src:{project}"
    output = run(f"{command} sdks/python/tests/test_vectors.py", project, PYTHONPATH=path)
    assert " passed" in output


@pytest.mark.timeout(240)
def test_the_vectors_of_new_fields_hold_in_go(project: Path) -> None:
    command = "go test -count=1 -v -run TestVectors/(field|limit)/x_ ./ekausage"
    output = run(command, project / "sdks/go")
    assert "--- PASS: TestVectors/field/x_more/rich" in output


@pytest.mark.timeout(240)
def test_the_vectors_of_new_fields_hold_in_typescript(project: Path) -> None:
    command = "node_modules/.bin/vitest run tests/vectors.test.ts -t /x_"
    assert " passed" in run(command, project / "sdks/typescript")


@pytest.mark.timeout(240)
def test_a_new_field_of_each_type_goes_from_record_to_a_column(
    project: Path, tmp_path: Path
) -> None:
    path = f"{project}/sdks/python/src:{project}"
    arguments = (_PROGRAM, json.dumps(_GIVEN), f"chdb://{tmp_path}/store")
    output = run(f"{sys.executable} -c", project, *arguments, PYTHONPATH=path)
    assert json.loads(output) == _STORED
