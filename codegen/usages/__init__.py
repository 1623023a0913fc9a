"""Where the metric types of a catalog are recorded in sources of Python, Go and TypeScript.

It reads names that are written out: in calls with two strings, and as the generated constants.
A name that is computed at run time is not found.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from codegen.model import Model
from codegen.naming import LANGUAGES
from codegen.usages.syntax import GRAMMARS, Grammar, chain, literal, nodes, word

_SKIPPED = frozenset({"node_modules", "_generated", "generated", "dist", "build", "__pycache__"})

Names = tuple[str, str]


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where a source names a metric type; both numbers count from 1."""

    path: str
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Usages:
    """The places by product and metric type: of those that the catalog has, and of others."""

    declared: Mapping[Names, list[Place]]
    undeclared: Mapping[Names, list[Place]]
    files: int


@dataclass(slots=True)
class _Names:
    """How each language spells the metric types."""

    known: frozenset[Names]
    products: frozenset[str]
    members: Mapping[Names, Names]
    constants: Mapping[str, Names]
    found: dict[Names, list[Place]] = field(default_factory=dict)


def find(model: Model, paths: Iterable[Path]) -> Usages:
    """Returns the usages in files, and in all sources below folders."""
    metric_types = model.catalog.metric_types
    python, go = LANGUAGES["python"], LANGUAGES["go"]
    names = _Names(
        known=frozenset((m.product, m.name) for m in metric_types),
        products=frozenset(product.name for product in model.catalog.products),
        members={
            (python.attribute(m.spelled[0]), python.attribute(m.spelled[1])): (m.product, m.name)
            for m in metric_types
        },
        constants={go.metric(*m.spelled): (m.product, m.name) for m in metric_types},
    )
    files = 0
    for file in _sources(paths):
        files += 1
        for found, node in _uses(GRAMMARS[file.suffix], file.read_bytes(), names):
            row, column = node.start_point
            place = Place(file.as_posix(), row + 1, column + 1)
            names.found.setdefault(found, []).append(place)
    split = {known: {n: p for n, p in names.found.items() if (n in names.known) == known}
             for known in (True, False)}  # fmt: skip
    return Usages(split[True], split[False], files)


def _sources(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        for folder, folders, files in os.walk(path):
            folders[:] = sorted(n for n in folders if n not in _SKIPPED and not n.startswith("."))
            for name in sorted(files):
                if Path(name).suffix in GRAMMARS and not name.startswith("zz_generated_"):
                    yield Path(folder, name)


def _uses(grammar: Grammar, source: bytes, names: _Names) -> Iterator[tuple[Names, Any]]:
    for node in nodes(grammar, source):
        found = None
        if node.type == grammar.call:
            found = _call(grammar, node, names)
        elif node.type in (grammar.member, "subscript_expression"):
            found = _constant(grammar, node, names)
        elif node.type == "identifier" and grammar.module == "tree_sitter_go":
            found = names.constants.get(word(node))
        elif node.type == "composite_literal":
            found = _literal_of_usage(grammar, node)
        if found is not None:
            yield found, node


def _call(grammar: Grammar, node: Any, names: _Names) -> Names | None:
    """Returns what record("ws", "product", "metric_type") and its siblings name."""
    function = node.child_by_field_name("function")
    name = chain(grammar, function)[-1:] if function is not None else []
    arguments = node.child_by_field_name("arguments")
    if not name or arguments is None:
        return None
    if name[0] in grammar.records:
        first = 1
    elif name[0] in grammar.finds:
        first = 0
    else:
        return None
    positional: list[Any] = []
    by_name: dict[str, Any] = {}
    for argument in arguments.named_children:
        if argument.type == "keyword_argument":
            by_name[word(argument.child_by_field_name("name"))] = argument.child_by_field_name(
                "value"
            )
        elif argument.type != "comment":
            positional.append(argument)
    keys = ("product", "metric_type")
    given = [by_name.get(key) for key in keys]
    given = [
        positional[first + index] if one is None and len(positional) > first + index else one
        for index, one in enumerate(given)
    ]
    product, metric_type = (literal(grammar, one) for one in given)
    if product is None or metric_type is None:
        return None
    # Other things have a log() too; what they log is no product.
    is_ours = name[0].lower() != "log" or product in names.products
    return (product, metric_type) if is_ours else None


def _constant(grammar: Grammar, node: Any, names: _Names) -> Names | None:
    """Returns what metrics.api.api_call names, or ekausage.MetricAPIAPICall."""
    parts = chain(grammar, node)
    if grammar.module == "tree_sitter_go":
        return names.constants.get(parts[-1]) if parts else None
    if len(parts) < 3 or parts[-3] != "metrics":
        return None
    return names.members.get((parts[-2], parts[-1]), (parts[-2], parts[-1]))


def _literal_of_usage(grammar: Grammar, node: Any) -> Names | None:
    """Returns what Go's Usage{Product: "product", MetricType: "metric_type"} names."""
    if word(node.child_by_field_name("type")).rpartition(".")[2] != "Usage":
        return None
    values: dict[str, str | None] = {}
    for element in node.child_by_field_name("body").named_children:
        if element.type == "keyed_element":
            key, value = element.named_children[:2]
            inner = value.named_children[0] if value.named_children else None
            values[word(key)] = literal(grammar, inner)
    product, metric_type = values.get("Product"), values.get("MetricType")
    return (product, metric_type) if product is not None and metric_type is not None else None
