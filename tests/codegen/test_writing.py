"""How a run changes the files under its root, and when it refuses to."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from codegen.cli import main
from codegen.commands import generating
from codegen.manifest import MANIFEST
from codegen.plan import Kind, Plan, RefusedError, plan
from codegen.render import JSON_COMMENT, NOTICE, File, Output, Splice, section
from codegen.write import write
from tests.codegen.tools import GOLDEN, REPOSITORY, tree


def generated(path: str, text: str = "1") -> File:
    return File(path, f"# {NOTICE}\n{text}\n")


def generate(root: Path, *outputs: Output, target: str = "t", partial: bool = False) -> None:
    write(plan(root, {target: outputs}, partial=partial))


def kinds(root: Path, *outputs: Output) -> dict[str, Kind]:
    drift = plan(root, {"t": outputs}).drift
    return {change.path: change.kind for change in drift if change.path != MANIFEST}


def reason(root: Path, *outputs: Output) -> str:
    before = tree(root)
    with pytest.raises(RefusedError) as refused:
        generate(root, *outputs)
    assert tree(root) == before, "a refused run must write nothing"
    (one,) = refused.value.args
    return str(one)


def test_a_second_run_writes_nothing(tmp_path: Path) -> None:
    generate(tmp_path, generated("a/b.py"))
    stamp = (tmp_path / "a/b.py").stat().st_mtime_ns
    compared = plan(tmp_path, {"t": [generated("a/b.py")]})
    assert (compared.changes, compared.unchanged) == ((), 1)
    write(compared)
    assert (tmp_path / "a/b.py").stat().st_mtime_ns == stamp


def test_missing_stale_edited_and_obsolete_files_are_distinguished(tmp_path: Path) -> None:
    names = ("edited.py", "gone.py", "obsolete.py", "same.py", "stale.py")
    generate(tmp_path, *map(generated, names))
    (tmp_path / "gone.py").unlink()
    (tmp_path / "edited.py").write_text(f"# {NOTICE}\nmine\n", encoding="utf-8")
    wanted = [generated(name) for name in ("edited.py", "gone.py", "same.py")]
    assert kinds(tmp_path, *wanted, generated("stale.py", "2")) == {
        "edited.py": Kind.EDITED,
        "gone.py": Kind.MISSING,
        "obsolete.py": Kind.OBSOLETE,
        "stale.py": Kind.STALE,
    }


def test_a_diff_leads_from_the_actual_to_the_expected_content(tmp_path: Path) -> None:
    generate(tmp_path, generated("a.py"))
    (tmp_path / "a.py").write_text(f"# {NOTICE}\nmine", encoding="utf-8")
    (change,) = plan(tmp_path, {"t": [generated("a.py")]}).changes
    assert change.diff().splitlines()[-2:] == ["-mine", "+1"]


def test_an_obsolete_file_is_removed_with_the_folders_it_leaves_empty(tmp_path: Path) -> None:
    generate(tmp_path, generated("a/b/c/d.py"), generated("a/e.py"))
    generate(tmp_path, generated("a/e.py"))
    assert sorted(tree(tmp_path)) == [MANIFEST, "a/e.py"]
    assert not (tmp_path / "a/b").exists()


def test_an_obsolete_file_edited_by_hand_is_kept(tmp_path: Path) -> None:
    generate(tmp_path, generated("a.py"), generated("b.py"))
    (tmp_path / "a.py").write_text("all mine\n", encoding="utf-8")
    generate(tmp_path, generated("b.py"))
    assert (tmp_path / "a.py").read_text(encoding="utf-8") == "all mine\n"


def test_an_unknown_file_in_a_generated_folder_is_reported_and_kept(tmp_path: Path) -> None:
    outputs = generated("a/_generated/b.py"), generated("c/d.py")
    generate(tmp_path, *outputs)
    (tmp_path / "a/_generated/mine.py").write_text("mine\n", encoding="utf-8")
    (tmp_path / "c/mine.py").write_text("mine\n", encoding="utf-8")
    (tmp_path / "c/lost.py").write_text(f"# {NOTICE}\n", encoding="utf-8")
    (tmp_path / "a/_generated/deep/er").mkdir(parents=True)
    (tmp_path / "a/_generated/deep/er/mine.py").write_text("mine\n", encoding="utf-8")
    (tmp_path / "a/_generated/link.py").symlink_to("mine.py")
    (tmp_path / "a/_generated/__pycache__").mkdir()
    (tmp_path / "a/_generated/__pycache__/b.pyc").write_bytes(b"")
    expected = dict.fromkeys(
        [*(f"a/_generated/{name}.py" for name in ("deep/er/mine", "link", "mine")), "c/lost.py"],
        Kind.UNTRACKED,
    )
    assert kinds(tmp_path, *outputs) == expected
    generate(tmp_path, *outputs)
    assert kinds(tmp_path, *outputs) == expected


def test_a_file_that_codegen_did_not_generate_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("mine\n", encoding="utf-8")
    assert reason(tmp_path, generated("a.py"), generated("b.py")) == (
        "a.py: a file that codegen did not generate is in the way; move or delete it"
    )


def test_json_has_the_notice_in_its_first_key(tmp_path: Path) -> None:
    def file(value: int) -> File:
        return File("a.json", json.dumps({**JSON_COMMENT, "value": value}, indent=2))

    generate(tmp_path, file(1))
    (tmp_path / MANIFEST).unlink()
    generate(tmp_path, file(2))
    assert json.loads((tmp_path / "a.json").read_bytes())["value"] == 2


def test_a_file_that_only_quotes_the_notice_is_hand_written(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(f"mine\n\n# {NOTICE}\n", encoding="utf-8")
    assert "a file that codegen did not generate" in reason(tmp_path, generated("a.py"))


def test_a_file_with_the_notice_is_generated_even_without_a_manifest(tmp_path: Path) -> None:
    generate(tmp_path, generated("a.py"))
    (tmp_path / MANIFEST).unlink()
    generate(tmp_path, generated("a.py", "2"))
    assert (tmp_path / "a.py").read_text(encoding="utf-8") == f"# {NOTICE}\n2\n"


@pytest.mark.parametrize(
    "path", ["../a.py", "/a.py", "a/../../b.py", "a//b.py", "./a.py", "a\\b.py"]
)
def test_a_path_outside_the_root_is_rejected(tmp_path: Path, path: str) -> None:
    root = tmp_path / "root"
    root.mkdir()
    assert "is not a plain relative path inside the root" in reason(root, generated(path))


def test_a_symbolic_link_is_rejected_as_a_file_and_as_a_folder(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    root.mkdir()
    outside.mkdir()
    (root / "folder").symlink_to(outside)
    (root / "file.py").symlink_to(outside / "file.py")
    assert "folder is a symbolic link" in reason(root, generated("folder/a.py"))
    assert "file.py is a symbolic link" in reason(root, generated("file.py"))
    assert list(outside.iterdir()) == []


def test_a_file_in_place_of_a_folder_and_the_reverse_are_rejected(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("mine\n", encoding="utf-8")
    (tmp_path / "b.py").mkdir()
    assert "a is not a directory" in reason(tmp_path, generated("a/b.py"))
    assert "is not a regular file" in reason(tmp_path, generated("b.py"))


def test_two_outputs_with_one_path_are_rejected(tmp_path: Path) -> None:
    assert "generated twice" in reason(tmp_path, generated("a.py"), generated("a.py", "2"))


@pytest.mark.parametrize("text", ["", "<<<<<<< ours", '{"t": 1}', "null"])
def test_a_corrupt_manifest_is_reported_with_a_remedy(tmp_path: Path, text: str) -> None:
    (tmp_path / MANIFEST).write_text(text, encoding="utf-8")
    assert "perhaps by a merge; delete it and run `generate`" in reason(tmp_path, generated("a.py"))


def test_a_partial_run_leaves_other_targets_alone(tmp_path: Path) -> None:
    write(plan(tmp_path, {"one": [generated("one.py")], "two": [generated("two.py")]}))
    (tmp_path / "two.py").unlink()
    generate(tmp_path, generated("one.py", "2"), target="one", partial=True)
    assert sorted(tree(tmp_path)) == [MANIFEST, "one.py"]
    assert list(json.loads((tmp_path / MANIFEST).read_bytes())) == ["one", "two"]


def test_a_full_run_removes_the_files_of_a_target_that_no_longer_exists(tmp_path: Path) -> None:
    write(plan(tmp_path, {"one": [generated("one.py")], "two": [generated("two.py")]}))
    generate(tmp_path, generated("one.py"), target="one")
    assert sorted(tree(tmp_path)) == [MANIFEST, "one.py"]


def test_a_section_of_a_hand_written_file_is_replaced_and_the_rest_kept(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_bytes(b"before\r\n<!-- generated: x -->\nold\n<!-- /generated -->\nafter")
    readme.chmod(0o600)
    generate(tmp_path, section("README.md", "x", "new\\1\n"))
    assert readme.read_bytes() == (
        b"before\r\n<!-- generated: x -->\nnew\\1\n<!-- /generated -->\nafter"
    )
    assert readme.stat().st_mode & 0o777 == 0o600
    assert kinds(tmp_path, section("README.md", "x", "new\\1\n")) == {}


def test_two_sections_of_one_file_are_both_replaced(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_text("a=1 b=2", encoding="utf-8")
    parts = [Splice("a.txt", name, re.compile(rf"{name}=(\d)"), "9") for name in "ab"]
    generate(tmp_path, *parts)
    assert file.read_text(encoding="utf-8") == "a=9 b=9"


def test_a_section_of_an_absent_file_is_skipped(tmp_path: Path) -> None:
    generate(tmp_path, section("README.md", "x", "new\n"))
    assert sorted(tree(tmp_path)) == [MANIFEST]


@pytest.mark.parametrize("times", [0, 2])
def test_a_section_must_have_exactly_one_place(tmp_path: Path, times: int) -> None:
    text = "<!-- generated: x -->\n<!-- /generated -->\n" * times
    (tmp_path / "README.md").write_text(text, encoding="utf-8")
    assert reason(tmp_path, section("README.md", "x", "")) == (
        "README.md: expected one place for `<!-- generated: x -->` … `<!-- /generated -->`, "
        f"found {times}"
    )


def test_a_hand_written_file_that_is_not_utf8_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_bytes(b"\xff")
    assert "not UTF-8" in reason(tmp_path, section("README.md", "x", ""))


def test_temporary_files_of_a_killed_run_are_removed(tmp_path: Path) -> None:
    generate(tmp_path, generated("a/b.py"))
    (tmp_path / "a/.b.py.codegen-tmp").write_text("half", encoding="utf-8")
    assert kinds(tmp_path, generated("a/b.py")) == {}
    generate(tmp_path, generated("a/b.py"))
    assert sorted(tree(tmp_path)) == [MANIFEST, "a/b.py"]


def test_runs_at_the_same_time_write_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writing = threading.Semaphore(0)
    overlaps: list[bool] = []
    inside: list[int] = []

    def watched(plan: Plan) -> None:
        inside.append(1)
        overlaps.append(len(inside) > 1)
        writing.acquire(timeout=0.5)  # gives the others time to come in, if nothing stops them
        write(plan)
        inside.pop()

    monkeypatch.setattr(generating, "write", watched)
    command = ["generate", "--target", "docs", "--schema", str(GOLDEN / "plain/schema")]
    with ThreadPoolExecutor(3) as pool:
        runs = [pool.submit(main, [*command, "--root", str(tmp_path)]) for _ in range(3)]
    assert [run.result() for run in runs] == [0, 0, 0]
    assert overlaps == [False] * 3


def test_a_file_that_cannot_be_written_is_named_and_leaves_nothing(tmp_path: Path) -> None:
    """A limit on the size of files fails as a full disk does: in write(), which names no file."""
    generate(tmp_path, generated("a.py"))
    program = (
        "import resource, signal; from pathlib import Path; from codegen.write import write_file;"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10)); write_file(Path('a.py'), b'x' * 100)"
    )
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    result = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "File too large: 'a.py'" in result.stderr
    assert sorted(tree(tmp_path)) == [MANIFEST, "a.py"]
