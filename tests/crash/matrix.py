"""The crash matrix: every scenario in every mode and language, and what became of the events.

python -m tests.crash.matrix [WORD …]    cells whose scenario, mode and language have every WORD
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence

from tests.crash.guarantees import guarantees
from tests.crash.harness import Outcome, Unsupported, experiment
from tests.crash.scenarios import SCENARIOS, Scenario

_COLUMNS = ("accepted", "delivered", "reported", "lost", "duplicates")


def cells(words: Sequence[str]) -> Iterator[tuple[Scenario, str, str]]:
    """Yields the cells that match every word."""
    for scenario in SCENARIOS:
        for mode in scenario.modes:
            for language in scenario.languages:
                text = f"{scenario.name} {mode} {language}"
                if all(word in text for word in words):
                    yield scenario, mode, language


def run_cell(scenario: Scenario, mode: str, language: str) -> Outcome:
    """Runs one cell and returns its outcome."""
    with experiment(language, mode) as made:
        scenario.run(made)
        return made.outcome()


def main(words: Sequence[str]) -> int:
    """Prints the matrix; returns 1 if a guarantee is broken."""
    head = f"{'scenario':38}{'mode':9}{'language':12}"
    print(head + "".join(f"{name:>12}" for name in _COLUMNS))
    broken = 0
    guaranteed = guarantees()
    for scenario, mode, language in cells(words):
        start = f"{scenario.name:38}{mode:9}{language:12}"
        nothing_lost = guaranteed[scenario.name, mode, language]
        try:
            outcome = run_cell(scenario, mode, language)
        except Unsupported as error:
            print(f"{start} skipped: {error}", flush=True)
            continue
        except Exception as error:  # noqa: BLE001  the other cells are worth running
            broken += 1
            print(f"{start} FAILED: {type(error).__name__}: {error}", flush=True)
            continue
        if not outcome.accepted and nothing_lost:
            broken += 1
            print(f"{start} FAILED: no event was accepted, so nothing was tested", flush=True)
            continue
        lost = outcome.lost > 0 and nothing_lost
        broken += lost
        numbers = "".join(f"{getattr(outcome, name):12,}" for name in _COLUMNS)
        print(f"{start}{numbers}{'  LOST' if lost else ''}", flush=True)
    print("cells that failed or broke a guarantee:", broken)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
