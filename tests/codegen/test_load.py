"""Loading any three files ends in a model or in diagnostics."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from codegen.load import FILES, load
from codegen.source import Route, read

FREIGHT = Path(__file__).parents[2] / "schema" / "examples" / "freight"
VALID = {name: read(FREIGHT / f"{name}.yaml", name).data for name in FILES}
ODD: list[Any] = [
    *(None, 5, -1, 0.5, True, "", "x", "7d", "a/b", "1.2", "choice", "9" * 3000, 10**25),
    *([], {}, [[]], [None], ["x", 5], {"x": None}, {"x": {}}, {"type": []}, {"set_by": "caller"}),
]


def routes(data: Any, route: Route = ()) -> Iterator[Route]:
    if route:
        yield route
    if isinstance(data, dict | list):
        for key, value in data.items() if isinstance(data, dict) else enumerate(data):
            yield from routes(value, (*route, key))


def corrupt(data: Any, route: Route, chance: random.Random) -> None:
    """Removes the value at a route, or replaces it with an odd one."""
    *parents, last = route
    for step in parents:
        data = data[step]
    if chance.random() < 0.3:
        del data[last]
    else:
        data[last] = copy.deepcopy(chance.choice(ODD))


@pytest.mark.parametrize("seed", range(30))
def test_odd_values_anywhere_produce_diagnostics_and_no_traceback(
    seed: int, tmp_path: Path
) -> None:
    chance = random.Random(seed)
    for _ in range(5):
        for name in FILES:
            data = copy.deepcopy(VALID[name])
            for _ in range(chance.randint(0, 3)):
                corrupt(data, chance.choice(list(routes(data))), chance)
            (tmp_path / f"{name}.yaml").write_text(json.dumps(data), encoding="utf-8")
        loaded = load(tmp_path)
        assert (loaded.model is None) == any(d.severity == "error" for d in loaded.diagnostics)
