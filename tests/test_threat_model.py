"""Each row of the threat model names a test that exists, or says that nothing defends it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
_ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in (ROOT / "docs/threat-model.md").read_text("utf-8").splitlines()
    if line.startswith("| ") and not line.startswith(("| --- ", "| Attempt "))
]


def test_the_model_has_rows_of_both_kinds() -> None:
    assert {len(row) for row in _ROWS} == {3}
    undefended = [row for row in _ROWS if row[2] == "not defended"]
    assert 0 < len(undefended) < len(_ROWS) / 2


@pytest.mark.parametrize("row", _ROWS, ids=lambda row: str(row[0])[:50])
def test_a_row_names_a_test_that_exists_or_is_not_defended(row: list[str]) -> None:
    if row[2] == "not defended":
        assert len(row[1]) > len("nothing"), "say what to do instead"
        return
    path, _, name = row[2].partition("::")
    found = re.findall(
        rf"^(?:async )?def {re.escape(name)}\(", (ROOT / path).read_text("utf-8"), re.MULTILINE
    )
    assert found, f"{path} has no {name}"


def test_security_md_links_to_the_model() -> None:
    assert "(docs/threat-model.md)" in (ROOT / "SECURITY.md").read_text("utf-8")
