"""Each SDK reads the segments of the others; here Python reads all."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.spool import fixtures

LANGUAGES = sorted(path.name for path in fixtures.FIXTURES.iterdir())


def test_python_writes_the_committed_segments(tmp_path: Path) -> None:
    fixtures.write(tmp_path)
    written = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    committed = {path.name: path.read_bytes() for path in (fixtures.FIXTURES / "python").iterdir()}
    assert written == committed


@pytest.mark.parametrize("language", LANGUAGES)
def test_python_reads_the_segments_of_every_language(language: str) -> None:
    segments = fixtures.read(language)
    assert segments
    for name, (content, expected) in segments.items():
        assert fixtures.parse(name, content) == expected, name
