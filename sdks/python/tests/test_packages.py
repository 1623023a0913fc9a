"""The wheel and the sdist: each installs into an empty environment and works there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest
from eka_usage import SDK_VERSION

from sdks.python.tests.support import PYTHON_SDK

PROGRAM = """
import importlib.metadata, sys
import eka_usage
from eka_usage import EkaClient, metrics
from eka_usage.testing import InMemoryProducer
assert eka_usage.__file__.startswith(sys.prefix), eka_usage.__file__
[plugin] = [entry for entry in importlib.metadata.entry_points(group="pytest11")
            if entry.name == "eka_usage"]
producer = InMemoryProducer()
with EkaClient("checkout", producer=producer) as client:
    client.record("ws-1", "api", "api_call", 3)
    client.record_metric("ws-1", metrics.comms.sms)
print(importlib.metadata.version("eka-usage-sdk"), *(event.metric_type for event in producer))
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory with both packages, built from a copy of the sources."""
    directory = tmp_path_factory.mktemp("packages")
    source = directory / "source"
    ignored = shutil.ignore_patterns("dist", "tests", "__pycache__")
    shutil.copytree(PYTHON_SDK, source, ignore=ignored)
    subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", directory, source],
        check=True,
        capture_output=True,
    )
    return directory


@pytest.mark.parametrize("name", ["*.whl", "*.tar.gz"])
def test_a_package_installs_into_an_empty_environment_and_records(
    name: str, built: Path, tmp_path: Path
) -> None:
    [package] = built.glob(name)
    venv.create(tmp_path, with_pip=False)
    python = tmp_path / "bin" / "python"
    assert subprocess.run(
        [python, "-c", "import eka_usage"], capture_output=True, check=False
    ).returncode
    # There is no network: this environment provides the dependencies, also those of the build.
    dependencies = sysconfig.get_path("purelib")
    install = ["-m", "pip", "install", "--quiet", "--no-cache-dir", "--no-index", "--no-deps"]
    install += ["--no-build-isolation"]
    subprocess.run(
        [sys.executable, *install, "--prefix", tmp_path, "--ignore-installed", package],
        check=True,
        capture_output=True,
    )
    result = subprocess.run(
        [python, "-c", f"import sys; sys.path.append({dependencies!r})\n{PROGRAM}"],
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.stderr, result.stdout) == ("", f"{SDK_VERSION} api_call sms\n")


def test_the_wheel_contains_the_package_and_nothing_else(built: Path) -> None:
    [wheel] = built.glob("*.whl")
    sources = {
        path.relative_to(PYTHON_SDK / "src").as_posix()
        for path in (PYTHON_SDK / "src").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert names == sources
    assert "eka_usage/py.typed" in names


def test_the_sdist_contains_what_the_wheel_is_built_from(built: Path) -> None:
    [sdist] = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        tops = {Path(name).parts[1] for name in archive.getnames() if len(Path(name).parts) > 1}
    assert {"src", "README.md", "pyproject.toml", "PKG-INFO"} <= tops
    assert "tests" not in tops


def test_the_wheel_requires_exactly_two_dependencies(built: Path) -> None:
    [wheel] = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        [name] = [name for name in archive.namelist() if name.endswith("METADATA")]
        metadata = archive.read(name).decode()
    required = [line for line in metadata.splitlines() if line.startswith("Requires-Dist: ")]
    always = [line for line in required if "; extra == " not in line]
    assert sorted(line.split()[1].split(">")[0] for line in always) == [
        "confluent-kafka",
        "msgspec",
    ]
    extras = [line.split(">")[0].removeprefix("Requires-Dist: ") for line in required]
    assert sorted(set(extras) - {"confluent-kafka", "msgspec"}) == [
        "httpcore",
        "httpx",
        "opentelemetry-api",
        "prometheus-client",
    ]
