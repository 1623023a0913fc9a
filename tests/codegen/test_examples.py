"""The example catalogs of other systems become projects that have what those systems have."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema_rs

from codegen.cli import main
from codegen.load import load
from codegen.model import Model
from tests.codegen.tools import REPOSITORY

EXAMPLES = REPOSITORY / "schema/examples"


@dataclass(frozen=True)
class Project:
    """What was made of an example: its model, an event, and the schema of events."""

    model: Model
    event: dict[str, Any]
    schema: Any

    def accepts(self, event_type: str, **fields: Any) -> bool:
        """Reports whether an event of this type, with these fields beside the usual, is valid."""
        product, _, metric_type = event_type.partition(".")
        event = {**self.event, "product": product, "metric_type": metric_type, **fields}
        return jsonschema_rs.Draft202012Validator(self.schema).is_valid(event)


def made(folder: Path, name: str) -> Project:
    """Makes the project of an example, in which nothing of our company is left."""
    assert main(["init", str(folder), "--schema", str(EXAMPLES / name)]) == 0
    for path in (*folder.rglob("*.md"), *folder.rglob("*.py"), *folder.rglob("*.yaml")):
        assert "eka" not in path.read_text(encoding="utf-8").lower(), path
    model = load(folder / "schema").model
    assert model is not None
    vectors = json.loads((folder / "tests/conformance/vectors/generated.json").read_bytes())
    event = {field.name: json.loads(vectors["event"][field.name]) for field in model.event.fixed}
    schema = json.loads((folder / "docs/event.schema.json").read_bytes())
    return Project(model, event, schema)


def test_meter_lib_has_its_meters_with_their_kinds_and_a_device(tmp_path: Path) -> None:
    project = made(tmp_path, "meter-lib")
    kinds = {m.event_type: m.annotations["x-type"] for m in project.model.catalog.metric_types}
    assert Counter(kinds.values()) == {"volume": 16, "performance": 2}
    assert kinds["page.processed.basic"] == "volume"
    assert kinds["chat.on.time_hours"] == "performance"
    assert project.accepts("chat.on.time_hours", device_id="us-east-ing1")
    assert not project.accepts("chat.on.time_hours", device_id="")


def test_meistrari_requires_the_vendor_the_canvas_and_the_payee_of_a_cost(tmp_path: Path) -> None:
    project = made(tmp_path, "meistrari")
    assert project.accepts("external.legal", vendor="jusbrasil")
    assert not project.accepts("external.legal", vendor="another")
    assert not project.accepts("external.legal")
    assert project.accepts("external.search", vendor="another", project_id="p-1", cost=0.02)
    assert not project.accepts("external.search")
    canvas = [m.event_type for m in project.model.catalog.metric_types if m.product == "canvas"]
    assert canvas
    for event_type in canvas:
        assert not project.accepts(event_type)
        assert project.accepts(event_type, canvas_id="c-1", cost=0)
    assert project.model.catalog.accepts_undeclared
    cost = next(field for field in project.model.event.dimensions if field.name == "cost")
    assert (cost.dependent_required, cost.when_not_zero) == (("vendor",), True)


def test_billing_client_has_its_amounts_as_aliases(tmp_path: Path) -> None:
    project = made(tmp_path, "billing-client")
    aliases = {alias: metric.event_type for alias, metric in project.model.catalog.aliases}
    assert aliases == {
        "container-seconds": "cluster.container_time",
        "node-seconds": "cluster.node_time",
        "weavenet-seconds": "cluster.weavenet_time",
        "samples": "monitoring.sample",
    }
    assert not project.accepts("monitoring.sample", quantity=-1)


def test_each_example_is_in_the_list() -> None:
    listed = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    for path in EXAMPLES.glob("*/catalog.yaml"):
        assert f"[{path.parent.name}]({path.parent.name})" in listed
