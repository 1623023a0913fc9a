"""What breaks services, stored events or invoices: each rule has a case that it alone fails.

`breaking/released` is the last release. A folder of `breaking/cases` holds the files that differ
from it, and in expected.txt the problems verbatim, because people read them.
"""

from __future__ import annotations

import contextlib
import copy
import io
import json
import os
import random
import shutil
import subprocess
from contextlib import redirect_stderr, redirect_stdout
from datetime import date
from pathlib import Path

import pytest

from codegen.changes import RULES
from codegen.changes.judge import compare, judge, judge_dates
from codegen.changes.reference import Reference, read_reference, saved
from codegen.changes.words import as_json, as_markdown
from codegen.cli import main
from codegen.diagnostics import render_text
from codegen.load import load
from tests.codegen.test_load import corrupt, routes
from tests.codegen.tools import codegen, tree

HERE = Path(__file__).parent / "breaking"
RELEASED = HERE / "released"
CASES = sorted(path.name for path in (HERE / "cases").iterdir())
TODAY = date(2027, 6, 30)


@pytest.fixture
def schema(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The schema files of the release, in a folder of their own."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(RELEASED, tmp_path / "schema")
    return Path("schema")


def edit(schema: Path, before: str, after: str, file: str = "catalog") -> None:
    path = schema / f"{file}.yaml"
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, after, 1), encoding="utf-8")


def problems(schema: Path, today: date = TODAY, against: Path = RELEASED) -> str:
    loaded = load(schema)
    assert loaded.model is not None, [render_text(d) for d in loaded.diagnostics]
    comparison = compare(read_reference(str(against), schema), loaded.sources)
    found = [*judge_dates(loaded.sources, today), *judge(comparison)]
    return "".join(f"{render_text(d)}\n" for d in sorted(found, key=lambda d: d.order))


def test_every_rule_has_a_case() -> None:
    assert set(CASES) == {*RULES, "version-not-raised"}


def test_nothing_breaks_without_a_change(schema: Path) -> None:
    assert problems(schema) == ""


@pytest.mark.parametrize("case", CASES)
def test_a_break_fails_its_rule_alone_and_names_its_cost(case: str, schema: Path) -> None:
    shutil.copytree(HERE / "cases" / case, schema, dirs_exist_ok=True)
    expected = HERE / "cases" / case / "expected.txt"
    found = problems(schema)
    if os.environ.get("UPDATE_GOLDEN"):
        expected.write_text(found, encoding="utf-8")
    assert found == expected.read_text(encoding="utf-8")
    assert found
    assert all(f"error[{case}]: " in line for line in found.splitlines())
    assert case not in RULES or RULES[case].cost in found


@pytest.mark.parametrize("case", [case for case in CASES if case in RULES])
def test_an_accepted_break_is_no_problem(case: str, schema: Path) -> None:
    shutil.copytree(HERE / "cases" / case, schema, dirs_exist_ok=True)
    found = breaks_of(schema)
    entries = sorted({f"rule: {case}, at: {at}" for at in found})
    block = "".join(f'  - {{{entry}, reason: Agreed., until: "2027-06-30"}}\n' for entry in entries)
    with (schema / "catalog.yaml").open("a", encoding="utf-8") as file:
        file.write(f"accepted_breaks:\n{block}")
    if RULES[case].never:
        assert "[unknown-value]" in "".join(map(render_text, load(schema).diagnostics))
        return
    assert problems(schema) == ""
    assert problems(schema, date(2027, 7, 1)).count("[accepted-break-expired]") == len(entries)


def breaks_of(schema: Path) -> list[str]:
    """Returns the places of all breaks, as accepted_breaks names them."""
    comparison = compare(read_reference(str(RELEASED), schema), load(schema).sources)
    return [found.change.at for found in comparison.breaking]


def accept(schema: Path, rule: str, at: str, until: str = "2027-12-31") -> None:
    entry = f'  - {{rule: {rule}, at: {at}, reason: Agreed., until: "{until}"}}\n'
    with (schema / "catalog.yaml").open("a", encoding="utf-8") as file:
        file.write(f"accepted_breaks:\n{entry}")


def test_an_accepted_break_that_nothing_needs_is_a_problem(schema: Path) -> None:
    accept(schema, "status-removed", "trial")
    assert problems(schema) == (
        "schema/catalog.yaml:49:5: error[accepted-break-unused]: nothing that status-removed finds "
        "at 'trial' changed since 1.2.0: remove it\n"
    )


