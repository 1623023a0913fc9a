"""What the generator makes of a catalog is exactly what stands in its folder.

A case is a folder of `golden/`: `schema/` is read, `expected/` must come out. After a change
that is meant, look at the difference that git shows after

    UPDATE_GOLDEN=1 pytest tests/codegen/test_golden.py

The default catalog's golden is the repository itself: `python -m codegen check` compares it.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from codegen.targets import TARGETS
from tests.codegen.tools import GOLDEN, REPOSITORY, codegen, tree

CASES = sorted(path.name for path in GOLDEN.iterdir())
# Vectors hold no text of the catalog, and would be most of the bytes.
COMPARED = [name for name in TARGETS if name != "vectors"]
EXAMPLES = sorted(path.parent.name for path in REPOSITORY.glob("schema/examples/*/catalog.yaml"))


@pytest.mark.parametrize("case", CASES)
def test_a_catalog_gives_the_files_of_its_case(case: str, tmp_path: Path) -> None:
    expected = GOLDEN / case / "expected"
    schema = GOLDEN / case / "schema"
    result = codegen("generate", "--schema", schema, "--root", tmp_path, "--target", *COMPARED)
    assert result.returncode == 0, result.stderr
    if os.environ.get("UPDATE_GOLDEN"):
        shutil.rmtree(expected, ignore_errors=True)
        shutil.copytree(tmp_path, expected)
    made, wanted = tree(tmp_path), tree(expected)
    assert sorted(made) == sorted(wanted)
    for path, text in wanted.items():
        assert made[path].decode() == text.decode(), path


def test_the_committed_output_is_what_the_default_catalog_gives() -> None:
    result = codegen("check")
    assert result.returncode == 0, result.stderr


def test_there_is_a_whole_other_catalog() -> None:
    assert EXAMPLES


@pytest.mark.parametrize("name", EXAMPLES)
def test_another_company_finds_nothing_of_ours_in_its_output(name: str, tmp_path: Path) -> None:
    schema = REPOSITORY / "schema" / "examples" / name
    result = codegen("generate", "--schema", schema, "--root", tmp_path)
    assert result.returncode == 0, result.stderr
    for path, text in tree(tmp_path).items():
        assert b"eka" not in text.lower(), f"{path} knows the default catalog"
