"""The crash matrix: every way to end, in every mode and language, and what became of the events.

python -m tests.crash.matrix [WORD …]    cells whose way, mode and language have all the words
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence

from tests.crash.lab import Outcome, Unable, lab
from tests.crash.promises import promises
from tests.crash.ways import WAYS, Way

_COLUMNS = ("accepted", "delivered", "heard", "lost", "doubled")


def cells(words: Sequence[str]) -> Iterator[tuple[Way, str, str]]:
    """The cells that all the words are found in."""
    for way in WAYS:
        for mode in way.modes:
            for language in way.languages:
                text = f"{way.name} {mode} {language}"
                if all(word in text for word in words):
                    yield way, mode, language


def played(way: Way, mode: str, language: str) -> Outcome:
    """The outcome of one cell."""
    with lab(language, mode) as experiment:
        way.run(experiment)
        return experiment.outcome()


def main(words: Sequence[str]) -> int:
    """Prints the matrix; 1 if anything was lost where nothing may be."""
    print(f"{'way':34}{'mode':9}{'language':12}" + "".join(f"{name:>11}" for name in _COLUMNS))
    wrong = 0
    promised = promises()
    for way, mode, language in cells(words):
        start = f"{way.name:34}{mode:9}{language:12}"
        try:
            seen = played(way, mode, language)
        except Unable as error:
            print(f"{start} not run: {error}", flush=True)
            continue
        except Exception as error:  # noqa: BLE001  the other cells are worth seeing
            wrong += 1
            print(f"{start} FAILED: {type(error).__name__}: {error}", flush=True)
            continue
        if not seen.accepted and promised[way.name, mode, language]:
            wrong += 1
            print(f"{start} FAILED: nothing was accepted, so nothing was tried", flush=True)
            continue
        lost = seen.lost > 0 and promised[way.name, mode, language]
        wrong += lost
        numbers = "".join(f"{getattr(seen, name):11,}" for name in _COLUMNS)
        print(f"{start}{numbers}{'  LOST' if lost else ''}", flush=True)
    print("lost where nothing may be lost, or failed:", wrong)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
