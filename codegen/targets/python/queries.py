"""The typed queries of the HTTP API's clients."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from codegen import naming, queries
from codegen.model import Model
from codegen.targets.python.literals import literal
from codegen.text import docstring

_TYPES: Mapping[str, str] = {
    "text": "str",
    "integer": "int",
    "boolean": "bool",
    "time": "datetime | str",
    "bound": "date | str",  # a datetime is a date
    "list": "Id | Sequence[Id]",
    "keys": "Mapping[str, Id | Sequence[Id]]",
}


@dataclass(frozen=True, slots=True)
class _Parameter:
    name: str
    key: str
    kind: str
    type: str
    doc: str


@dataclass(frozen=True, slots=True)
class _Query:
    """A query; `reserved` are the parameters whose names are keywords of Python."""

    name: str
    doc: str
    base: str
    table: str
    reserved: list[_Parameter]
    parameters: list[_Parameter]


def views(model: Model) -> Iterator[_Query]:
    """Yields a view of each query."""
    reserved = naming.LANGUAGES["python"].reserved
    for query in queries.calls(model):
        of_class = [each for each in query.asked if each.name not in reserved]
        others = [each for each in query.asked if each.name in reserved]
        name = naming.pascal(query.name)
        yield _Query(
            name,
            _doc(query.call, others),
            f"_{name}Reserved",
            naming.upper_snake(query.name),
            [_parameter(each) for each in others],
            [_parameter(each) for each in of_class],
        )


def _doc(call: str, reserved: Sequence[queries.Asked]) -> str:
    """Returns the docstring of a query, with the parameters that have none of their own."""
    about = f"What `{call}()` may ask; what is None or left out is not asked."
    if not reserved:
        return "\n".join(docstring(about, "    "))
    keys = [(each.name, each.description) for each in reserved]
    return "\n".join(docstring(about, "    ", Keys=keys))


def _parameter(asked: queries.Asked) -> _Parameter:
    kind = _TYPES[asked.kind]
    if asked.choices:
        kind = f"Literal[{', '.join(map(literal, asked.choices))}]"
    doc = "\n".join(docstring(asked.description, "    "))
    return _Parameter(asked.name, literal(asked.name), literal(asked.kind), kind, doc)
