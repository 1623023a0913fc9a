"""What only another catalog has: removed metric types, and rules on metadata and on fields."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import jsonschema_rs
import pytest

from tests.conformance.mutations import VECTORS, copy_project, run_check

TOMBSTONES = """
  api:
    title: API
    owner: platform
    description: Direct calls.
    metric_types:
      api_ping:
        title: Pings
        unit: call
        removed: {in: 0.2.0, replaced_by: api_call}
"""
ODD = """
      odd_value:
        unit: call
        aliases: [odd-values, odd.values]
        description: Rules on values that languages write and compare differently.
        metadata:
          required: [KEYS]
          properties:
VALUES
"""
VALUES = (
    *("0.00005", "0.000001", "0.0000001", "0.00000015", "0.1", "1", "0", "-1", "100.5"),
    *("1000000", "9007199254740991", "100000000000000000000", "1000000000000000000000"),
    *("true", "false", "'1'", "'true'", "'<&>'", '"\\u2028"'),
)
KEYS = (
    "__proto__",
    "constructor",
    "toString",
    "hasOwnProperty",
    "length",
    "__class__",
    "a.b",
    "A-b",
)
GONE = """
  fax:
    title: Fax
    owner: comms
    description: Facsimiles sent to clinics.
    metric_types:
      fax_page:
        unit: page
        aggregation: max
        removed: {in: 0.1.0}
"""
FIELDS = """
  outer_api:
    title: Other APIs
    owner: platform
    description: Work that others are paid for.
    fields: {required: [vendor], properties: {model: {enum: [small, 'large "é"']}}}
    metric_types:
      search: {unit: call, description: Searches by any vendor.}
      legal:
        unit: call
        description: Court files read.
        metadata: {required: [court]}
        fields:
          required: [model]
          properties: {vendor: {const: jusbrasil}, cost: {enum: [0, 0.00005, 1000000]}}
      many:
        unit: call
        description: Calls that sum up others.
        fields: {required: [tags, child_event_ids]}
"""


def odd_values() -> str:
    """Returns a metric type with a required key for each odd value and each odd name."""
    rules = {f"value_{index}": f"{{const: {value}}}" for index, value in enumerate(VALUES)}
    rules |= dict.fromkeys(KEYS, "{const: 7}")
    rules |= {"any_integer": "{type: integer}", "any_number": "{type: number}"}
    lines = [f"            {key}: {rule}" for key, rule in rules.items()]
    return ODD[1:].replace("KEYS", ", ".join(rules)).replace("VALUES\n", "\n".join([*lines, ""]))


# Tests that are added to the copy of each SDK, by language.
ALIASES = {
    "python": (
        "sdks/python/tests/test_aliases.py",
        """
import eka_usage
def test_api_aliases_are_found():
    wanted = eka_usage.metrics.api.odd_value
    for name in ("odd-values", "odd.values", "api.odd_value"):
        assert eka_usage.find_event_type(name) is wanted
    assert eka_usage.find_event_type("api.api_ping") is None
""",
    ),
    "go": (
        "sdks/go/ekausage/aliases_test.go",
        """package ekausage
import "testing"
func TestVectorsOfAliases(t *testing.T) {
	for _, name := range []string{"odd-values", "odd.values", "api.odd_value"} {
		if metric, ok := FindEventType(name); !ok || metric != MetricAPIOddValue {
			t.Errorf("%s is %v", name, metric)
		}
	}
	if metric, ok := FindEventType("api.api_ping"); ok {
		t.Errorf("a removed metric type is %v", metric)
	}
}
""",
    ),
    "typescript": (
        "sdks/typescript/tests/aliases.test.ts",
        """
