"""What a metric type requires is in the types: a call without it does not compile.

`required/` has the calls of TypeScript and Go, each wrong one with its error. Deprecated metric
types are reported wherever they are named.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conformance.mutations import copy_project

FIELDS = """
  outer_api:
    title: Other APIs
    owner: platform
    description: Work that others are paid for.
    fields: {required: [vendor], properties: {model: {enum: [small, 'large "é"']}}}
    metric_types:
      search: {unit: call, description: Searches by any vendor.}
      old:
        unit: call
        description: Searches as before.
        deprecated: {since: 0.1.0, replaced_by: search}
      legal:
        unit: call
        description: Court files read.
        metadata: {required: [court]}
        fields:
          required: [model]
          properties: {vendor: {const: jusbrasil}, cost: {enum: [0, 0.00005, 1000000]}}
      many:
        unit: call
        description: Calls that sum up others.
        fields: {required: [tags, child_event_ids]}
"""
HERE = Path(__file__).parent / "required"
PRELUDE = """
from decimal import Decimal
from typing import TypedDict
from eka_usage import EkaClient, find_metric, is_metric_type, metrics

class Details(TypedDict):
    court: str
    more: int

client, details = EkaClient("checkout", "a:1"), Details(court="TJSP", more=1)
legal, search, old = metrics.outer_api.legal, metrics.outer_api.search, metrics.outer_api.old
"""
CORRECT = """
client.record("w", "outer_api", "legal", metadata=details, vendor="jusbrasil", model="small")
client.record("w", "outer_api", "search", 2, vendor="any", cost=Decimal(1))
client.record_metric("w", legal, 2, metadata={"court": 1}, vendor="jusbrasil", model="small")
client.log("w", "outer_api", "legal", "m", metadata=details, vendor="jusbrasil", model="small")
client.record_metric("w", search, vendor="any")
if (metric := find_metric("outer_api", "legal")) is not None:
    client.record_metric("w", metric)
if is_metric_type(name := str(), "outer_api"):
    client.record("w", "outer_api", name)
