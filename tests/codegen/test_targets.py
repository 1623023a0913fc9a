"""Properties of single targets, beyond output that compiles."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from codegen.load import load
from codegen.model import Model
from codegen.targets.event_schema import event_schema
from tests.codegen.tools import REPOSITORY, codegen

EVENT: dict[str, Any] = {
    "event_id": "0199a5b0-0000-7000-8000-000000000000",
    "workspace_id": "w1",
    "service_name": "scribe",
    "product": "api",
    "metric_type": "api_call",
    "status": "ok",
    "quantity": 1.5,
    "unit_cost": None,
    "is_billable": 1,
    "metadata": "{}",
    "occurred_at": "2026-01-31T12:00:00.000Z",
    "ts": "2026-01-31T12:00:00.000Z",
    "sdk_language": "python",
    "sdk_version": "0.2.0",
    "hostname": "h",
    "catalog_version": "0.2.0+00000000",
    "instance_id": "i",
    "seq": 1,
}


@pytest.fixture(scope="module")
def model() -> Model:
    loaded = load(REPOSITORY / "schema")
    assert loaded.model is not None, loaded.diagnostics
    return loaded.model


@pytest.fixture(scope="module")
def accepts(model: Model) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(event_schema(model), validate_formats=True)


def test_the_event_schema_lists_fields_in_wire_order(model: Model) -> None:
    optional = [field.name for field in model.event.fields if field.is_dimension]
    assert list(event_schema(model)["properties"]) == [*EVENT, *optional]


@pytest.mark.parametrize(
    "difference",
    [
        {},
        {"quantity": 0},
        {"quantity": 10**18},
        {"unit_cost": 0.25},
        {"product": "of a newer catalog"},
        {"status": "of a newer catalog"},
        {"a_field_of_tomorrow": [1]},
        {"vendor": "v", "cost": 0.5, "tags": ["a", "b"]},
    ],
)
def test_the_event_schema_accepts_what_a_reader_must_keep(
    difference: dict[str, Any], accepts: jsonschema_rs.Draft202012Validator
) -> None:
    accepts.validate(EVENT | difference)


@pytest.mark.parametrize(
    "difference",
    [
        {"quantity": -1},
        {"quantity": 10**18 + 1},
        {"quantity": "1"},
        {"quantity": None},
        {"quantity": True},
        {"unit_cost": -1},
        {"is_billable": 2},
        {"is_billable": True},
        {"event_id": ""},
        {"event_id": "x" * 129},
        {"workspace_id": "x" * 257},
        {"metadata": {}},
        {"ts": "yesterday"},
        {"seq": 0},
        {"seq": 1.5},
        {"vendor": ""},
        {"vendor": None},
        {"cost": -1},
        {"tags": []},
        {"tags": [""]},
        {"tags": "a"},
    ],
)
def test_the_event_schema_rejects_what_no_sdk_writes(
    difference: dict[str, Any], accepts: jsonschema_rs.Draft202012Validator
) -> None:
    assert not accepts.is_valid(EVENT | difference)


@pytest.mark.parametrize("field", EVENT)
def test_every_field_is_required(field: str, accepts: jsonschema_rs.Draft202012Validator) -> None:
    assert not accepts.is_valid({key: value for key, value in EVENT.items() if key != field})


def test_readers_accept_events_older_than_a_field(model: Model) -> None:
    *older, newest = model.event.fixed
    event = replace(model.event, fields=(*older, replace(newest, since="9.0.0")))
    schema = event_schema(replace(model, event=event))
    assert schema["required"] == [field.name for field in older]
    assert newest.name in schema["properties"]


def test_the_limits_of_the_event_schema_are_exact(model: Model) -> None:
    properties = json.loads(json.dumps(event_schema(model)), parse_float=Decimal)["properties"]
    assert properties["quantity"]["maximum"] == 10**18


def test_package_and_lock_have_the_catalogs_version(tmp_path: Path) -> None:
    schema, root = tmp_path / "schema", tmp_path / "root"
    shutil.copytree(REPOSITORY / "schema", schema)
    catalog = schema / "catalog.yaml"
    text = catalog.read_text(encoding="utf-8")
    catalog.write_text(text.replace("\nversion: ", "\nversion: 7"), encoding="utf-8")
    (root / "sdks/typescript").mkdir(parents=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(REPOSITORY / "sdks/typescript" / name, root / "sdks/typescript")
    result = codegen("generate", "--schema", schema, "--root", root, "--target", "typescript")
    assert result.returncode == 0, result.stderr
    package = json.loads((root / "sdks/typescript/package.json").read_bytes())
    lock = json.loads((root / "sdks/typescript/package-lock.json").read_bytes())
    assert package["version"].startswith("7")
    assert {package["version"], lock["version"], lock["packages"][""]["version"]} == {
        package["version"]
    }


def test_the_lock_of_the_typescript_package_contains_no_url() -> None:
    lock = (REPOSITORY / "sdks/typescript/package-lock.json").read_text(encoding="utf-8")
    assert '"resolved"' not in lock
