"""The quick part of the crash matrix; `make crash` runs all of it."""

from __future__ import annotations

import pytest

from tests.crash.guarantees import guarantees
from tests.crash.matrix import run_cell
from tests.crash.scenarios import DURABLE, LANGUAGES, SCENARIOS, SPILL

QUICK_CELLS = (
    ("broker down until the next process", SPILL),
    ("permanent broker errors", SPILL),
    ("SIGTERM, no handler, flush_on_sigterm", SPILL),
    ("os._exit, os.Exit, process.exit", DURABLE),
    ("adopter in another language", DURABLE),
    ("kill -9 while recording batches", DURABLE),
)
_SCENARIOS = {scenario.name: scenario for scenario in SCENARIOS}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("name", "mode"), QUICK_CELLS)
def test_no_event_is_lost_where_the_document_guarantees_it(
    name: str, mode: str, language: str
) -> None:
    outcome = run_cell(_SCENARIOS[name], mode, language)
    assert outcome.accepted > 0
    if guarantees()[name, mode, language]:
        assert outcome.lost == 0, outcome


def test_every_cell_of_the_matrix_has_a_guarantee() -> None:
    cells = {(s.name, mode, lang) for s in SCENARIOS for mode in s.modes for lang in s.languages}
    assert guarantees().keys() == cells
