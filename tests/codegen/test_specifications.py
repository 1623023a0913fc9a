"""The AsyncAPI and OpenAPI documents are valid, and describe what the vectors expect."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml
from openapi_spec_validator import OpenAPIV31SpecValidator

from codegen.load import load
from codegen.render import File
from codegen.targets import TARGETS
from codegen.targets.specifications.openapi import openapi
from tests.codegen.tools import GOLDEN, REPOSITORY, TYPESCRIPT

CASES = {
    "default": REPOSITORY,
    **{path.name: path / "expected" for path in sorted(GOLDEN.iterdir())},
}


def document(root: Path, name: str) -> Any:
    return yaml.safe_load((root / "docs" / name).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def asyncapi() -> jsonschema_rs.Validator:
    """Returns the schema of AsyncAPI's own package."""
    path = TYPESCRIPT / "node_modules/@asyncapi/specs/schemas/3.0.0.json"
    return jsonschema_rs.validator_for(json.loads(path.read_bytes()))


@pytest.mark.parametrize("root", CASES.values(), ids=CASES)
def test_the_topics_are_valid_asyncapi(root: Path, asyncapi: jsonschema_rs.Validator) -> None:
    content = document(root, "asyncapi.yaml")
    assert [error.message for error in asyncapi.iter_errors(content)] == []
    del content["channels"]["usage"]["address"]
    content["operations"]["sendUsage"]["action"] = "sends"
    assert not asyncapi.is_valid(content)


@pytest.mark.parametrize("root", CASES.values(), ids=CASES)
def test_the_schemas_are_valid_openapi(root: Path) -> None:
    content = document(root, "openapi.yaml")
    assert [error.message for error in OpenAPIV31SpecValidator(content).iter_errors()] == []
    content["components"]["schemas"]["Batch"]["type"] = "listing"
    assert not OpenAPIV31SpecValidator(content).is_valid()


@pytest.mark.parametrize("schema", ["schema", "schema/examples/freight"])
def test_the_schema_of_a_call_judges_as_the_sdks_do(schema: str) -> None:
    model = load(REPOSITORY / schema).model
    assert model is not None
    call = openapi(model)["components"]["schemas"]["Call"]
    accepts = jsonschema_rs.Draft202012Validator(call).is_valid
    [vectors] = (json.loads(o.text) for o in TARGETS["vectors"](model) if isinstance(o, File))
    judged = Counter[bool]()
    for case in vectors["cases"]:
        if case["id"].startswith(("combination/", "rule/", "near-miss/")):
            expected = "event" in case["expect"]
            assert accepts({**vectors["call"], **case["call"]}) is expected, case["id"]
            judged[expected] += 1
    assert judged[True]
    assert judged[False]
