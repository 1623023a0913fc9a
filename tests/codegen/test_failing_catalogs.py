"""Each folder of fixtures is a catalog with mistakes and the diagnostics that it must produce.

A folder holds only the files that differ from `fixtures/base`. expected.txt has the diagnostics
verbatim, because people read them.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from codegen.diagnostics import render_text
from codegen.load import load
from codegen.rules import RULES

FIXTURES = Path(__file__).parent / "fixtures"
CASES = sorted(file.parent for file in FIXTURES.glob("*/*/expected.txt"))


def diagnostics(case: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    shutil.copytree(FIXTURES / "base", folder / "schema")
    shutil.copytree(case, folder / "schema", dirs_exist_ok=True)
    monkeypatch.chdir(folder)
    return "".join(f"{render_text(d)}\n" for d in load(Path("schema")).diagnostics)


def test_the_base_fixture_has_no_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert diagnostics(FIXTURES / "base", tmp_path, monkeypatch) == ""


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parent.name}/{case.name}")
def test_mistakes_produce_exactly_the_expected_diagnostics(
    case: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = (case / "expected.txt").read_text(encoding="utf-8")
    assert expected
    assert diagnostics(case, tmp_path, monkeypatch) == expected


def test_every_rule_has_a_fixture_that_fails_no_other_rule() -> None:
    folders = {folder.name for folder in (FIXTURES / "rules").iterdir()}
    assert folders == set(RULES)
    for rule in RULES:
        lines = (FIXTURES / "rules" / rule / "expected.txt").read_text(encoding="utf-8")
        assert all(f"[{rule}]: " in line for line in lines.splitlines())


def test_every_fixture_has_expected_diagnostics() -> None:
    folders = {
        folder for group in ("rules", "schema", "source") for folder in (FIXTURES / group).iterdir()
    }
    assert folders == set(CASES)
