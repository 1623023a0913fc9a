"""TypeScript: the typed queries of the HTTP API's clients."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from codegen import naming, queries
from codegen.model import Model
from codegen.targets.typescript import layout

_TYPES: Mapping[str, Sequence[str]] = {
    "text": ("string",),
    "integer": ("number",),
    "boolean": ("boolean",),
    "time": ("Date", "string"),
    "bound": ("Date", "string"),
    "list": ("QueryList",),
    "keys": ("Readonly<Record<string, QueryList>>",),
}


@dataclass(frozen=True, slots=True)
class _Parameter:
    comment: str
    declaration: str
    row: str


@dataclass(frozen=True, slots=True)
class _Query:
    comment: str
    name: str
    table: str
    parameters: list[_Parameter]


def views(model: Model) -> Iterator[_Query]:
    """Yields a view of each query."""
    for query in queries.calls(model):
        call = naming.camel(query.call)
        yield _Query(
            layout.doc(f"What `{call}()` may ask; an undefined or null one is not asked.", 0),
            naming.pascal(query.name),
            naming.camel(query.name),
            [_parameter(each) for each in query.asked],
        )


def _parameter(asked: queries.Asked) -> _Parameter:
    key = layout.key(naming.camel(asked.name))
    kinds = [layout.string(choice) for choice in asked.choices] or _TYPES[asked.kind]
    return _Parameter(
        layout.doc(asked.description),
        layout.union(f"  readonly {key}?:", [*kinds, "null", "undefined"]),
        layout.list_(f"{key}: ", (asked.name, asked.kind), ",", "  "),
    )
