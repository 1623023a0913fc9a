"""The JSON Schemas themselves, and the diagnostics for each of their keywords."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from codegen.changes import RULES
from codegen.includes import SECTIONS
from codegen.lint import RULES as CONVENTIONS
from codegen.load import FILES, load
from codegen.model import Model
from codegen.schema import TRANSLATIONS, schema

ROOT = Path(__file__).parents[2]
_ANNOTATIONS = {
    *("$schema", "$defs", "$ref", "title", "description", "default", "patternErrorMessage"),
    *("properties", "items", "if", "then", "else", "const", "patternProperties"),
}


# Their keys are names.
_NAMED = ("properties", "patternProperties", "$defs")


def objects(data: Any, *, names: bool = False) -> Iterator[dict[str, Any]]:
    """Yields every nested schema; the keys of `properties` and `$defs` are names."""
    if isinstance(data, dict):
        if not names:
            yield data
        for key, value in data.items():
            yield from objects(value, names=not names and key in _NAMED)


@pytest.mark.parametrize("name", FILES)
def test_each_schema_is_valid_2020_12(name: str) -> None:
    assert jsonschema_rs.meta.is_valid(schema(name))
    assert schema(name)["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_exactly_the_keywords_that_can_fail_have_a_translation() -> None:
    used = {keyword for name in FILES for one in objects(schema(name)) for keyword in one}
    assert used - _ANNOTATIONS == set(TRANSLATIONS)


@pytest.mark.parametrize("name", FILES)
def test_every_object_is_closed_or_has_a_pattern_for_its_keys(name: str) -> None:
    for one in objects(schema(name)):
        if one.get("type") == "object":
            assert one["additionalProperties"] is False or "propertyNames" in one


@pytest.mark.parametrize("name", FILES)
def test_every_key_has_a_description_for_editors(name: str) -> None:
    for one in objects(schema(name)):
        for key, value in one.get("properties", {}).items():
            if "const" not in value:
                target = schema(name)["$defs"].get(value.get("$ref", "").rpartition("/")[2], {})
                assert value.get("description") or target.get("description"), key


@pytest.mark.parametrize("name", FILES)
def test_every_pattern_has_an_error_message(name: str) -> None:
    for one in objects(schema(name)):
        assert ("pattern" in one) == ("patternErrorMessage" in one)


def test_editors_find_the_schema_of_every_file() -> None:
    settings = json.loads((ROOT / ".vscode" / "settings.json").read_text(encoding="utf-8"))
    mapped = {
        file: ROOT / schema_file
        for schema_file, globs in settings["yaml.schemas"].items()
        for glob in globs
        for file in ROOT.glob(glob)
    }
    files = [*(ROOT / "schema").glob("*.yaml"), *(ROOT / "schema").glob("examples/*/*.yaml")]
    assert set(mapped) == set(files)
    for file in files:
        first = file.read_text(encoding="utf-8").splitlines()[0]
        modeline = re.fullmatch(r"# yaml-language-server: \$schema=(\S+)", first)
        assert modeline
        assert (file.parent / modeline[1]).resolve() == mapped[file]


@pytest.mark.parametrize(
    "folder", ["schema", *sorted(p.parent.name for p in ROOT.glob("schema/examples/*/sdk.yaml"))]
)
def test_the_catalogs_of_this_repository_have_no_problem(folder: str) -> None:
    path = ROOT / "schema" if folder == "schema" else ROOT / "schema" / "examples" / folder
    loaded = load(path)
    assert loaded.diagnostics == []
    assert loaded.model is not None


def test_examples_have_no_names_that_the_sdks_do_not_know() -> None:
    own = load(ROOT / "schema").model
    assert own is not None
    for path in ROOT.glob("schema/examples/*/sdk.yaml"):
        other = load(path.parent).model
        assert other is not None
        assert [f.name for f in other.event.fixed] == [f.name for f in own.event.fixed]
        assert _of_every_sdk(other) <= _of_every_sdk(own)  # `init` adds what they lack
        assert other.sdk.spool.final_errors == own.sdk.spool.final_errors


def test_the_schema_of_included_files_has_their_sections_as_the_catalog_has_them() -> None:
    included = json.loads((ROOT / "schema/products.schema.json").read_text(encoding="utf-8"))
    assert sorted(included["properties"]) == sorted(SECTIONS)
    for section, reference in included["properties"].items():
        assert reference == {"$ref": f"catalog.schema.json#/properties/{section}"}
        assert section in schema("catalog")["properties"]


def test_exactly_the_rules_that_can_be_accepted_are_in_the_schema() -> None:
    definitions = schema("catalog")["$defs"]
    acceptable = [code for code, rule in RULES.items() if not rule.never]
    assert definitions["accepted_break"]["properties"]["rule"]["enum"] == acceptable
    assert definitions["lint_exception"]["properties"]["rule"]["enum"] == list(CONVENTIONS)


def _of_every_sdk(model: Model) -> set[str]:
    """Returns the settings, errors and constants that do not follow from an optional field."""
    optional = {f.name for f in model.event.fields if f.is_dimension}
    names = {setting.name for setting in model.sdk.settings if setting.name not in optional}
    names |= {error.name for error in model.sdk.errors if error.field not in optional}
    return names | {constant.name for constant in model.sdk.spool.constants}
