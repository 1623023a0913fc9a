"""Programs that a test runs as processes of their own, to see how they end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path

from sdks.python.tests.support import eventually

_SECONDS = 30

PRELUDE = """
import atexit, logging, multiprocessing, os, signal, sys, threading, time
from eka_usage import EkaClient

def heard(error, context):
    print(error.code, context.get("event_id"), flush=True)

def ready():
    open("ready", "w").close()

def settle():
    # While a thread looks up a name, a fork is unsafe in any program that uses glibc.
    time.sleep(0.3)

def record(client, count=20, workspace="ws"):
    for number in range(count):
        assert client.record(f"{workspace}-{number % 7}", "api", "api_call") is not None
"""


def started(
    body: str, bootstrap: str, folder: Path, environment: Mapping[str, str] | None = None
) -> subprocess.Popen[str]:
    """A program that is running; its clients find the broker by the environment."""
    script = folder / "script.py"
    script.write_text(PRELUDE + textwrap.dedent(body))
    return subprocess.Popen(
        [sys.executable, "-W", "error", str(script)],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "EKA_KAFKA_BROKERS": bootstrap, **(environment or {})},
    )


def when_ready(process: subprocess.Popen[str], folder: Path) -> None:
    """Waits until a program says that it is ready."""
    eventually(lambda: (folder / "ready").exists() or process.poll() is not None, _SECONDS)


def ended(process: subprocess.Popen[str]) -> subprocess.CompletedProcess[str]:
    """How a program ended, which it must do by itself."""
    with process:
        try:
            out, err = process.communicate(timeout=_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)  # with its children
            raise
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def ran(
    body: str, bootstrap: str, folder: Path, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """How a program ended that was started and left alone."""
    return ended(started(body, bootstrap, folder, environment))
