"""A metric type that the catalog removed is rejected, naming its replacement, in every language."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

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
    catalog.write_text(text[:own] + tombstone + text[own:].rstrip("\n") + GONE, encoding="utf-8")
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
def test_recording_it_is_rejected_with_the_replacement(
    language: str, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = tmp_path / "ran"
    monkeypatch.setenv("CONFORMANCE_REPORT", str(report))
    check = VECTORS[language]
    if language == "python":  # the runner of its thousand cases is the slowest
        check = replace(check, command=f"{check.command} -k removed/")
    passed, output = run_check(check, project)
    assert passed, output
    ran = report.read_text(encoding="utf-8").splitlines()
    assert {"removed/api/api_ping", "removed/fax/fax_page"} <= set(ran)


def test_old_months_keep_its_title_and_unit(project: Path) -> None:
    rows = (project / "infra/clickhouse/current/catalog.sql").read_text(encoding="utf-8")
    assert "('api', 'api_ping', 'API', 'Pings'" in rows
    assert "('fax', 'fax_page', 'Fax', 'Fax page'" in rows
    document = (project / "docs/metric-types.md").read_text(encoding="utf-8")
    assert "## Removed" in document
    assert "| `fax/fax_page` | Fax page. Fax page. | pages | the largest quantity |" in document
