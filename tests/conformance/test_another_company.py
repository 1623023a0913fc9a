"""Another company in one command: its names, its catalog, its packages, and events in its store.

Its catalog is the freight example, to which the test adds what ours does not have: removed metric
types, and rules on metadata of every kind.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import jsonschema_rs
import pytest

from codegen.cli import main
from tests.conformance.company import TESTS, write_schema
from tests.conformance.mutations import BIN, VECTORS, Check, run_check

ROOT = Path(__file__).resolve().parents[2]
NPM, GO = "@tidal/usage", "git.tidal.example/metering/usage/sdks/go"
# Sends one event with each SDK to a broker, and stores them with the sink.
PROGRAM = """
import json, os, signal, subprocess, sys
from pathlib import Path
from infra.sink._generated.fields import DATABASE, TABLE
from infra.sink.migrate import migrate
from infra.sink.store import open_store
from tests.broker import DevBroker
from tests.waiting import eventually

services, folder = json.loads(sys.argv[1]), Path(sys.argv[2])
call = {"workspace_id": "desk-1", "product": "tidal-atlas", "metric_type": "lookup", "quantity": 3}
dsn = f"chdb://{folder}/store"
with open_store(dsn) as store:
    migrate(store)
with DevBroker() as broker, open(folder / "log", "w+") as log:
    os.environ |= {
        "TIDAL_KAFKA_BROKERS": broker.bootstrap,
        "TIDAL_KAFKA_SECURITY_PROTOCOL": "PLAINTEXT",
        "TIDAL_SPOOL_DIR": str(folder),
    }
    for command, where in services:
        ended = subprocess.run(
            command, cwd=where, input=json.dumps(call), text=True, capture_output=True
        )
        assert ended.returncode == 0 and json.loads(ended.stdout)["delivered"] == 1, ended
    command = [sys.executable, "-m", "infra.sink", "run", "--brokers", broker.bootstrap]
    command += ["--dsn", dsn, "--batch-seconds", "0.2", "--progress-seconds", "0.2"]
    sink = subprocess.Popen(command, stderr=log)
    try:
        written = lambda: Path(folder, "log").read_text()
        eventually(lambda: "stored 3" in written(), written)
    finally:
        sink.send_signal(signal.SIGTERM)
        sink.wait()
with open_store(dsn) as store:
    query = f"SELECT sdk_language, toString(quantity) FROM {DATABASE}.{TABLE} ORDER BY 1"
    print(json.dumps([DATABASE, *store.query(query).result_rows]))
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project of a company that is not ours."""
    folder = tmp_path_factory.mktemp("company")
    schema, made = folder / "schema", folder / "tidal"
    write_schema(schema)
    init(made, "--schema", str(schema))
    return made


@pytest.fixture(scope="module")
def written(project: Path) -> dict[str, bytes]:
    """The files of the project as they were written, before a test builds anything there."""
    return files(project)


@pytest.fixture(scope="module")
def tested(project: Path, written: dict[str, bytes]) -> Path:
    """The project, with the Node packages and tests of this company for each language."""
    (project / "sdks/typescript/node_modules").symlink_to(ROOT / "sdks/typescript/node_modules")
    for path, test in TESTS.values():
        (project / path).write_text(test, encoding="utf-8")
    return project


@pytest.fixture(scope="module")
def site(project: Path, written: dict[str, bytes]) -> Path:
    """Where the company's Python package is installed."""
    folder = project.parent / "site"
    offline = ("--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check")
    command = [sys.executable, "-m", "pip", "install", "--quiet", *offline]
    command += ["--target", str(folder), str(project / "sdks/python")]
    subprocess.run(command, check=True, capture_output=True)
    return folder


