"""Each SDK reads what the others wrote; here Python reads all."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.spool import fixtures

LANGUAGES = sorted(path.name for path in fixtures.FIXTURES.iterdir())


def test_the_committed_segments_are_what_python_writes(tmp_path: Path) -> None:
    fixtures.write(tmp_path)
    here = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    committed = {path.name: path.read_bytes() for path in (fixtures.FIXTURES / "python").iterdir()}
    assert here == committed


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_segment_of_any_language_holds_what_it_should(language: str) -> None:
    segments = fixtures.read(language)
    assert segments
    for name, (content, expected) in segments.items():
        assert fixtures.described(name, content) == expected, name
