"""`usages`: where each metric type is recorded, and what is declared or used in vain."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from codegen.commands import PROBLEMS, SUCCESS
from codegen.commands.generating import Options, read
from codegen.diagnostics import suggestion
from codegen.model import MetricType, Model
from codegen.output import Printer, count
from codegen.usages import Place, Usages, find


def usages(options: Options, printer: Printer, *, paths: Sequence[Path], form: str) -> int:
    """Prints the usages; fails if a source records what the catalog does not declare."""
    model = read(options, printer).model
    if model is None:
        return PROBLEMS
    found = find(model, paths)
    sys.stdout.write(FORMS[form](model, found))
    return PROBLEMS if found.undeclared else SUCCESS


def _unused(model: Model, found: Usages) -> dict[str, list[MetricType]]:
    by_owner: dict[str, list[MetricType]] = {}
    for metric in model.catalog.metric_types:
        if (metric.product, metric.name) not in found.declared:
            by_owner.setdefault(metric.owner, []).append(metric)
    return by_owner


def _text(model: Model, found: Usages) -> str:
    return "".join(f"{line}\n" for line in _lines(model, found))


def _lines(model: Model, found: Usages) -> Iterator[str]:
    yield "recorded:"
    for metric in model.catalog.metric_types:
        places = found.declared.get((metric.product, metric.name))
        if places:
            yield f"  {metric.product}/{metric.name} ({metric.owner})"
            yield from (f"    {_place(place)}" for place in sorted(places))
    unused = _unused(model, found)
    if unused:
        yield "declared and never recorded, by owner:"
        for owner, metrics in unused.items():
            yield f"  {owner}: {', '.join(f'{m.product}/{m.name}' for m in metrics)}"
    if found.undeclared:
        yield "recorded and not declared:"
        known = [f"{m.product}/{m.name}" for m in model.catalog.metric_types]
        for (product, name), places in sorted(found.undeclared.items()):
            yield f"  {product}/{name}: {suggestion(f'{product}/{name}', known)}"
            yield from (f"    {_place(place)}" for place in sorted(places))
    declared, total = len(found.declared), len(model.catalog.metric_types)
    yield f"{count(found.files, 'file')}: {declared} of {count(total, 'metric type')} recorded"


def _json(model: Model, found: Usages) -> str:
    content = {
        "recorded": _places(found.declared),
        "never_recorded": {
            owner: [f"{m.product}/{m.name}" for m in metrics]
            for owner, metrics in _unused(model, found).items()
        },
        "undeclared": _places(found.undeclared),
    }
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def _places(found: Mapping[tuple[str, str], list[Place]]) -> dict[str, Any]:
    return {"/".join(names): [_place(p) for p in sorted(found[names])] for names in sorted(found)}


def _place(place: Place) -> str:
    return f"{place.path}:{place.line}:{place.column}"


FORMS: Mapping[str, Callable[[Model, Usages], str]] = {"text": _text, "json": _json}
