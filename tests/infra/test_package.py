"""The sink as a package: its command, what its wheel holds and what it requires."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.sink.__main__ import COMMANDS

ROOT = Path(__file__).resolve().parents[2]
INFRA = ROOT / "infra"
PACKAGE: Any = tomllib.loads((INFRA / "pyproject.toml").read_text())["project"]
GROUPS: Any = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
_SDK = "eka-usage-sdk"
_DRAWING = ("uPlot.iife.min.js", "uPlot.min.css")
# The standard library reads it where the machine has no database of time zones.
_TIME_ZONES = "tzdata"


def output(*command: str, cwd: Path) -> str:
    """The standard output of a command that succeeds."""
    ended = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=True)
    return ended.stdout


def imports(module: ast.Module) -> Iterator[str]:
    """The top-level packages that a module imports, in functions too."""
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.partition(".")[0]


@pytest.mark.parametrize("command", [(), *((name,) for name in COMMANDS)], ids=str)
def test_both_ways_to_start_the_sink_print_the_same_help(
    command: tuple[str, ...], tmp_path: Path
) -> None:
    script = output(str(Path(sys.prefix) / "bin/usage-sink"), *command, "--help", cwd=tmp_path)
    module = output(sys.executable, "-m", "infra.sink", *command, "--help", cwd=ROOT)
    assert script == module
    assert script.startswith(" ".join(("usage: usage-sink", *command)))


def test_the_wheel_holds_every_module_every_migration_and_what_is_served(tmp_path: Path) -> None:
    build = ("-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path))
    output(sys.executable, *build, cwd=INFRA)
    [wheel] = tmp_path.glob("*.whl")
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    folders = [INFRA / "api", INFRA / "sink"]
    modules = {path for folder in folders for path in folder.rglob("*.py")}
    modules.add(INFRA / "kafka_errors.py")
    migrations = {*(INFRA / "clickhouse").rglob("*.sql")}
    page = INFRA / "api" / "page"
    served = {*(page / "static").iterdir(), *(page / "templates").iterdir()}
    served |= {page / "node_modules/uplot/dist" / name for name in _DRAWING}
    served.add(INFRA / "api/_generated/openapi.yaml")
    assert packed == {path.relative_to(ROOT).as_posix() for path in modules | migrations | served}


def test_the_package_requires_what_the_sink_imports() -> None:
    sources = [*(INFRA / "sink").rglob("*.py"), INFRA / "kafka_errors.py"]
    names = {name for path in sources for name in imports(ast.parse(path.read_text()))}
    imported = {
        name.replace("_", "-") for name in names - sys.stdlib_module_names - {"infra", "eka_usage"}
    }
    required = {re.split("[=>]", each)[0] for each in PACKAGE["dependencies"]}
    assert required == {*imported, _SDK, _TIME_ZONES}


def test_the_package_requires_what_its_lock_is_made_from() -> None:
    locked = [
        each for group in (GROUPS["sink"], GROUPS["sdk"]) for each in group if isinstance(each, str)
    ]
    assert sorted(PACKAGE["dependencies"]) == sorted([*locked, _SDK])
    assert PACKAGE["optional-dependencies"]["chdb"] == GROUPS["chdb"]
