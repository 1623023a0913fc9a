"""The quick part of the crash matrix; `make crash` plays all of it."""

from __future__ import annotations

import pytest

from tests.conformance.drivers import COMMANDS
from tests.crash.matrix import played
from tests.crash.ways import DURABLE, SPILL, WAYS

QUICK = (
    ("no broker until the next process", SPILL),
    ("refusals that are final", SPILL),
    ("SIGTERM, no handler", SPILL),
    ("os._exit, os.Exit, process.exit", DURABLE),
    ("an heir in another language", DURABLE),
)
_WAYS = {way.name: way for way in WAYS}


@pytest.mark.parametrize("language", COMMANDS)
@pytest.mark.parametrize(("name", "mode"), QUICK)
def test_nothing_is_lost_where_nothing_may_be(name: str, mode: str, language: str) -> None:
    way = _WAYS[name]
    seen = played(way, mode, language)
    assert seen.accepted > 0
    if way.keeps(mode, language):
        assert seen.lost == 0, seen