def init(target: Path, *arguments: str) -> None:
    """Makes a project, which must succeed."""
    command = [sys.executable, "-m", "codegen", "init", str(target), *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def files(project: Path) -> dict[str, bytes]:
    """Returns the files of a project by their paths in it."""
    return {
        path.relative_to(project).as_posix(): path.read_bytes()
        for path in sorted(project.rglob("*"))
        if path.is_file()
    }


def check_names(made: dict[str, bytes]) -> None:
    """Checks that nothing of ours is in the files, but for digests, which spell anything."""
    digest = re.compile(rb"(sha512-|h1:)[A-Za-z0-9+/=]+")
    for path, content in made.items():
        assert b"eka" not in digest.sub(b"", content).lower(), path
        assert "eka" not in path.lower()


def test_nothing_of_our_company_is_left(written: dict[str, bytes]) -> None:
    check_names(written)
    assert "sdks/python/src/tidal_usage/_client.py" in written
    assert b"class TidalClient" in written["sdks/python/src/tidal_usage/_client.py"]
    assert b"class TidalError " in written["sdks/typescript/src/errors.ts"]
    assert f"module {GO}\n".encode() in written["sdks/go/go.mod"]
    assert b'"TIDALSPL"' in written["sdks/go/tidalusage/internal/spool/zz_generated_spool.go"]
    assert b"tidal-usage-UID" in written["docs/settings.md"]


def test_a_name_is_enough_and_makes_the_same_project_each_time(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        assert main(["init", str(tmp_path / folder), "--name", "acme"]) == 0
    made = files(tmp_path / "one")
    check_names(made)
    assert made == files(tmp_path / "two")
    assert b"ACMSPOOL" in made["sdks/typescript/src/generated/spool.ts"]
    schema, root = str(tmp_path / "one/schema"), str(tmp_path / "one")
    assert main(["check", "--schema", schema, "--root", root]) == 0


def test_packages_are_not_renamed_by_an_edit_of_the_schema(project: Path, tmp_path: Path) -> None:
    schema = shutil.copytree(project / "schema", tmp_path / "schema")
    sdk = schema / "sdk.yaml"
    sdk.write_text(sdk.read_text(encoding="utf-8").replace("tidal_usage", "other_usage"))
    command = [sys.executable, "-m", "codegen", "generate", "--schema", str(schema)]
    done = subprocess.run(
        [*command, "--root", str(project)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "packages.python.path: there is no code in sdks/python/src/other_usage" in done.stderr
    assert "`python -m codegen init`" in done.stderr
    assert (project / "sdks/python/src/tidal_usage/_generated/catalog.py").exists()


def test_documents_link_to_what_was_copied(project: Path, written: dict[str, bytes]) -> None:
    for path in (path for path in written if path.endswith(".md")):
        links = re.findall(r"\]\((?!https?:|#)([^)#\s]+)", written[path].decode())
        for link in links:
            target = (project / path).parent / link
            assert target.exists() or target.name == "sdk-parity.md", f"{path}: {link}"


def test_a_folder_with_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "kept").touch()
    command = [sys.executable, "-m", "codegen", "init", str(tmp_path), "--name", "acme"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, list(tmp_path.iterdir())) == (1, [tmp_path / "kept"])
    assert "is not empty" in done.stderr


def test_the_vectors_name_the_replacement(project: Path) -> None:
    vectors = json.loads((project / "tests/conformance/vectors/generated.json").read_bytes())
    removed = {c["id"]: c["expect"] for c in vectors["cases"] if c["id"].startswith("removed/")}
    unknown = {"code": "metric_type.unknown", "field": "metric_type"}
    assert removed == {
        "removed/api/api_ping": {
            **unknown,
            "says": "removed in 0.2.0, use api/api_call instead",
        },
        "removed/fax/fax_page": {**unknown, "says": "removed in 0.1.0"},
    }


@pytest.mark.timeout(600)
@pytest.mark.parametrize("language", VECTORS)
def test_every_language_judges_its_calls_alike(
    language: str, tested: Path, site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = tmp_path / "ran"
    monkeypatch.setenv("CONFORMANCE_REPORT", str(report))
    passed, output = run_check(vectors_of(language), tested, str(site))
    assert passed, output
    ran = report.read_text(encoding="utf-8").splitlines()
    assert {"removed/api/api_ping", "removed/fax/fax_page"} <= set(ran)
    assert {"pii/api/api_signup/phone-nested", "pii/api/api_signup/address-text"} <= set(ran)
    assert {"combination/api/odd_value/completed", "rule/api/odd_value/value_0-as-text"} <= set(ran)
    of_fields = {case for case in ran if case.startswith("rule/outer_api/")}
    assert {"rule/outer_api/legal/cost-allowed-1", "rule/outer_api/many/tags-missing"} <= of_fields
    assert {"rule/outer_api/search/vendor-missing"} < of_fields


def test_the_event_schema_requires_the_fields_of_a_metric_type(project: Path) -> None:
    schema = json.loads((project / "docs/event.schema.json").read_bytes())
    vectors = json.loads((project / "tests/conformance/vectors/generated.json").read_bytes())
    event = {name: json.loads(text) for name, text in vectors["event"].items() if text}
    of_legal = {"product": "outer_api", "metric_type": "legal", "vendor": "jusbrasil"}
    validator = jsonschema_rs.Draft202012Validator(schema)
    assert validator.is_valid(event)
    assert validator.is_valid(event | of_legal | {"model": "small", "cost": 0.00005})
    assert not validator.is_valid(event | of_legal)
    assert not validator.is_valid(event | of_legal | {"model": "small", "vendor": "other"})


def vectors_of(language: str) -> Check:
    """Returns the command that runs a language's vectors and the added test."""
    check = VECTORS[language]
    command = check.command.replace("./ekausage", "./tidalusage")
    added = TESTS[language][0]
    if language == "typescript":
        command += f" {added.removeprefix(f'{check.folder}/')}"
    if language == "python":  # the runner of its thousand cases is the slowest
        command += f" {added} -k api"
    return replace(check, command=command)


@pytest.mark.timeout(600)
def test_an_event_of_each_installed_package_reaches_the_store(
    tested: Path, site: Path, tmp_path: Path
) -> None:
    node, go = tmp_path / "node", tmp_path / "go"
    link = node / "node_modules" / NPM
    link.parent.mkdir(parents=True)
    link.symlink_to(tested / "sdks/typescript")
    build = ["node_modules/.bin/tsc", "--project", "tsconfig.build.json"]
    subprocess.run([BIN / "node", *build], cwd=tested / "sdks/typescript", check=True)
    shutil.copy(tested / "sdks/typescript/examples/service.ts", node)
    (node / "package.json").write_text('{"type": "module"}')
    go.mkdir()
    shutil.copy(tested / "sdks/go/examples/service/main.go", go)
    shutil.copy(tested / "sdks/go/go.sum", go)
    version = re.search(r"^go .*$", (tested / "sdks/go/go.mod").read_text(), re.MULTILINE)
    assert version is not None
    lines = ("module freight", version[0], f"require {GO} v0.0.0")
    module = "\n".join([*lines, f"replace {GO} => {tested}/sdks/go", ""])
    (go / "go.mod").write_text(module)
    services = [
        ([sys.executable, str(tested / "sdks/python/examples/service.py")], str(tmp_path)),
        ([str(BIN / "go"), "run", "-mod=mod", "."], str(go)),
        ([str(BIN / "node"), "service.ts"], str(node)),
    ]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(services), tmp_path],
        cwd=tested,
        env={**os.environ, "PYTHONPATH": f"{site}:{tested}", "GOFLAGS": "", "GOPROXY": "off"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    stored = [["go", "3"], ["python", "3"], ["typescript", "3"]]
    assert json.loads(done.stdout) == ["tidal", *stored]


def test_old_months_keep_the_title_and_unit_of_what_was_removed(project: Path) -> None:
    rows = (project / "infra/clickhouse/current/catalog.sql").read_text(encoding="utf-8")
    assert "('api', 'api_ping', 'API', 'Pings'" in rows
    assert "('fax', 'fax_page', 'Fax', 'Fax page'" in rows
    document = (project / "docs/metric-types.md").read_text(encoding="utf-8")
    assert "## Removed" in document
    assert "Hashes metadata `email`, `phone`. Drops metadata `birthday`, `address`." in document
    assert "| `fax/fax_page` | Fax page. Fax page. | tonne-kilometres |" in document
