"""The command line: its output and exit status."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from codegen.diagnostics import listing
from codegen.plan import MANIFEST
from codegen.targets import TARGETS
from tests.codegen.tools import GOLDEN, codegen, tree

SCHEMA = GOLDEN / "plain" / "schema"
SUMMARY = r"(\d+) files? changed, (\d+) unchanged, (\d+) removed in \d+\.\d s\n"
EDITED = "edited by hand; change schema/ or a template instead, and run `generate`"
UNTRACKED = "not made by codegen, in a place for generated files; delete it or move it away"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    assert codegen("generate", "--schema", SCHEMA, "--root", folder).returncode == 0
    return folder


@pytest.fixture
def root(made: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    shutil.copytree(made, folder)
    return folder


def test_the_summary_counts_changed_unchanged_and_removed_files(root: Path) -> None:
    (root / "docs/errors.md").unlink()
    count = len(tree(root))
    result = codegen("generate", "--schema", SCHEMA, "--root", root)
    assert (result.returncode, result.stderr) == (0, "")
    match = re.fullmatch(SUMMARY, result.stdout)
    assert match is not None, result.stdout
    assert match.groups() == ("1", str(count - 1), "0")


@pytest.mark.parametrize("command", [["check"], ["generate", "--check"]])
def test_check_prints_one_line_if_everything_is_up_to_date(command: list[str], root: Path) -> None:
    result = codegen(*command, "--schema", SCHEMA, "--root", root)
    assert (result.returncode, result.stderr) == (0, "")
    assert re.fullmatch(r"\d+ files up to date, in \d+\.\d s\n", result.stdout)


@pytest.mark.parametrize("command", [["check"], ["generate", "--check"]])
def test_check_reports_every_difference_and_writes_nothing(command: list[str], root: Path) -> None:
    (root / "docs/errors.md").unlink()
    settings = root / "docs/settings.md"
    settings.write_text(settings.read_text().replace("# Settings", "# Mine"))
    (root / "sdks/typescript/src/generated/mine.ts").write_text("export {};\n")
    before = tree(root)
    result = codegen(*command, "--schema", SCHEMA, "--root", root)
    assert result.returncode == 1
    assert tree(root) == before
    reported = [line for line in result.stderr.splitlines() if re.match(r"[a-z].*: ", line)]
    assert reported == [
        "docs/errors.md:1:1: error[missing]: missing; run `generate`",
        f"docs/settings.md:1:1: error[edited]: {EDITED}",
        f"sdks/typescript/src/generated/mine.ts:1:1: error[untracked]: {UNTRACKED}",
        "codegen: 3 files not as generated; run `python -m codegen generate`",
    ]
    assert "-# Mine" in result.stderr
    assert "+# Settings" in result.stderr


def test_github_format_prints_an_annotation_for_each_difference(root: Path) -> None:
    (root / "docs/errors.md").unlink()
    result = codegen("check", "--format", "github", "--schema", SCHEMA, "--root", root)
    assert result.returncode == 1
    assert result.stderr.startswith(
        "::error file=docs/errors.md,line=1,col=1,title=missing::missing"
    )


@pytest.mark.parametrize("form", ["text", "github"])
def test_a_manifest_that_only_follows_another_difference_is_not_reported(
    form: str, root: Path
) -> None:
    settings = root / "docs/settings.md"
    settings.write_text(f"{settings.read_text()}more\n")
    (root / MANIFEST).write_text((root / MANIFEST).read_text().replace("docs/", "doc/"))
    result = codegen("check", "--format", form, "--schema", SCHEMA, "--root", root)
    assert result.returncode == 1
    assert MANIFEST not in result.stderr
    assert "codegen: 1 file not as generated" in result.stderr


def test_a_manifest_that_differs_alone_is_reported_without_its_digests(root: Path) -> None:
    (root / MANIFEST).write_text((root / MANIFEST).read_text().replace('": "', '": "0'))
    result = codegen("check", "--schema", SCHEMA, "--root", root)
    assert result.stderr.splitlines() == [
        f"{MANIFEST}:1:1: error[stale]: out of date; run `generate`",
        "codegen: 1 file not as generated; run `python -m codegen generate`",
    ]


def test_generated_files_are_recognised_without_a_manifest(root: Path) -> None:
    made = tree(root)
    (root / MANIFEST).unlink()
    for path in made:
        if path != MANIFEST:
            with (root / path).open("a") as file:
                file.write("stale\n")
    result = codegen("generate", "--schema", SCHEMA, "--root", root)
    assert result.returncode == 0, result.stderr
    assert tree(root) == made


def test_an_invalid_schema_changes_nothing(root: Path, tmp_path: Path) -> None:
    schema = tmp_path / "schema"
    shutil.copytree(SCHEMA, schema)
    catalog = schema / "catalog.yaml"
    catalog.write_text(catalog.read_text().replace("unit: call", "unit: cal"))
    before = tree(root)
    result = codegen("generate", "--schema", schema, "--root", root)
    assert result.returncode == 1
    assert "catalog.yaml:26:15: error[unknown-unit]" in result.stderr
    assert result.stderr.endswith("codegen: 1 problem; nothing written\n")
    assert tree(root) == before


@pytest.mark.parametrize("name", TARGETS)
def test_one_target_generates_only_its_own_files(name: str, made: Path, tmp_path: Path) -> None:
    result = codegen("generate", "--schema", SCHEMA, "--root", tmp_path, "--target", name)
    assert result.returncode == 0, result.stderr
    files = tree(tmp_path)
    files.pop(".codegen.json")
    assert files
    assert files.items() < tree(made).items()


def test_all_targets_one_by_one_generate_the_same_as_one_run(made: Path, tmp_path: Path) -> None:
    for name in TARGETS:
        codegen("generate", "--schema", SCHEMA, "--root", tmp_path, "--target", name)
    assert tree(tmp_path) == tree(made)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "the following arguments are required: COMMAND"),
        (["generat"], "generat"),
        (["generate", "--target", "typscript"], "unknown target 'typscript': did you mean 'typ"),
        (["generate", "--target", "cobol"], f"expected {listing(TARGETS)}"),
        (["generate", "--root", "no/such/folder"], "--root no/such/folder: no such folder"),
        (["check", "--schema", "no/such/folder"], "--schema no/such/folder: no such folder"),
        (["check", "--schema", "Makefile"], "--schema Makefile: a file; expected the folder of"),
        (["check", "--format", "xml"], "invalid choice: 'xml'"),
    ],
)
def test_a_usage_error_explains_what_is_expected(arguments: list[str], message: str) -> None:
    result = codegen(*arguments)
    assert result.returncode == 2
    assert message in result.stderr
    assert "Traceback" not in result.stderr


def test_a_missing_schema_file_is_a_located_problem(tmp_path: Path) -> None:
    result = codegen("check", "--schema", tmp_path, "--root", tmp_path)
    assert result.returncode == 1
    assert "catalog.yaml:1:1: error" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_hand_written_file_in_the_way_is_kept_and_reported(tmp_path: Path) -> None:
    path = tmp_path / "docs/errors.md"
    path.parent.mkdir()
    path.write_text("mine\n")
    result = codegen("generate", "--schema", SCHEMA, "--root", tmp_path)
    assert result.returncode == 1
    assert "docs/errors.md:1:1: error[refused]: a file that codegen did not make" in result.stderr
    assert tree(tmp_path) == {"docs/errors.md": b"mine\n"}


def test_a_folder_that_cannot_be_written_is_reported() -> None:
    result = codegen("generate", "--schema", SCHEMA, "--root", "/sys")  # read-only even for root
    assert result.returncode == 1
    assert re.fullmatch(r"codegen: /sys/\S+: .+\n", result.stderr)


def test_help_shows_examples_and_exit_status() -> None:
    result = codegen("--help")
    assert result.returncode == 0
    assert "python -m codegen generate --check" in result.stdout
    assert "exit status: 0 fine, 1 problems found, 2 wrong use" in result.stdout
