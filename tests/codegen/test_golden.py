"""The generator's output for a catalog is exactly the committed one.

A case is a folder of `golden/`, with the input in `schema/` and the output in `expected/`. After an
intended change, update the output and review it with `git diff`:

    UPDATE_GOLDEN=1 pytest tests/codegen/test_golden.py

The default catalog's golden is the repository itself: `python -m codegen check` compares it.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from codegen.manifest import MANIFEST
from codegen.targets import TARGETS
from tests.codegen.tools import GOLDEN, REPOSITORY, codegen, tree

CASES = sorted(path.name for path in GOLDEN.iterdir())
# Vectors contain no text of the catalog, and would be most of the bytes.
COMPARED = [name for name in TARGETS if name != "vectors"]
EXAMPLES = sorted(path.parent.name for path in REPOSITORY.glob("schema/examples/*/sdk.yaml"))


@pytest.mark.parametrize("case", CASES)
def test_a_catalog_generates_the_expected_files(case: str, tmp_path: Path) -> None:
    expected = GOLDEN / case / "expected"
    schema = GOLDEN / case / "schema"
    result = codegen("generate", "--schema", schema, "--root", tmp_path, "--target", *COMPARED)
    assert result.returncode == 0, result.stderr
    (tmp_path / MANIFEST).unlink()  # only digests of the rest
    if os.environ.get("UPDATE_GOLDEN"):
        shutil.rmtree(expected, ignore_errors=True)
        shutil.copytree(tmp_path, expected)
    actual, committed = tree(tmp_path), tree(expected)
    assert sorted(actual) == sorted(committed)
    for path, text in committed.items():
        assert actual[path].decode() == text.decode(), path


def test_the_output_of_the_default_catalog_is_committed() -> None:
    result = codegen("check")
    assert result.returncode == 0, result.stderr


def test_there_is_a_complete_example_catalog() -> None:
    assert EXAMPLES


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_output_of_an_example_contains_nothing_of_the_default_catalog(
    name: str, tmp_path: Path
) -> None:
    schema = REPOSITORY / "schema" / "examples" / name
    result = codegen("generate", "--schema", schema, "--root", tmp_path)
    assert result.returncode == 0, result.stderr
    for path, text in tree(tmp_path).items():
        assert b"eka" not in text.lower(), f"{path} contains a name of the default catalog"
