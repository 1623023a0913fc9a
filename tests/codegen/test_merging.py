"""Branches that change the catalog merge: what git cannot merge, `generate` alone mends."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import subprocess
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from codegen.cli import main
from codegen.manifest import MANIFEST, read_manifest
from tests.codegen.tools import GOLDEN, tree

IDENTITY = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.com"}
IDENTITY |= {name.replace("AUTHOR", "COMMITTER"): value for name, value in IDENTITY.items()}
CATALOG = "schema/catalog.yaml"
FIELD = (
    "type: string, set_by: caller, optional: true, max_length: 9, column: String, "
    "description: A word."
)
FAX = """
  fax:
    title: Fax
    owner: platform
    description: Facsimiles.
    metric_types:
      page: {unit: call, description: Pages sent.}
"""


class Repository:
    """A project in git; its generated files are committed."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def git(self, *arguments: str, status: int = 0) -> str:
        command = ["git", "-c", "commit.gpgsign=false", *arguments]
        result = subprocess.run(
            command,
            cwd=self.root,
            env={**os.environ, **IDENTITY},
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == status, result.stdout + result.stderr
        return result.stdout

    def codegen(self, *command: str) -> tuple[int, str]:
        output = io.StringIO()
        with contextlib.chdir(self.root), redirect_stdout(output), redirect_stderr(output):
            status = main([*command, "--schema", "schema", "--root", "."])
        return status, output.getvalue()

    def generate(self) -> None:
        status, output = self.codegen("generate")
        assert status == 0, output

    def commit(self, message: str) -> None:
        self.generate()
        self.git("add", "-A")
        self.git("commit", "-qm", message)

    def branch(self, name: str, *edits: tuple[str, str], file: str = CATALOG) -> None:
        """Makes a branch of main with edits of a schema file, and all files generated."""
        self.git("switch", "-qc", name, "main")
        self.edit(*edits, file=file)
        self.commit(name)

    def edit(self, *edits: tuple[str, str], file: str = CATALOG) -> None:
        path = self.root / file
        text = path.read_text(encoding="utf-8")
        for before, after in edits:
            assert before in text
            text = text.replace(before, after, 1)
        path.write_text(text, encoding="utf-8")

    def conflicts(self, branch: str) -> set[str]:
        """Merges a branch and returns the files in conflict."""
        self.git("merge", "-q", branch, status=1)
        return set(self.git("diff", "--name-only", "--diff-filter=U").split())

    def is_as_generated(self, fresh: Path) -> None:
        """Fails unless every file is what a new project of this catalog has."""
        status, output = self.codegen("check")
        assert status == 0, output
        shutil.copytree(self.root / "schema", fresh / "schema")
        assert main(["generate", "--schema", str(fresh / "schema"), "--root", str(fresh)]) == 0
        ours = {
            path: text for path, text in tree(self.root).items() if not path.startswith(".git/")
        }
        assert ours == tree(fresh)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    repository = Repository(tmp_path_factory.mktemp("template"))
    shutil.copytree(GOLDEN / "plain/schema", repository.root / "schema")
    repository.git("init", "-q", "-b", "main", ".")
    repository.commit("start")
    return repository.root


@pytest.fixture
def repository(template: Path, tmp_path: Path) -> Repository:
    shutil.copytree(template, tmp_path / "project")
    return Repository(tmp_path / "project")


def test_two_additions_are_mended_by_generate_alone(repository: Repository, tmp_path: Path) -> None:
    first = (
        "    metric_types:\n",
        "    metric_types:\n      ping: {unit: call, description: P.}\n",
    )
    repository.branch("one", first)
    repository.branch("two", ("\nproducts:\n", f"\nproducts:{FAX}"))
    conflicts = repository.conflicts("one")
    assert CATALOG not in conflicts
    assert MANIFEST in conflicts
    status, output = repository.codegen("check")
    assert status == 1
    for path in conflicts - {MANIFEST}:
        assert f"{path}:1:1: error[conflicted]: in conflict after a merge; run `generate`" in output
    repository.generate()
    repository.is_as_generated(tmp_path / "fresh")


def test_fields_of_two_branches_are_two_migrations_with_one_number(tmp_path: Path) -> None:
    repository = Repository(tmp_path)
    shutil.copytree(GOLDEN / "hostile/schema", tmp_path / "schema")
    repository.git("init", "-q", "-b", "main", ".")
    repository.commit("start")
    for name, before in (("floor", "url_ids"), ("wing", "maker_of")):
        field = f"  {name}: {{{FIELD}}}\n  {before}:\n"
        repository.branch(name, (f"  {before}:\n", field), file="schema/event.yaml")
    assert "schema/event.yaml" not in repository.conflicts("floor")
    repository.commit("merged")
    folder = "infra/clickhouse"
    numbers = [path.name[:4] for path in sorted((tmp_path / folder).glob("*.sql"))]
    assert len(numbers) == len(set(numbers)) + 1
    added = {path.name.partition("_")[2] for path in (tmp_path / folder).glob("*.sql")}
    assert added >= {"add_floor.sql", "add_wing.sql"}
    assert repository.codegen("check")[0] == 0
    event = ("  url_ids:\n", f"  door: {{{FIELD}}}\n  url_ids:\n")
    repository.edit(event, file="schema/event.yaml")
    repository.generate()
    third = next((tmp_path / folder).glob("*_add_door.sql"))
    assert third.name[:4] == f"{int(max(numbers)) + 1:04}"
    text = third.read_text(encoding="utf-8")
    assert text.count("ADD COLUMN") == 1


def test_two_edits_of_one_metric_type_conflict_in_the_catalog_only(
    repository: Repository, tmp_path: Path
) -> None:
    text = (repository.root / CATALOG).read_text(encoding="utf-8")
    line = next(line for line in text.splitlines() if "unit: call" in line)
    repository.branch("one", (line, f"{line}\n        title: One" if "{" not in line else line))
    repository.branch("two", (line, f"{line}\n        title: Two" if "{" not in line else line))
    conflicts = repository.conflicts("one")
    assert CATALOG in conflicts
    before = tree(repository.root)
    status, output = repository.codegen("generate")
    assert status == 1
    assert "error[merge-conflict]: both sides of a merge conflict stand here" in output
    assert tree(repository.root) == before
    repository.git("checkout", "--ours", CATALOG)
    repository.generate()
    repository.is_as_generated(tmp_path / "fresh")


def test_a_manifest_that_is_damaged_without_a_merge_is_refused() -> None:
    for damaged in (b"", b"[]", b'{"a": 1}', b"{", b'{\n  "docs": {\n    "a.md": 5\n'):
        with pytest.raises(ValueError, match="is damaged"):
            read_manifest(damaged)


def test_a_conflict_keeps_what_both_sides_own() -> None:
    sha = {name: name * 64 for name in "abc"}
    merged = "\n".join(
        (
            "{",
            '  "docs": {',
            f'    "docs/a.md": "{sha["a"]}",',
            "<<<<<<< HEAD",
            f'    "docs/b.md": "{sha["b"]}"',
            "=======",
            f'    "docs/b.md": "{sha["c"]}",',
            f'    "docs/c.md": "{sha["c"]}"',
            ">>>>>>> other",
            "  },",
            '  "teams": {}',
            "}",
        )
    )
    recorded = read_manifest(merged.encode())
    assert recorded.merged
    assert recorded.digests == {
        "docs/a.md": (sha["a"],),
        "docs/b.md": (sha["b"], sha["c"]),
        "docs/c.md": (sha["c"],),
    }
