"""How diagnostics are displayed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from codegen.diagnostics import (
    Diagnostic,
    Place,
    Position,
    error,
    listing,
    nearest,
    quote,
    render_github,
    render_text,
)
from codegen.load import load


def test_a_problem_is_one_line_in_the_format_of_compilers() -> None:
    problem = error("schema/catalog.yaml", Position(41, 9), "unknown-key", "unknown key 'unti'")
    assert render_text(problem) == (
        "schema/catalog.yaml:41:9: error[unknown-key]: unknown key 'unti'"
    )


def test_a_related_position_follows_the_message() -> None:
    place = Place("first written at", "b.yaml", Position(3, 5))
    problem = error("a.yaml", Position(4, 5), "duplicate-key", "duplicate key 'x'", place)
    assert render_text(problem).endswith("duplicate key 'x'; first written at b.yaml:3:5")


def test_annotations_escape_what_github_interprets() -> None:
    problem = Diagnostic("a,b:c.yaml", Position(1, 2), "warning", "x", "100%\nsure: yes, it is")
    assert render_github(problem) == (
        "::warning file=a%2Cb%3Ac.yaml,line=1,col=2,title=x::100%25%0Asure: yes, it is"
    )


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        *(
            ("unti", "unit"),
            ("api_cal", "api_call"),
            ("API_CALL", "api_call"),
            ("toolcall", "tool_call"),
        ),
        *(("zebra", None), ("", None)),
    ],
)
def test_the_nearest_name_is_close_or_absent(name: str, meant: str | None) -> None:
    assert nearest(name, ["unit", "api_call", "tool_call", "api_error"]) == meant


def test_a_long_list_is_truncated_and_counted() -> None:
    assert listing(["a"]) == "a"
    assert listing(["a", "b", "c"]) == "a, b or c"
    assert listing(map(str, range(20)), limit=2) == "0, 1 or 18 more"


def test_quoted_text_stays_on_one_line_and_short() -> None:
    assert quote("a\nb") == r"'a\nb'"
    assert len(quote("x" * 500)) < 70


def test_a_path_below_the_working_directory_is_shown_relative_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "deep").mkdir()
    monkeypatch.chdir(tmp_path)
    assert load(tmp_path / "deep").diagnostics[0].path == "deep/catalog.yaml"
    monkeypatch.chdir(tmp_path / "deep")
    assert load(tmp_path / "other").diagnostics[0].path == f"{tmp_path}/other/catalog.yaml"


def test_problems_of_all_files_are_ordered_by_position(tmp_path: Path) -> None:
    (tmp_path / "catalog.yaml").write_text("version: 1.10\nvresion: 2\nversion: 3\n")
    (tmp_path / "event.yaml").write_text(json.dumps({"nam": "X"}))
    found = load(tmp_path).diagnostics
    assert [d.order for d in found] == sorted(d.order for d in found)
    assert {Path(d.path).name for d in found} == {"catalog.yaml", "event.yaml", "sdk.yaml"}
