"""The changes since a reference in words, and problems as documents for programs."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
from pathlib import Path

import pytest

from codegen.changes import RULES
from codegen.cli import main
from tests.codegen.test_breaking import RELEASED, edit

EXPECTED = f"""\
## Catalog 1.2.0 → 2.0.0

### Breaking

- status 'trial' is gone — {RULES["status-removed"].cost}

### Added

- metric type api/upload: Pages \\*uploaded\\*.

### Deprecated

- metric type api/retry: since 2.0.0, replaced by request

### Removed

- status trial
- metric type api/scan: in 2.0.0

### Changed

- product api: title: `API` → `The API`
"""


@pytest.fixture
def schema(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(RELEASED, tmp_path / "before")
    path = tmp_path / "schema"
    edit_file = tmp_path / "before/catalog.yaml"
    text = edit_file.read_text(encoding="utf-8")
    old = "scan: {unit: page, "
    deprecated = "deprecated: {since: 1.1.0, remove_in: 2.0.0}"
    edit_file.write_text(
        text.replace(old, f"{old}{deprecated}, "),
        encoding="utf-8",
    )
    shutil.copytree(tmp_path / "before", path)
    edit(path, "version: 1.2.0", "version: 2.0.0")
    edit(path, "title: API", "title: The API")
    edit(path, "  trial: {billable: false, description: The work was a trial.}\n", "")
    edit(path, deprecated, "removed: {in: 2.0.0}")
    retry = "retry: {unit: call, aliases: [second], "
    edit(path, retry, f"{retry}deprecated: {{since: 2.0.0, replaced_by: request}}, ")
    upload = '      upload: {unit: page, description: "Pages *uploaded*."}\n'
    edit(path, "      retry:", f"{upload}      retry:")
    return path


def run(*arguments: str) -> int:
    return main([*arguments, "--schema", "schema", "--root", "."])


def test_a_difference_is_described_in_markdown(
    schema: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("diff", "--against", "before") == 0
    output = capsys.readouterr().out
    assert output == EXPECTED


def test_a_difference_is_described_in_json(
    schema: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("diff", "--against", "before", "--format", "json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["from"], found["to"], found["level"]) == ("1.2.0", "2.0.0", "breaking")
    assert [(one["rule"], one["at"]) for one in found["breaking"]] == [("status-removed", "trial")]
    assert [one["what"] for one in found["added"]] == ["metric type api/upload"]
    assert [one["what"] for one in found["removed"]] == ["status trial", "metric type api/scan"]


def test_nothing_changed_is_said(schema: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("diff", "--against", "schema") == 0
    assert capsys.readouterr().out == "## Catalog 2.0.0\n\nNothing changed.\n"


@pytest.mark.parametrize("form", ["json", "sarif"])
def test_problems_are_one_document_for_programs(
    form: str, schema: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    assert run("breaking", "--against", "before", "--format", form) == 1
    output = capsys.readouterr()
    found = json.loads(output.out)
    if form == "sarif":
        results = found["runs"][0]["results"]
        (result,) = (one for one in results if one["level"] == "error")
        place = result["locations"][0]["physicalLocation"]
        problem = (result["ruleId"], place["artifactLocation"]["uri"], place["region"]["startLine"])
    else:
        (one,) = (one for one in found if one["severity"] == "error")
        problem = (one["rule"], one["path"], one["line"])
    assert problem == ("status-removed", "schema/catalog.yaml", 8)
    assert output.err == "codegen: 1 problem since 1.2.0 (before)\n"


@pytest.mark.parametrize("where", [".", "schema", ".."])
def test_annotations_have_the_path_in_the_repository(
    where: str, schema: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    subprocess.run(["git", "init", "-q", "."], cwd=tmp_path, check=True)
    with contextlib.chdir(tmp_path / where):
        arguments = ["--schema", str(schema), "--root", str(tmp_path), "--format", "github"]
        assert main(["breaking", "--against", str(tmp_path / "before"), *arguments]) == 1
    assert "::error file=schema/catalog.yaml,line=8,col=1" in capsys.readouterr().err