import { expect, test } from "vitest";
import { findEventType, metrics } from "../src/index.js";
test("aliases are found", () => {
  for (const name of ["odd-values", "odd.values", "api.odd_value"]) {
    expect(findEventType(name)).toEqual((metrics.api as any).odd_value);
  }
  expect(findEventType("api.api_ping")).toBeUndefined();
});
""",
    ),
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project whose catalog removed two metric types, one of them a whole product."""
    copy = tmp_path_factory.mktemp("removed")
    copy_project(copy)
    catalog = copy / "schema/catalog.yaml"
    text = catalog.read_text(encoding="utf-8")
    start = text.index("\n  api:\n")
    own = text.index("    metric_types:\n", start) + len("    metric_types:\n")
    tombstone = TOMBSTONES.partition("    metric_types:\n")[2]
    added = tombstone + odd_values()
    catalog.write_text(
        text[:own] + added + text[own:].rstrip("\n") + GONE + FIELDS, encoding="utf-8"
    )
    for path, test in ALIASES.values():
        (copy / path).write_text(test, encoding="utf-8")
    command = [sys.executable, "-m", "codegen", "generate"]
    subprocess.run(command, cwd=copy, check=True, capture_output=True)
    return copy


def test_the_vectors_name_the_replacement(project: Path) -> None:
    vectors = json.loads((project / "tests/conformance/vectors/generated.json").read_bytes())
    removed = {c["id"]: c["expect"] for c in vectors["cases"] if c["id"].startswith("removed/")}
    unknown = {"code": "metric_type.unknown", "field": "metric_type"}
    assert removed == {
        "removed/api/api_ping": {
            **unknown,
            "says": "removed in 0.2.0, use api/api_call instead",
        },
        "removed/fax/fax_page": {**unknown, "says": "removed in 0.1.0"},
    }


@pytest.mark.parametrize("language", VECTORS)
def test_every_language_judges_them_alike(
    language: str, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = tmp_path / "ran"
    monkeypatch.setenv("CONFORMANCE_REPORT", str(report))
    check = VECTORS[language]
    added = ALIASES[language][0]
    if language == "typescript":
        command = f"{check.command} {added.removeprefix(f'{check.folder}/')}"
        check = replace(check, command=command)
    if language == "python":  # the runner of its thousand cases is the slowest
        check = replace(check, command=f"{check.command} {added} -k api")
    passed, output = run_check(check, project)
    assert passed, output
    ran = report.read_text(encoding="utf-8").splitlines()
    assert {"removed/api/api_ping", "removed/fax/fax_page"} <= set(ran)
    assert {"combination/api/odd_value/ok", "rule/api/odd_value/value_0-as-text"} <= set(ran)
    of_fields = {case for case in ran if case.startswith("rule/outer_api/")}
    assert {"rule/outer_api/legal/cost-allowed-1", "rule/outer_api/many/tags-missing"} <= of_fields
    assert {"rule/outer_api/search/vendor-missing"} < of_fields


def test_the_event_schema_requires_the_fields_of_a_metric_type(project: Path) -> None:
    schema = json.loads((project / "docs/event.schema.json").read_bytes())
    vectors = json.loads((project / "tests/conformance/vectors/generated.json").read_bytes())
    event = {name: json.loads(text) for name, text in vectors["event"].items() if text}
    of_legal = {"product": "outer_api", "metric_type": "legal", "vendor": "jusbrasil"}
    validator = jsonschema_rs.Draft202012Validator(schema)
    assert validator.is_valid(event)
    assert validator.is_valid(event | of_legal | {"model": "small", "cost": 0.00005})
    assert not validator.is_valid(event | of_legal)
    assert not validator.is_valid(event | of_legal | {"model": "small", "vendor": "other"})


def test_old_months_keep_its_title_and_unit(project: Path) -> None:
    rows = (project / "infra/clickhouse/current/catalog.sql").read_text(encoding="utf-8")
    assert "('api', 'api_ping', 'API', 'Pings'" in rows
    assert "('fax', 'fax_page', 'Fax', 'Fax page'" in rows
    document = (project / "docs/metric-types.md").read_text(encoding="utf-8")
    assert "## Removed" in document
    assert "| `fax/fax_page` | Fax page. Fax page. | pages | the largest quantity |" in document