"""
# Each statement, with the names of the errors that mypy and pyright report.
_OVERLOAD = "call-overload", "reportCallIssue"
_LEGAL = 'client.record("w", "outer_api", "legal"'
WRONG = [
    (f'{_LEGAL}, vendor="jusbrasil", model="small")', *_OVERLOAD),
    (f'{_LEGAL}, metadata=details, model="small")', *_OVERLOAD),
    (f'{_LEGAL}, metadata={{}}, vendor="jusbrasil", model="small")', *_OVERLOAD),
    (f'{_LEGAL}, metadata=details, vendor="other", model="small")', *_OVERLOAD),
    (f'{_LEGAL}, metadata=details, vendor="jusbrasil", model=None)', *_OVERLOAD),
    ('client.record("w", "outer_api", "search")', *_OVERLOAD),
    ('client.record("w", "outer_api", "search", vendor="any", model="huge")', *_OVERLOAD),
    ('client.record_metric("w", search)', "call-overload", "reportArgumentType"),
    ('client.record_metric("w", legal, vendor="jusbrasil", model="small")', *_OVERLOAD),
    ('client.log("w", "outer_api", "search", "m")', *_OVERLOAD),
    ('client.record("w", "outer_api", "old", vendor="any")', "deprecated", "reportDeprecated"),
    ('client.record_metric("w", old, vendor="any")', "deprecated", "reportDeprecated"),
]
TYPESCRIPT = """import { EkaClient, metrics } from "./src/index.js";
const client = new EkaClient({ serviceName: "tests", kafkaBrokers: "127.0.0.1:9092" });
client.record("w", "outer_api", "old", 1, "ok", null, null, { vendor: "x" });
client.record("w", "outer_api", "search", 1, "ok", null, null, { vendor: "x" });
client.record("w", metrics.outer_api.old, { vendor: "x" });
client.log("w", "outer_api", "old", "m", "error", null, { vendor: "x" });
client.log("w", "api", "api_call", "m");
"""
# What an editor asks the compiler, whose newest version has no such interface in Node.
SUGGESTIONS = """
const { createRequire } = require("node:module");
const ts = createRequire(require.resolve("@arethetypeswrong/core/package.json"))("typescript");
const file = `${__dirname}/service.ts`;
const { sys } = ts;
const service = ts.createLanguageService({
  getScriptFileNames: () => [file],
  getScriptVersion: () => "1",
  getScriptSnapshot: (name) =>
    sys.fileExists(name) ? ts.ScriptSnapshot.fromString(sys.readFile(name)) : undefined,
  getCurrentDirectory: () => __dirname,
  getCompilationSettings: () => ({ strict: true, target: 99, module: 199, skipLibCheck: true }),
  getDefaultLibFileName: (options) => ts.getDefaultLibFilePath(options),
  fileExists: sys.fileExists,
  readFile: sys.readFile,
  directoryExists: sys.directoryExists,
});
const source = service.getProgram().getSourceFile(file);
const found = service.getSuggestionDiagnostics(file).filter((each) => each.reportsDeprecated);
const lines = found.map(({ start }) => source.getLineAndCharacterOfPosition(start).line);
console.log(JSON.stringify(lines));
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with a product that requires fields and metadata."""
    copy = tmp_path_factory.mktemp("required")
    copy_project(copy)
    catalog = copy / "schema/catalog.yaml"
    catalog.write_text(catalog.read_text(encoding="utf-8").rstrip("\n") + FIELDS, encoding="utf-8")
    run([sys.executable, "-m", "codegen", "generate"], copy)
    return copy


def run(command: list[str], folder: Path, *, succeeds: bool = True, **environment: str) -> str:
    """Runs a command and returns its output."""
    result = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "NO_COLOR": "1", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert (result.returncode == 0) is succeeds, result.stdout
    return result.stdout


def mypy(project: Path) -> set[tuple[int, str]]:
    options = [
        "--strict",
        "--enable-error-code",
        "deprecated",
        "--config-file=",
        "--no-incremental",
    ]
    path = {"MYPYPATH": str(project / "sdks/python/src")}
    command = [sys.executable, "-m", "mypy", *options, "service.py"]
    printed = run(command, project, succeeds=False, **path)
    found = re.findall(r"^service\.py:(\d+): error: .*\[([\w-]+)\]$", printed, re.MULTILINE)
    return {(int(line), name) for line, name in found}


def pyright(project: Path) -> set[tuple[int, str]]:
    settings = {
        "typeCheckingMode": "strict",
        "reportDeprecated": "error",
        "extraPaths": ["sdks/python/src"],
        "include": ["service.py"],
    }
    (project / "pyrightconfig.json").write_text(json.dumps(settings), encoding="utf-8")
    options = ["--pythonpath", sys.executable, "--project", "pyrightconfig.json", "--outputjson"]
    printed = run([sys.executable, "-m", "pyright", *options], project, succeeds=False)
    found = json.loads(printed)["generalDiagnostics"]
    return {(each["range"]["start"]["line"] + 1, each["rule"]) for each in found}


@pytest.mark.parametrize("checker", [mypy, pyright], ids=lambda checker: checker.__name__)
def test_python_calls_without_what_is_required_are_errors_of_their_name(
    checker: Callable[[Path], set[tuple[int, str]]], project: Path
) -> None:
    text = PRELUDE + CORRECT
    first = text.count("\n") + 1
    service = "".join(f"{statement}\n" for statement, *_ in WRONG)
    (project / "service.py").write_text(text + service, encoding="utf-8")
    found = checker(project)
    names = [mypy_name if checker is mypy else other for _, mypy_name, other in WRONG]
    assert {line for line, _ in found} == set(range(first, first + len(WRONG)))
    assert set(enumerate(names, first)) <= found


def test_typescript_calls_without_what_is_required_do_not_compile(project: Path) -> None:
    folder = project / "sdks/typescript"
    shutil.copy(HERE / "required.ts", folder / "tests/wrong")
    output = run(["node_modules/.bin/vitest", "run", "tests/types.test.ts"], folder)
    assert " passed" in output


def test_typescript_editors_strike_deprecated_metric_types_through(project: Path) -> None:
    folder = project / "sdks/typescript"
    (folder / "service.ts").write_text(TYPESCRIPT, encoding="utf-8")
    (folder / "suggest.cjs").write_text(SUGGESTIONS, encoding="utf-8")
    found = json.loads(run(["node", "suggest.cjs"], folder))
    lines = TYPESCRIPT.split("\n")
    assert found == [number for number, text in enumerate(lines) if "old" in text]


def test_go_constructors_cannot_be_called_without_what_is_required(project: Path) -> None:
    source = (HERE / "required.go").read_text(encoding="utf-8")
    folder = project / "sdks/go/ekausage/testdata/required"
    folder.mkdir()
    (folder / "required.go").write_text(source, encoding="utf-8")
    command = ["go", "build", "-gcflags=-e", "./ekausage/testdata/required"]
    printed = run(command, project / "sdks/go", succeeds=False)
    found = {
        int(line): message for line, message in re.findall(r"required\.go:(\d+):\d+: (.*)", printed)
    }
    comments = enumerate(source.split("\n"), 1)
    wanted = {line: text.split(" // ")[1] for line, text in comments if " // " in text}
    assert found.keys() == wanted.keys()
    assert all(text in found[line] for line, text in wanted.items())
