"""The commands and queries of the guide's parts for operators and finance work, in their order."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import get_args

from infra.sink._generated.fields import DATABASE, RECEIVED, USAGE
from infra.sink.decode import Code
from infra.sink.dlq.record import CONNECT_REASON, NO_REASON
from infra.sink.reconcile import reconcile
from infra.sink.store import open_store
from tests.broker import DevBroker
from tests.environment import environment
from tests.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
_PARTS = (ROOT / "docs/integration-guide.md").read_text().partition("\n## For operators\n")[2]
_BROKERS, _METRICS = "127.0.0.1:9092", "9464"
_SECONDS = 100


# What void() records of the only event.


def blocks(language: str) -> list[str]:
    """The code blocks of both parts."""
    return re.findall(rf"^```{language}\n(.*?)^```$", _PARTS, re.DOTALL | re.MULTILINE)


def test_the_commands_and_queries_of_the_guide_work(tmp_path: Path) -> None:
    with DevBroker() as broker:
        script = "".join(("trap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n", *blocks("sh")))
        for address, actual in ((_BROKERS, broker.bootstrap), (_METRICS, str(free_port()))):
            assert address in script
            script = script.replace(address, actual)
        run = subprocess.run(
            ("bash", "-euo", "pipefail", "-c", script),
            cwd=ROOT,
            env={
                **environment(spool_dir=str(tmp_path / "spool")),
                "HOME": str(tmp_path),
                "PATH": f"{Path(sys.prefix) / 'bin'}:{os.environ['PATH']}",
                "PYTHONDONTWRITEBYTECODE": "1",
            },
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    assert run.returncode == 0, run.stdout + run.stderr
    documented = set(re.findall(r"eka_usage_sink_\w+", _PARTS))
    assert documented <= set(re.findall(r"^eka_usage_sink_\w+", run.stdout, re.MULTILINE))
    for text in (
        "the store is up to date\n",
        'eka_usage_sink_dead_letters_total{reason="malformed"} 1.0\n',
        "1 dead letters: malformed 1\n",
        'value     "hello"\n',
        "1 replayed\n",
        "1 clients, 1 events accepted: 0 missing, 0 copies, 0 late\n",
        "cost of billable usage: 0.4 INR\n",
        '"ws-42","api","api_call",1,"production","API calls","call","calls","sum",1,0,0,1,0,0.4\n',
        "api.api_call  is taken back by ",
    ):
        assert text in run.stdout
    with open_store(f"chdb://{tmp_path}/usage-store") as store:
        children, look_up = blocks("sql")
        assert store.query(children).row_count == 0
        assert store.query(look_up).row_count == 0  # it is taken back
        received = look_up.replace(f"{DATABASE}.{USAGE}", f"{DATABASE}.{RECEIVED}")
        event, _ = store.query(received).named_results()
        assert event["unit_cost"] == Decimal("0.4")
        now = datetime.now(UTC)
        window = (now - timedelta(days=1), now)
        found = reconcile(store, *window, late=timedelta(hours=1), limit=1)
        assert found["totals"]["accepted"] == 2
        assert set(found["unexplained"].values()) == {0}


def test_the_guide_explains_every_reason_of_a_dead_letter() -> None:
    table = _PARTS.partition("| Reason | Cause | Action |")[2].partition("\n\n")[0]
    first_cells = re.findall(r"^\| (`.*?`) \|", table, re.MULTILINE)
    assert sorted(re.findall(r"`(\w+)`", " ".join(first_cells))) == sorted(
        (*get_args(Code), CONNECT_REASON, NO_REASON)
    )
