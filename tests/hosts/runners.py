"""Runs Celery, RQ and uWSGI themselves: each does some work, and then ends as in a deployment."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

from tests.ports import free_port
from tests.waiting import eventually

BIN = Path(sys.prefix) / "bin"
_SECONDS = 60


@contextmanager
def _running(
    command: Sequence[str], folder: Path, environment: Mapping[str, str], log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """Runs a command with its output in a file, and kills what is left of it at the end."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def run_uwsgi(
    app: str, requests: int, folder: Path, environment: Mapping[str, str], log: Path
) -> None:
    """Makes requests of a WSGI application in four processes, several at once, and ends it."""
    port = free_port()
    command = (
        str(BIN / "uwsgi"),
        *("--http-socket", f"127.0.0.1:{port}", "--module", app),
        *("--master", "--no-orphans", "--processes", "4", "--enable-threads", "--die-on-term"),
        *("--disable-logging", "--need-app"),
    )
    with _running(command, folder, environment, log) as server:

        def answers(_: int = 0) -> bool:
            try:
                with urlopen(f"http://127.0.0.1:{port}/", timeout=_SECONDS) as response:
                    return bool(response.status == 200)
            except OSError:
                assert server.poll() is None, log.read_text()
                return False

        eventually(answers)
        with ThreadPoolExecutor(4) as pool:
            assert all(pool.map(answers, range(requests - 1)))
        server.send_signal(signal.SIGTERM)
        server.wait(_SECONDS)


def run_celery(
    task: str,
    arguments: Sequence[str],
    times: int,
    folder: Path,
    environment: Mapping[str, str],
    log: Path,
) -> None:
    """Runs a task, given as `module:function`, in a prefork pool of two, and ends the worker."""
    module, _, function = task.partition(":")
    options = ("--concurrency", "2", "--loglevel", "INFO", "--without-gossip", "--without-mingle")
    command = (str(BIN / "celery"), "--app", module, "worker", *options)
    send = (
        f"from {module} import {function} as task\n"
        f"for _ in range({times}): task.delay(*{arguments!r})"
    )
    with _running(command, folder, environment, log) as worker:
        subprocess.run((sys.executable, "-c", send), cwd=folder, env=environment, check=True)
        eventually(lambda: log.read_text().count(" succeeded in ") == times, log.read_text)
        worker.terminate()
        worker.wait(_SECONDS)


def run_rq(
    job: str,
    arguments: Sequence[str],
    times: int,
    folder: Path,
    environment: Mapping[str, str],
    log: Path,
    *,
    worker: str = "rq.Worker",
) -> None:
    """Runs a job, given as `module.function`, with a worker that ends once the queue is empty."""
    server_command = (sys.executable, str(Path(__file__).with_name("redis_server.py")))
    with subprocess.Popen(server_command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            port = int(server.stdout.readline())
            send = (
                "from redis import Redis\nfrom rq import Queue\n"
                f"queue = Queue(connection=Redis(port={port}))\n"
                f"for _ in range({times}): queue.enqueue({job!r}, *{arguments!r})"
            )
            subprocess.run((sys.executable, "-c", send), cwd=folder, env=environment, check=True)
            url = f"redis://127.0.0.1:{port}"
            command = (str(BIN / "rq"), "worker", "--burst", "--url", url, "--worker-class", worker)
            with _running((*command, "--path", "."), folder, environment, log) as running:
                assert running.wait(_SECONDS) == 0, log.read_text()
            assert log.read_text().count("Job OK") == times, log.read_text()
        finally:
            server.kill()
