"""The pages in a real browser: at two widths, in light and dark, by keyboard, without other hosts.

Screenshots are in .cache/screenshots; UPDATE_PICTURE=1 also replaces that of the README.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.api.server import ApiServer
from tests.broker import DevBroker
from tests.waiting import eventually

_ROOT = Path(__file__).resolve().parents[2]
_PACKAGES = _ROOT / "infra/api/page/node_modules"
_SCREENSHOTS = _ROOT / ".cache/screenshots"
_PICTURE = _ROOT / "docs/usage-page.png"
_NAMES = ("chromium-headless-shell", "chromium")
_CHROMIUM = next((found for name in _NAMES if (found := shutil.which(name))), None)
_METRICS = ("api_call", "api_error")
_PATHS = (
    *("/", "/events", "/rejected", "/completeness", "/pipeline", "/catalog"),
    *("/events/event-7", "/invoice/workspace-1"),
)


def _events() -> list[dict[str, object]]:
    """Returns events of this month, up to now."""
    chance, now = random.Random(1), datetime.now(UTC)
    first = now.replace(day=1, hour=0, minute=0)
    return [
        {
            "id": f"event-{number}",
            "workspace_id": f"workspace-{number % 3}",
            "product": "api",
            "metric_type": chance.choices(_METRICS, (9, 1))[0],
            "quantity": 1,
            "unit_cost": 0.25,
            "occurred_at": (first + (now - first) * chance.random() ** 0.8).isoformat(),
        }
        for number in range(400)
    ]


@pytest.mark.skipif(_CHROMIUM is None, reason="no Chromium: see `make setup`")
@pytest.mark.skipif(not (_PACKAGES / "axe-core").is_dir(), reason="no packages: `make setup`")
def test_pages_are_usable_by_everybody(tmp_path: Path) -> None:
    assert _CHROMIUM is not None
    _SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    with (
        DevBroker(data_dir=tmp_path / "kafka") as broker,
        ApiServer(tmp_path, broker.bootstrap, "--dsn", f"chdb://{tmp_path}/store") as api,
    ):
        key = api.new_key("billing", "--scope", "write", "--scope", "read")
        with api.client(key) as client:
            assert client.post("/v1/events", json=_events()).status_code == 202
            eventually(lambda: client.get("/v1/events?limit=1").json()["meta"]["total"] == 400)
        node = Path(sys.executable).parent / "node"
        script = _ROOT / "tests/browser/pages.mjs"
        done = subprocess.run(
            [node, script, _CHROMIUM, api.address, key, _SCREENSHOTS, *_PATHS],
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    looks = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(looks) == 2 * (1 + len(_PATHS))
    for look in looks:
        assert look["violations"] == [], look
        assert look["elsewhere"] == [], look
        assert not look["overflows"], look
        assert look["errors"] == [], look
    assert [look["charts"] for look in looks if look["path"] == "/"] == [1, 1]
    if os.environ.get("UPDATE_PICTURE"):
        shutil.copy(_SCREENSHOTS / "usage-wide.png", _PICTURE)
