"""`make serve` shows a day of usage, and leaves nothing behind."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

_ROOT = Path(__file__).resolve().parents[2]
_SECONDS = 60


def test_a_day_of_usage_is_served_until_ctrl_c() -> None:
    command = [sys.executable, "-u", "-m", "tests.e2e.serve", "--listen", "127.0.0.1:0"]
    with subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = iter(process.stdout.readline, "")
        found: dict[str, str] = {}
        while len(found) < 2:
            line = next(lines)
            if re.match("pages|key", line):
                name, value = line.split()
                found[name] = value
        address, key = found["pages"], found["key"]
        headers = {"authorization": f"Bearer {key}"}
        usage = httpx.get(f"{address}v1/usage", headers=headers, timeout=_SECONDS)
        assert usage.status_code == 200, usage.text
        assert sum(int(line["events"]) for line in usage.json()["data"]) > 0
        assert httpx.get(address, follow_redirects=True).status_code == 200
        process.send_signal(signal.SIGINT)
        assert process.wait(_SECONDS) == 0
    with pytest.raises(httpx.ConnectError):
        httpx.get(address)
