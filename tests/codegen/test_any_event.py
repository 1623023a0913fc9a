"""Every target generates valid output for any event that the schemas and rules accept."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from codegen.load import FILES, load
from codegen.model import Model
from codegen.render import File
from codegen.source import read
from codegen.targets import TARGETS
from codegen.targets.event_schema import event_schema
from tests.codegen.tools import REPOSITORY

FREIGHT = REPOSITORY / "schema/examples/freight"
VALID = {name: read(FREIGHT / f"{name}.yaml", name).data for name in FILES}
VECTORS = jsonschema_rs.Draft202012Validator(
    json.loads((REPOSITORY / "tests/conformance/vectors.schema.json").read_bytes())
)
# Fields whose limits may vary; the injected values of all others have a fixed length.
LIMITED = ("workspace_id", "quantity", "unit_cost", "metadata", "occurred_at")
LIMITS: dict[str, list[Any]] = {
    "min_length": [1, 2, 9],
    "max_length": [1, 3, 12, 70],
    "minimum": [-7, 0, 0.25, 1, 20],
    "maximum": [0, 1, 20.5, 9007199254740992, 10**29],
    "max_digits": [17, 38],
    "max_bytes": [2, 9, 99, 4096],
    "max_depth": [1, 2, 1000],
    "oversize": ["{}"],
    "too_deep": ["…"],
    "ahead": ["1ms", "36500d"],
    "behind": ["1ms", "36500d"],
}
REPLACEMENTS = {"event_id": "hostname", "occurred_at": "ts"}
REMOVABLE = ("unit_cost", "metadata", "event_id", "occurred_at")


def model(data: dict[str, Any], folder: Path) -> Model | None:
    for name in FILES:
        (folder / f"{name}.yaml").write_text(json.dumps(data[name]), encoding="utf-8")
    return load(folder).model


def without(data: dict[str, Any], field: str) -> None:
    """Removes a field, and everything that refers to it."""
    del data["event"]["fields"][field]
    table = data["event"]["table"]
    for role in [role for role, name in table.items() if name == field]:
        table[role] = REPLACEMENTS.get(field)
    if table.get("cost", "") is None:
        del table["cost"]
    for names in data["event"]["call"].values():
        names[:] = [name for name in names if name != field]
    for error in data["sdk"]["errors"].values():
        if error.get("field") == field:
            del error["field"]
            error["text"] = "no"
    if field == "metadata":
        for product in data["catalog"]["products"].values():
            for metric in product["metric_types"].values():
                metric.pop("metadata", None)


def altered(chance: random.Random) -> dict[str, Any]:
    """Returns the freight catalog with fields removed, limits changed and arguments required."""
    data = copy.deepcopy(VALID)
    fields, call = data["event"]["fields"], data["event"]["call"]
    for name in REMOVABLE:
        if chance.random() < 0.2:
            without(data, name)
    for name in LIMITED:
        alter(fields.get(name, {}), chance)
    if chance.random() < 0.5:
        for product in data["catalog"]["products"].values():
            for metric in product["metric_types"].values():
                metric["quantity"] = {"integer": chance.random() < 0.5}
    if chance.random() < 0.3:
        call["named"] = [*call["positional"][3:], *call["named"]]
        del call["positional"][3:]
        for name in call["named"]:
            fields[name].pop("optional", None)
    return data


def alter(field: dict[str, Any], chance: random.Random) -> None:
    for limit in sorted(LIMITS.keys() & field.keys()):
        if chance.random() < 0.3:
            del field[limit]
        elif chance.random() < 0.5:
            field[limit] = chance.choice(LIMITS[limit])
    if chance.random() < 0.3:
        field.pop("default", None)
    if chance.random() < 0.3 and field.get("optional"):
        field["nullable"] = True


def accepted(count: int, folder: Path) -> Iterator[Model]:
    """Yields this many models of altered events, without those that the rules reject."""
    chance = random.Random(7)
    for _ in range(count):
        found = None
        while found is None:
            found = model(altered(chance), folder)
        yield found


def vectors(model: Model) -> dict[str, Any]:
    (output,) = TARGETS["vectors"](model)
    assert isinstance(output, File)
    found: dict[str, Any] = json.loads(output.text)
    return found


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> list[Model]:
    """Returns models of altered events; most alterations are rejected, so that a model is dear."""
    return list(accepted(12, tmp_path_factory.mktemp("models")))


def test_every_target_generates_output_for_every_accepted_event(models: list[Model]) -> None:
    for one in models[:8]:
        for outputs in TARGETS.values():
            assert list(outputs(one))


def test_vectors_of_any_event_match_their_schema_and_that_of_the_event(
    models: list[Model],
) -> None:
    for one in models:
        file = vectors(one)
        assert [error.message for error in VECTORS.iter_errors(file)] == []
        event = jsonschema_rs.Draft202012Validator(event_schema(one))
        for case in file["cases"]:
            if "event" in case["expect"]:
                texts = {**file["event"], **case["expect"]["event"]}
                found = {name: json.loads(text) for name, text in texts.items()}
                assert [f"{case}: {e.message}" for e in event.iter_errors(found)] == []


def renamed() -> dict[str, Any]:
    """Returns the freight catalog with another name for each field and each error."""
    data = copy.deepcopy(VALID)
    event, sdk = data["event"], data["sdk"]
    event["fields"] = {f"x_{name}": field for name, field in event["fields"].items()}
    for field in event["fields"].values():
        field |= {key: f"x_{field[key]}" for key in ("error", "required_error") if key in field}
    event["call"] = {how: [f"x_{name}" for name in names] for how, names in event["call"].items()}
    roles = event["table"].keys() - {"database", "name", "ingested"}
    event["table"] |= {role: f"x_{event['table'][role]}" for role in roles}
    sdk["errors"] = {f"x_{code}": error for code, error in sdk["errors"].items()}
    for error in sdk["errors"].values():
        if "field" in error:
            error["field"] = f"x_{error['field']}"
    usage = data["catalog"]["topics"]["usage"]
    usage["key"] = f"x_{usage['key']}"
    return data


@pytest.mark.parametrize("name", TARGETS)
def test_no_target_depends_on_the_name_of_a_field_or_an_error(name: str, tmp_path: Path) -> None:
    other = model(renamed(), tmp_path)
    assert other is not None
    assert list(TARGETS[name](other))


def test_renaming_changes_only_the_names_in_the_vectors(tmp_path: Path) -> None:
    own, other = model(VALID, tmp_path), model(renamed(), tmp_path)
    assert own is not None
    assert other is not None
    for mine, theirs in zip(vectors(own)["cases"], vectors(other)["cases"], strict=True):
        assert theirs["call"] == {f"x_{field}": value for field, value in mine["call"].items()}
        assert theirs["expect"].keys() == mine["expect"].keys()
        if "code" in mine["expect"]:
            assert theirs["expect"] == {key: f"x_{name}" for key, name in mine["expect"].items()}
