"""The three SDKs run the same vectors, each in its own test runner."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
_BIN = Path(sys.prefix) / "bin"
RUNNERS = {
    "python": (ROOT, f"{_BIN}/pytest -q sdks/python/tests/test_vectors.py"),
    "go": (ROOT / "sdks/go", f"{_BIN}/go test -count=1 -run TestVectors ./ekausage"),
    "typescript": (ROOT / "sdks/typescript", f"{_BIN}/npx vitest run tests/vectors.test.ts"),
}


def reported_ids(language: str, report: Path) -> set[str]:
    """Returns the ids of the cases that an SDK ran or reported as not applicable."""
    folder, command = RUNNERS[language]
    environment = {**os.environ, "CONFORMANCE_REPORT": str(report)}
    run = subprocess.run(
        command.split(), cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return {line.split("\t")[0] for line in report.read_text(encoding="utf-8").splitlines()}


@pytest.mark.timeout(240)
def test_every_sdk_runs_every_case(tmp_path: Path) -> None:
    ids = {language: reported_ids(language, tmp_path / language) for language in RUNNERS}
    assert len(ids["python"]) > 1000
    assert ids["go"] == ids["python"]
    assert ids["typescript"] == ids["python"]
