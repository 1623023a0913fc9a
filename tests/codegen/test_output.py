"""Generated code compiles in its language, and its formatter changes nothing."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

import pytest
import yaml

from tests.codegen import names, widths
from tests.codegen.tools import GOLDEN, REPOSITORY, TYPESCRIPT, codegen, run, tool

# Catalogs that are written for the test.
WRITTEN = {"widths": widths.write_schema, "names": names.write_schema}
SCHEMAS = {
    "default": REPOSITORY / "schema",
    **{path.name: path / "schema" for path in sorted(GOLDEN.iterdir())},
    **{path.parent.name: path.parent for path in REPOSITORY.glob("schema/examples/*/sdk.yaml")},
}

# What the generated options and their tests use of the hand-written package.
_GO_OPTIONS = """package {package}

import (
	"time"

	"{module}/{package}/internal/encode"
)

var _ time.Time

type options struct{{}}

// An Option configures a client.
type Option func(*options)

func withSetting(int, any) Option {{ return nil }}

type settings struct{{}}

func (s *settings) text(int) string {{ return "" }}

type call = encode.Call

// A RecordOption adds to a call.
type RecordOption func(*call)

// An Amount is a number or none.
type Amount struct {{
	value float64
	given bool
}}

// AmountOf returns the amount of a number.
func AmountOf(number float64) Amount {{ return Amount{{number, true}} }}

func (a Amount) kept() any {{ return a.value }}

// Usage is one event.
type Usage struct {{
	WorkspaceID string
	Metric      Metric
	Metadata    map[string]any
	// generated: fields
	// /generated
}}
"""
_GO_CALL = """package encode

// A Call is a call.
type Call struct{}

// A FieldValue is a field of a call.
type FieldValue struct {
	Field int
	Value any
}

// SetField sets a field.
func (c *Call) SetField(int, any) {}
"""
_GO_VALUES = """import (
	"testing"

	"{name}/{package}"
)

func amount(*testing.T, any) {package}.Amount {{ return {package}.Amount{{}} }}

func float(*testing.T, any) float64 {{ return 0 }}

