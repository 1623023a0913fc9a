"""A target of another package generates as the project's own do."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.codegen.tools import REPOSITORY, codegen

SCHEMA = REPOSITORY / "schema"
PROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "toy-kotlin"
version = "1.0.0"

[project.entry-points."usage_codegen.targets"]
kotlin = "toy_kotlin:outputs"
docs = "toy_kotlin:outputs"
broken = "toy_kotlin.missing:outputs"

[tool.hatch.build]
include = ["toy_kotlin.py"]
"""
MODULE = """
from codegen.render import NOTICE, File


def outputs(model):
    names = [metric.event_type for metric in model.catalog.metric_types]
    yield File("kotlin/Metrics.kt", "\\n".join([f"// {NOTICE}", *(f"// {n}" for n in names), ""]))
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Builds the package and installs it into a folder, which it returns."""
    source = tmp_path_factory.mktemp("toy-kotlin")
    (source / "pyproject.toml").write_text(PROJECT, encoding="utf-8")
    (source / "toy_kotlin.py").write_text(MODULE, encoding="utf-8")
    folder = source / "site-packages"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps"]
    command = [*pip, "--no-build-isolation", "--no-compile", "--target", str(folder), str(source)]
    subprocess.run(command, check=True)
    return folder


def test_its_files_are_generated_checked_and_owned(installed: Path, tmp_path: Path) -> None:
    here = ("--schema", SCHEMA, "--root", tmp_path)
    package = {"PYTHONPATH": f"{REPOSITORY}:{installed}"}
    result = codegen("generate", *here, "--target", "docs", "kotlin", env=package)
    assert result.returncode == 0, result.stderr
    generated = tmp_path / "kotlin" / "Metrics.kt"
    assert "// api.api_call\n" in generated.read_text(encoding="utf-8")
    assert (tmp_path / "docs" / "metric-types.md").is_file()  # of the project's own target

    generated.write_text("edited", encoding="utf-8")
    result = codegen("check", *here, "--target", "kotlin", env=package)
    assert result.returncode == 1
    assert "kotlin/Metrics.kt" in result.stderr

    # Without the package a run would remove what it generated.
    result = codegen("generate", *here)
    assert result.returncode == 1
    assert ".codegen.json:1:1: error[refused]: the target kotlin is not installed" in result.stderr
    assert generated.is_file()


def test_one_that_cannot_be_imported_is_an_error_of_its_own(
    installed: Path, tmp_path: Path
) -> None:
    here = ("--schema", SCHEMA, "--root", tmp_path)
    package = {"PYTHONPATH": f"{REPOSITORY}:{installed}"}
    result = codegen("generate", *here, "--target", "broken", env=package)
    assert result.returncode == 1
    assert "error[refused]: the target broken cannot be loaded: No module named" in result.stderr
    assert "Traceback" not in result.stderr
    assert codegen("generate", *here, "--target", "teams", env=package).returncode == 0
