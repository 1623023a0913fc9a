"""Conventions that a catalog switches on: each has a reason, and an exception has an end."""

from __future__ import annotations

import contextlib
import io
import shutil
from contextlib import redirect_stderr, redirect_stdout
from datetime import date
from pathlib import Path

import pytest

from codegen.cli import main
from codegen.diagnostics import render_text
from codegen.lint import RULES, lint
from codegen.load import load

BASE = Path(__file__).parent / "fixtures/base"
TODAY = date(2027, 6, 30)
# A setting that the base violates, and what it reports.
CASES = {
    "name-form": (
        "names: entity.action",
        (
            "schema/catalog.yaml:20:7: error[name-form]: 'request' is not written as entity.action "
            "(names of one form can be guessed and searched)"
        ),
    ),
    "description-too-short": (
        "description_length: {minimum: 20}",
        (
            "schema/catalog.yaml:20:42: error[description-too-short]: the description has 18 "
            "characters: expected at least 20 (finance has to understand what is charged)"
        ),
    ),
    "description-too-long": (
        "description_length: {maximum: 17}",
        (
            "schema/catalog.yaml:20:42: error[description-too-long]: the description has 18 "
            "characters: expected at most 17 (an editor shows it in one glance)"
        ),
    ),
    "owner-without-contact": (
        "owners: reachable",
        (
            "schema/catalog.yaml:17:12: error[owner-without-contact]: owner 'platform' has no "
            "`contact` in `teams` (whoever doubts an invoice has to reach somebody)"
        ),
    ),
    "time-unit-without-seconds": (
        "time_units: seconds",
        (
            "schema/catalog.yaml:13:3: error[time-unit-without-seconds]: unit 'call' measures "
            "time, without its `seconds` (durations are converted into it, and units compared)"
        ),
    ),
}
PLACES = {"owner-without-contact": "api", "time-unit-without-seconds": "call"}


@pytest.fixture
def schema(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(BASE, tmp_path / "schema")
    catalog = tmp_path / "schema/catalog.yaml"
    text = catalog.read_text(encoding="utf-8").replace("dimension: count", "dimension: time")
    catalog.write_text(text, encoding="utf-8")
    return Path("schema")


def problems(schema: Path, settings: str, today: date = TODAY) -> list[str]:
    catalog = schema / "catalog.yaml"
    text = catalog.read_text(encoding="utf-8")
    catalog.write_text(f"lint: {{{settings}}}\n{text}", encoding="utf-8")
    loaded = load(schema)
    assert loaded.model is not None, [render_text(d) for d in loaded.diagnostics]
    return [render_text(d) for d in lint(loaded.sources["catalog"], today)]


def allow(rule: str, until: str = "2027-06-30") -> str:
    at = PLACES.get(rule, "api/request")
    return f'allow: [{{rule: {rule}, at: {at}, reason: "For now.", until: "{until}"}}]'


def test_every_convention_has_a_case() -> None:
    assert set(CASES) == set(RULES)


@pytest.mark.parametrize("rule", CASES)
def test_a_convention_is_reported_with_its_reason(rule: str, schema: Path) -> None:
    setting, expected = CASES[rule]
    assert problems(schema, setting) == [expected]


@pytest.mark.parametrize("rule", CASES)
def test_an_exception_suppresses_one_place_until_its_day(rule: str, schema: Path) -> None:
    setting, _ = CASES[rule]
    assert problems(schema, f"{setting}, {allow(rule)}") == []


def test_an_exception_expires(schema: Path) -> None:
    (found,) = problems(schema, f"names: entity.action, {allow('name-form', '2027-06-29')}")
    assert "error[lint-allow-expired]: this exception expired on 2027-06-29" in found


def test_an_exception_that_nothing_needs_is_a_problem(schema: Path) -> None:
    (found,) = problems(schema, f"names: snake_case, {allow('name-form')}")
    assert "[lint-allow-unused]: name-form finds nothing at 'api/request': remove it" in found


def test_check_fails_and_generate_does_not(schema: Path, tmp_path: Path) -> None:
    problems(schema, "names: entity.action")
    command = ["--schema", "schema", "--root", ".", "--target", "docs"]
    output = io.StringIO()
    with contextlib.chdir(tmp_path), redirect_stderr(output), redirect_stdout(output):
        assert main(["generate", *command]) == 0
        assert main(["check", *command]) == 1
    assert "error[name-form]" in output.getvalue()
    assert "codegen: 1 problem of the catalog" in output.getvalue()