def test_a_branch_inherits_the_accepted_breaks_of_the_branch_it_started_from(
    schema: Path, tmp_path: Path
) -> None:
    accept(schema, "status-removed", "trial")
    shutil.copytree(schema, tmp_path / "main")
    assert problems(schema, against=tmp_path / "main") == ""


def test_a_day_that_does_not_exist_is_a_problem(schema: Path) -> None:
    accept(schema, "status-removed", "trial", "2027-02-30")
    assert "[accepted-break-date]: '2027-02-30' is no day of the calendar" in problems(schema)


def test_a_day_without_quotes_is_a_problem_of_the_file(schema: Path) -> None:
    accept(schema, "status-removed", "trial", "")
    edit(schema, 'until: ""', "until: 2027-12-31")
    (found,) = load(schema).diagnostics
    assert 'a date: quote it: "2027-12-31"' in found.message


@pytest.mark.parametrize(
    ("version", "before", "after", "wanted"),
    [
        ("1.2.0", "title: API", "title: The API", "1.2.1"),
        (
            "1.2.9",
            "  trial: {",
            "  free: {billable: false, description: Free.}\n  trial: {",
            "1.3.0",
        ),
        ("1.9.0", "  trial: {", "  sample: {", "2.0.0"),
    ],
)
def test_the_version_is_raised_as_semver_asks(
    version: str, before: str, after: str, wanted: str, schema: Path
) -> None:
    edit(schema, "version: 1.2.0", f"version: {version}")
    edit(schema, before, after)
    assert f"version {version} is too low" in problems(schema)
    assert f"for {wanted} or later" in problems(schema)
    edit(schema, f"version: {version}", f"version: {wanted}")
    assert "version-not-raised" not in problems(schema)


def test_before_1_0_0_a_break_raises_the_minor_number(schema: Path, tmp_path: Path) -> None:
    edit(schema, "version: 1.2.0", "version: 0.2.0")
    edit(schema, "removed: {in: 1.1.0", "removed: {in: 0.1.0")
    shutil.copytree(schema, tmp_path / "before")
    edit(schema, "  trial: {", "  sample: {")
    assert "for 0.3.0 or later" in problems(schema, against=tmp_path / "before")


def test_an_announced_removal_is_no_break(schema: Path, tmp_path: Path) -> None:
    edit(
        schema,
        "scan: {unit: page,",
        "scan: {unit: page, deprecated: {since: 1.2.0, remove_in: 2.0.0},",
    )
    shutil.copytree(schema, tmp_path / "before")
    edit(schema, "version: 1.2.0", "version: 2.0.0")
    edit(schema, "deprecated: {since: 1.2.0, remove_in: 2.0.0}", "removed: {in: 2.0.0}")
    assert problems(schema, against=tmp_path / "before") == ""


@pytest.mark.parametrize("form", ["ref", "folder", "file"])
def test_the_reference_is_a_git_ref_a_folder_or_a_saved_file(
    form: str, schema: Path, tmp_path: Path
) -> None:
    reference = {"ref": "released", "folder": str(RELEASED), "file": "saved.json"}[form]
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", "init", "-q", "."], cwd=tmp_path, check=True)
    subprocess.run(["git", "add", "schema"], cwd=tmp_path, check=True)
    subprocess.run([*git, "commit", "-qm", "a"], cwd=tmp_path, check=True)
    subprocess.run(["git", "tag", "released"], cwd=tmp_path, check=True)
    data = {name: source.data for name, source in load(schema).sources.items()}
    (tmp_path / "saved.json").write_text(saved(data), encoding="utf-8")
    edit(schema, "version: 1.2.0", "version: 2.0.0")
    edit(schema, "  trial: {", "  sample: {")
    command = ("breaking", "--schema", "schema", "--root", ".", "--against", reference)
    result = codegen(*command, cwd=tmp_path)
    assert result.returncode == 1, result.stderr
    assert "schema/catalog.yaml:8:1: error[status-removed]: status 'trial' is gone" in result.stderr
    assert "codegen: 1 problem since 1.2.0" in result.stderr


@pytest.mark.parametrize("reference", ["no-such-ref", "--output=x", "schema/event.yaml"])
def test_a_reference_that_cannot_be_read_is_a_usage_error(
    reference: str, schema: Path, tmp_path: Path
) -> None:
    command = ("breaking", "--schema", schema, "--root", ".", f"--against={reference}")
    result = codegen(*command, cwd=tmp_path)
    assert result.returncode == 2
    assert f"codegen: --against {reference}: " in result.stderr
    assert "Traceback" not in result.stderr