var _ = float
"""


class Project:
    """The output for one catalog, with the hand-written files that it depends on."""

    def __init__(self, schema: Path, root: Path) -> None:
        packages = yaml.safe_load((schema / "sdk.yaml").read_text(encoding="utf-8"))["packages"]
        options = root / packages["go"]["path"] / "options.go"
        options.parent.mkdir(parents=True)
        package, module = packages["go"]["module"], packages["go"]["name"]
        options.write_text(_GO_OPTIONS.format(package=package, module=module), encoding="utf-8")
        result = codegen("generate", "--schema", schema, "--root", root)
        assert result.returncode == 0, result.stderr
        self.python = root / packages["python"]["path"]
        self.go = root / packages["go"]["path"]
        self.typescript = (root / packages["typescript"]["path"]).parent
        self._python()
        self._go(package, module)
        self._typescript()

    def _python(self) -> None:
        for name in ("_metric", "_values"):
            shutil.copy(REPOSITORY / f"sdks/python/src/eka_usage/{name}.py", self.python)
        (self.python / "__init__.py").touch()

    def _go(self, package: str, name: str) -> None:
        module = REPOSITORY / "sdks/go"
        own = (module / "go.mod").read_text(encoding="utf-8")
        text = re.sub(r"^module .*", f"module {name}", own, count=1, flags=re.MULTILINE)
        (self.go.parent / "go.mod").write_text(text, encoding="utf-8")
        prefix = own.split()[1]
        for file in (
            *(
                "metric",
                "lookup",
                "usage_query",
                "internal/encode/metric_index",
                "internal/encode/tables",
            ),
            "internal/encode/undeclared",
        ):
            source = (module / f"ekausage/{file}.go").read_text(encoding="utf-8")
            source = source.replace("package ekausage", f"package {package}")
            source = source.replace(f"{prefix}/ekausage/", f"{name}/{package}/")
            (self.go / f"{file}.go").write_text(source, encoding="utf-8")
        errors, settings = (
            (module / f"ekausage/{name}.go").read_text(encoding="utf-8")
            for name in ("errors", "settings")
        )
        types = (
            _go_type(errors, "ErrorCode"),
            _go_type(errors, "errorRow"),
            _go_type(settings, "Setting"),
        )
        rows = "\n".join((f"package {package}", *types))
        (self.go / "rows.go").write_text(rows, encoding="utf-8")
        (self.go / "internal/encode/call.go").write_text(_GO_CALL, encoding="utf-8")
        values = f"package {package}_test\n\n{_GO_VALUES.format(name=name, package=package)}"
        (self.go / "values_test.go").write_text(values, encoding="utf-8")

    def _typescript(self) -> None:
        for name in ("tsconfig.json", "biome.json", "package.json"):
            shutil.copy(TYPESCRIPT / name, self.typescript)
        for name in ("decimal", "metric", "tables"):
            shutil.copy(TYPESCRIPT / f"src/{name}.ts", self.typescript / "src")
        (self.typescript / "node_modules").symlink_to(TYPESCRIPT / "node_modules")


def _go_type(source: str, name: str) -> str:
    match = re.search(rf"^type {name} (struct \{{\n.*?^\}}|.*?)$", source, re.MULTILINE | re.DOTALL)
    assert match, f"no type {name}"
    return match[0]


@pytest.fixture(scope="module", params=[*SCHEMAS, *WRITTEN])
def project(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Project:
    schema = SCHEMAS.get(request.param)
    if schema is None:
        schema = WRITTEN[request.param](tmp_path_factory.mktemp("schema") / request.param)
    return Project(schema, tmp_path_factory.mktemp(request.param))


def test_every_python_module_imports(project: Project) -> None:
    package = project.python.name
    modules = [
        f"{package}._generated.{path.stem}" for path in project.python.glob("_generated/*.py")
    ]
    program = f"import importlib\nfor name in {modules!r}: importlib.import_module(name)"
    result = run([sys.executable, "-W", "error", "-c", program], cwd=project.python.parent)
    assert result.returncode == 0, result.stdout


def test_go_compiles_and_vets(project: Project) -> None:
    result = run([tool("go"), "vet", "./..."], cwd=project.go)
    assert result.returncode == 0, result.stdout


def test_typescript_type_checks(project: Project) -> None:
    result = run([tool("tsc"), "--noEmit"], cwd=project.typescript)
    assert result.returncode == 0, result.stdout


def test_ruff_finds_nothing(project: Project) -> None:
    config = str(REPOSITORY / "pyproject.toml")
    options = ["--no-cache", "--config", config, "--target-version=py310"]
    result = run([tool("ruff"), "check", *options, "_generated"], project.python)
    assert result.returncode == 0, result.stdout


def test_mypy_finds_nothing_whatever_the_names(project: Project) -> None:
    if (
        not (project.python / "_generated/metrics.pyi")
        .read_text(encoding="utf-8")
        .count("class set:")
    ):
        return  # ordinary names: the project's own package is checked
    config = str(REPOSITORY / "pyproject.toml")
    command = [tool("mypy"), "--config-file", config, "--cache-dir", str(project.python / ".mypy")]
    result = run([*command, "-p", project.python.name], project.python.parent)
    assert result.returncode == 0, result.stdout


def test_ruff_format_changes_nothing(project: Project) -> None:
    config = str(REPOSITORY / "pyproject.toml")
    command = [tool("ruff"), "format", "--diff", "--no-cache", "--config", config, "_generated"]
    result = run(command, cwd=project.python)
    assert result.returncode == 0, result.stdout


def test_gofmt_changes_nothing(project: Project) -> None:
    files = sorted(str(path) for path in project.go.rglob("zz_*.go"))
    result = run([tool("gofmt"), "-d", *files], cwd=project.go)
    assert (result.returncode, result.stdout) == (0, "")


def test_biome_changes_nothing(project: Project) -> None:
    result = run([tool("biome"), "check", "src/generated"], cwd=project.typescript)
    assert result.returncode == 0, result.stdout


def test_gofmt_changes_nothing_in_the_topics(project: Project) -> None:
    root = next(path for path in project.go.parents if (path / ".codegen.json").exists())
    result = run([tool("gofmt"), "-d", root / "infra/devbroker"], cwd=root)
    assert (result.returncode, result.stdout) == (0, "")
