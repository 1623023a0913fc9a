"""A large catalog generates tables in place of code, which takes compilers too long."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from codegen.load import load
from codegen.model import Model
from codegen.render import File
from codegen.targets import TARGETS
from tests.bench.codegen import catalog
from tests.codegen.tools import REPOSITORY, run, tool

LOOKUP = "internal/encode/zz_generated_catalog.go"


def model_of(size: int, folder: Path) -> Model:
    """Loads a catalog of so many metric types."""
    shutil.copytree(REPOSITORY / "schema", folder)
    (folder / "catalog.yaml").write_text(catalog(size), encoding="utf-8")
    loaded = load(folder)
    assert loaded.model is not None, loaded.diagnostics
    return loaded.model


def generated(model: Model, target: str, ending: str) -> str:
    """Returns the text of the only file of a target whose path ends so."""
    files = [output for output in TARGETS[target](model) if isinstance(output, File)]
    [text] = [file.text for file in files if file.path.endswith(ending)]
    return text


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return model_of(300, tmp_path_factory.mktemp("large") / "schema")


def test_go_looks_metric_types_up_in_an_index(large: Model, tmp_path: Path) -> None:
    text = generated(large, "go", LOOKUP)
    assert "switch product" not in text
    path = tmp_path / "catalog.go"
    path.write_text(text, encoding="utf-8")
    formatted = run([tool("gofmt"), "-d", path], tmp_path)
    assert (formatted.returncode, formatted.stdout) == (0, "")