def test_without_a_release_breaking_asks_for_a_reference(schema: Path, tmp_path: Path) -> None:
    result = codegen("breaking", "--schema", schema, "--root", ".", cwd=tmp_path)
    assert result.returncode == 2
    assert "nothing is released yet" in result.stderr


class Released:
    """A project with a release, and its commands."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.schema = root / "schema"

    def run(self, *command: str) -> tuple[int, str]:
        """Runs a command in this process, which has imported everything already."""
        output = io.StringIO()
        with contextlib.chdir(self.root), redirect_stdout(output), redirect_stderr(output):
            status = main([*command, "--schema", "schema", "--root", "."])
        return status, output.getvalue()

    def ok(self, *command: str) -> str:
        status, output = self.run(*command)
        assert status == 0, output
        return output


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Released:
    project = Released(tmp_path_factory.mktemp("released"))
    shutil.copytree(RELEASED, project.schema)
    project.ok("generate")
    project.ok("release")
    return project


@pytest.fixture
def project(template: Released, tmp_path: Path) -> Released:
    shutil.copytree(template.root, tmp_path / "project")
    return Released(tmp_path / "project")


def test_check_compares_with_the_committed_release_without_git(project: Released) -> None:
    project.ok("check")
    edit(project.schema, "version: 1.2.0", "version: 2.0.0")
    edit(project.schema, "scan: {unit: page", "scan: {unit: call")
    project.ok("generate")
    status, output = project.run("check")
    assert status == 1
    assert (
        "schema/catalog.yaml:31:14: error[unit-changed]: the unit of 'api/scan' changed" in output
    )
    assert "invoices already sent change" in output
    assert "codegen: 1 problem of the catalog" in output


def test_only_release_writes_the_baseline(project: Released) -> None:
    before = (project.schema / "baseline.json").read_bytes()
    edit(project.schema, "version: 1.2.0", "version: 1.2.1")
    edit(project.schema, "title: API", "title: The API")
    project.ok("generate")
    project.ok("check")
    assert (project.schema / "baseline.json").read_bytes() == before
    assert "1.2.1 is the last release now" in project.ok("release")
    assert (
        json.loads((project.schema / "baseline.json").read_bytes())["catalog"]["version"] == "1.2.1"
    )


def test_release_refuses_a_version_that_was_not_raised(project: Released) -> None:
    before = tree(project.root)
    status, output = project.run("release")
    assert status == 1
    assert "version 1.2.0 is not higher than the last release, 1.2.0" in output
    assert tree(project.root) == before


def test_release_refuses_what_check_rejects(project: Released) -> None:
    before = (project.schema / "baseline.json").read_bytes()
    edit(project.schema, "version: 1.2.0", "version: 2.0.0")
    status, output = project.run("release")
    assert status == 1
    assert "not as generated; run `python -m codegen generate` first" in output
    edit(project.schema, "  trial: {", "  sample: {")
    project.ok("generate")
    status, output = project.run("release")
    assert status == 1
    assert "[status-removed]" in output
    assert (project.schema / "baseline.json").read_bytes() == before


def test_a_damaged_baseline_is_a_located_problem(project: Released) -> None:
    (project.schema / "baseline.json").write_text("{}", encoding="utf-8")
    status, output = project.run("check")
    assert status == 1
    assert "schema/baseline.json:1:1: error[baseline]: is not a saved release" in output


def test_an_accepted_break_expires_on_the_day_that_is_passed(project: Released) -> None:
    edit(project.schema, "version: 1.2.0", "version: 2.0.0")
    edit(project.schema, "  trial: {", "  sample: {")
    accept(project.schema, "status-removed", "trial", "2027-06-30")
    project.ok("generate")
    project.ok("check", "--today", "2027-06-30")
    status, output = project.run("check", "--today", "2027-07-01")
    assert status == 1
    assert "error[accepted-break-expired]: this exception expired on 2027-06-30" in output


@pytest.mark.parametrize("seed", range(10))
def test_a_release_of_an_older_schema_is_compared_as_far_as_it_can_be_read(
    seed: int, schema: Path
) -> None:
    chance = random.Random(seed)
    accept(schema, "status-removed", "trial")
    loaded = load(schema)
    for _ in range(20):
        data = {name: copy.deepcopy(source.data) for name, source in loaded.sources.items()}
        for _ in range(chance.randint(1, 4)):
            file = chance.choice(list(data))
            corrupt(data[file], chance.choice(list(routes(data[file]))), chance)
        comparison = compare(Reference("older", data), loaded.sources)
        assert all(render_text(d) for d in judge(comparison))
        assert as_markdown(comparison)
        assert json.loads(as_json(comparison))
