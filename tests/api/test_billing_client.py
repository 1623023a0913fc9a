"""billing-client 0.5.0 and its logger 1.3.0, unchanged, from their call to the invoice."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.api.example import run_in_example
from tests.broker import DevBroker

CLIENT = Path(__file__).parent / "billing_client"
REPORTS = 40
PROGRAM = f"""
forward = ("forward", "--service", "clusters", "--listen")
send = str(folder / "client")
with started(*forward, "127.0.0.1:0") as address:
    subprocess.run([send, address, "{REPORTS}"], check=True)
    # A second attempt of the same counts once.
    subprocess.run([send, address, "1"], check=True)
stored({2 * REPORTS + 2})
print(json.dumps(invoice()))
"""


@pytest.mark.timeout(300)
def test_its_amounts_reach_the_invoice(broker: DevBroker, tmp_path: Path) -> None:
    build = ["go", "build", "-o", str(tmp_path / "client"), "."]
    subprocess.run(build, cwd=CLIENT, check=True, capture_output=True)
    lines = run_in_example("billing-client", PROGRAM, broker, tmp_path)
    assert lines == [
        ["container_time", str(1200 * REPORTS), REPORTS],
        ["node_time", str(60 * REPORTS), REPORTS],
    ]
