"""Runs programs in processes of their own, for tests of how a process ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path

from tests.waiting import eventually

_SECONDS = 30

PRELUDE = """
import atexit, logging, multiprocessing, os, signal, sys, threading, time
from eka_usage import EkaClient

def print_error(error, context):
    print(error.code, context.get("event_id"), flush=True)

# A shell ignores it in what it runs in the background.
signal.signal(signal.SIGINT, signal.default_int_handler)

def mark_ready():
    open("ready", "w").close()

def pause_before_fork():
    # With glibc, a fork is unsafe in any program while a thread resolves a host name.
    time.sleep(0.3)

def record(client, count=20, workspace="ws"):
    for number in range(count):
        assert client.record(f"{workspace}-{number % 7}", "api", "api_call") is not None
"""


def start_program(
    body: str, bootstrap: str, directory: Path, environment: Mapping[str, str] | None = None
) -> subprocess.Popen[str]:
    """Starts a program; its clients find the broker through the environment."""
    script = directory / "script.py"
    script.write_text(PRELUDE + textwrap.dedent(body))
    return subprocess.Popen(
        [sys.executable, "-W", "error", str(script)],
        cwd=directory,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "EKA_KAFKA_BROKERS": bootstrap, **(environment or {})},
    )


def wait_until_ready(process: subprocess.Popen[str], directory: Path) -> None:
    """Waits until a program has called `mark_ready()`, or has ended."""
    eventually(
        lambda: (directory / "ready").exists() or process.poll() is not None, seconds=_SECONDS
    )


def wait_for_exit(process: subprocess.Popen[str]) -> subprocess.CompletedProcess[str]:
    """Waits for a program to end by itself, and returns its result."""
    with process:
        try:
            out, err = process.communicate(timeout=_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)  # with its children
            raise
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def run_program(
    body: str, bootstrap: str, directory: Path, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Runs a program until it ends by itself, and returns its result."""
    return wait_for_exit(start_program(body, bootstrap, directory, environment))
