"""The services in the integration guide run as printed, and a deploy loses nothing."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest

from tests.broker import DevBroker
from tests.conformance.drivers import build
from tests.e2e.reader import read_events
from tests.environment import environment
from tests.environment import variables as settings
from tests.guide.function import Function
from tests.hosts.runners import run_celery, run_rq
from tests.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
GUIDE = ROOT / "docs/integration-guide.md"
BIN = Path(sys.prefix) / "bin"
FIRST_EVENTS = ("first.py", "first.go", "first.ts")
SERVICES = ("wsgi.py", "uwsgi.ini", "asgi.py", "server.go", "express.ts", "fastify.ts")
JOBS = ("tasks.py", "jobs.py")
FUNCTIONS = ("function.py", "function.go", "function.ts")
REQUESTS = 25
JOB_COUNT = 4
INVOCATIONS = 5
CELERY_CONFIG = """
broker_url = "filesystem://"
broker_transport_options = {
    "data_folder_in": "queue", "data_folder_out": "queue", "control_folder": "control"
}
"""
_SECONDS = 60


@cache
def files() -> dict[str, str]:
    """The code blocks of the guide by their file names."""
    blocks = re.findall(
        r"^<!-- file: (\S+) -->\n```\w+\n(.*?)^```$", GUIDE.read_text(), re.DOTALL | re.MULTILINE
    )
    return dict(blocks)


def command(name: str, folder: Path, port: int) -> Sequence[str]:
    """Writes a file of the guide into a project of its language; returns the command to run it."""
    (folder / name).write_text(files()[name])
    match name.partition("."):
        case "wsgi", *_:
            bind = f"127.0.0.1:{port}"
            return (
                str(BIN / "gunicorn"),
                "--workers",
                "2",
                "--preload",
                "--bind",
                bind,
                "wsgi:app",
            )
        case "asgi", *_:
            # Several workers each end by the signal, one ends as Python does.
            return (str(BIN / "uvicorn"), "--workers", "2", "--port", str(port), "asgi:app")
        case "uwsgi", *_:
            (folder / "wsgi.py").write_text(files()["wsgi.py"])
            return (str(BIN / "uwsgi"), "--ini", name, "--http-socket", f"127.0.0.1:{port}")
        case _, _, "py":
            return (sys.executable, name)
        case _, _, "go":
            return (str(go_program(folder, name)),)
        case _:
            npm_project(folder)
            return (str(BIN / "node"), name)


def go_program(folder: Path, name: str) -> Path:
    """Builds it in a module that requires the SDK from this clone."""
    sdk = ROOT / "sdks/go"
    module, *rest = (sdk / "go.mod").read_text().splitlines()
    ours = module.removeprefix("module ")
    replaced = [f"require {ours} v0.0.0", f"replace {ours} => {sdk}"]
    (folder / "go.mod").write_text("\n".join(("module guide", *rest, *replaced)) + "\n")
    (folder / "go.sum").write_bytes((sdk / "go.sum").read_bytes())
    program = folder / Path(name).stem
    build_command = (str(BIN / "go"), "build", "-o", str(program), name)
    subprocess.run(build_command, cwd=folder, check=True)
    return program


def npm_project(folder: Path) -> None:
    """Makes an ESM project with the SDK and the frameworks installed."""
    build("typescript")
    sdk = ROOT / "sdks/typescript"
    (folder / "package.json").write_text('{"type": "module"}')
    (folder / "node_modules/@eka-care").mkdir(parents=True)
    (folder / "node_modules/@eka-care/usage-sdk").symlink_to(sdk)
    for framework in ("express", "fastify"):
        (folder / "node_modules" / framework).symlink_to(sdk / "node_modules" / framework)


def deployment(broker: DevBroker, folder: Path, port: int) -> dict[str, str]:
    """The environment that a deployment would set."""
    return {
        **environment(kafka_brokers=broker.bootstrap, spool_dir=str(folder / "spool")),
        "PORT": str(port),
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def get(port: int) -> bytes:
    """Requests a page from the service, as soon as it listens."""
    deadline = time.monotonic() + _SECONDS
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as response:
                return bytes(response.read())
        except urllib.error.URLError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


@pytest.mark.parametrize("name", FIRST_EVENTS)
def test_a_first_event_arrives(name: str, tmp_path: Path, broker: DevBroker) -> None:
    run = subprocess.run(
        command(name, tmp_path, 0),
        cwd=tmp_path,
        env=deployment(broker, tmp_path, 0),
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=True,
    )
    assert run.stdout.strip() in {event.event_id for event in read_events(broker.bootstrap)}


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_delivers_every_event_on_sigterm(name: str, tmp_path: Path) -> None:
    port = free_port()
    with DevBroker() as broker:
        service = subprocess.Popen(
            command(name, tmp_path, port), cwd=tmp_path, env=deployment(broker, tmp_path, port)
        )
        try:
            assert {get(port) for _ in range(REQUESTS)} == {b"done\n"}
            service.send_signal(signal.SIGTERM)
            service.wait(_SECONDS)
        finally:
            service.kill()
            service.wait()
        assert len(read_events(broker.bootstrap)) == REQUESTS


@pytest.mark.parametrize("name", JOBS)
def test_a_job_runner_delivers_every_event_before_its_processes_end(
    name: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_text(files()[name])
    log = tmp_path / "log"
    with DevBroker() as broker:
        # So long a linger that nothing is delivered while the processes run.
        environ = {**deployment(broker, tmp_path, 0), **settings(kafka_linger_ms="60000")}
        if name == "tasks.py":
            (tmp_path / "queue").mkdir()
            (tmp_path / "celeryconfig.py").write_text(CELERY_CONFIG)
            run_celery("tasks:transcribe", ("ws-42",), JOB_COUNT, tmp_path, environ, log)
        else:
            worker = "jobs.UsageWorker"
            run_rq("jobs.transcribe", ("ws-42",), JOB_COUNT, tmp_path, environ, log, worker=worker)
        assert len(read_events(broker.bootstrap)) == JOB_COUNT


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_delivers_before_it_answers_and_is_frozen(name: str, tmp_path: Path) -> None:
    with DevBroker() as broker:
        environ = {
            **deployment(broker, tmp_path, free_port()),
            # So long a linger that only flush() delivers.
            **settings(kafka_linger_ms="60000", spool="off"),
        }
        with Function(command(name, tmp_path, 0), tmp_path, environ) as function:
            for number in range(INVOCATIONS):
                assert function.invoke(f"request-{number}") == "done"
        # It was killed while it was frozen.
        expected = [f"request-{number}" for number in range(INVOCATIONS)]
        assert sorted(event.event_id for event in read_events(broker.bootstrap)) == expected


def test_every_file_of_the_guide_is_tested() -> None:
    assert {*FIRST_EVENTS, *SERVICES, *JOBS, *FUNCTIONS} == files().keys()
