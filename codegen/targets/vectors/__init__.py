"""Generates conformance vectors from the schema: combinations, near misses, edges of limits.

Every SDK must turn the same call into the same bytes, or reject it with the same code. The expected
results are computed by other means than those of an SDK.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from codegen.model import Model
from codegen.render import JSON_COMMENT, File, Output
from codegen.targets.vectors import base, dimensions, limits, names, personal

_PATH = "tests/conformance/vectors/generated.json"


def outputs(model: Model) -> Iterator[Output]:
    """Yields one file of cases."""
    yield File(_PATH, _json(model))


def _json(model: Model) -> str:
    """Returns JSON with one case per line, so that diffs after a schema change are readable."""
    head = {
        **JSON_COMMENT,
        "$schema": "../vectors.schema.json",
        "given": base.GIVEN,
        "call": base.call(model),
        "event": base.event(model),
    }
    lines = [f'  "{key}": {_compact(value)},' for key, value in head.items()]
    rules = (*names.cases(model), *personal.cases(model))
    cases = (*rules, *limits.cases(model), *dimensions.cases(model))
    rows = ",\n".join(f"    {_compact(case)}" for case in cases)
    return "\n".join(["{", *lines, '  "cases": [', rows, "  ]", "}", ""])


# json.dumps() makes an encoder at every call with arguments.
_compact: Callable[[Any], str] = json.JSONEncoder(separators=(",", ":")).encode
