"""The quick part of the crash matrix; `make crash` plays all of it."""

from __future__ import annotations

import pytest

from tests.crash.matrix import played
from tests.crash.promises import promises
from tests.crash.ways import DURABLE, LANGUAGES, SPILL, WAYS

QUICK = (
    ("no broker until the next process", SPILL),
    ("refusals that are final", SPILL),
    ("SIGTERM, no handler", SPILL),
    ("os._exit, os.Exit, process.exit", DURABLE),
    ("an heir in another language", DURABLE),
)
_WAYS = {way.name: way for way in WAYS}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("name", "mode"), QUICK)
def test_nothing_is_lost_where_nothing_may_be(name: str, mode: str, language: str) -> None:
    seen = played(_WAYS[name], mode, language)
    assert seen.accepted > 0
    if promises()[name, mode, language]:
        assert seen.lost == 0, seen


def test_every_cell_of_the_matrix_has_its_promise() -> None:
    cells = {(w.name, mode, lang) for w in WAYS for mode in w.modes for lang in w.languages}
    assert promises().keys() == cells
