"""Go: the typed queries of the HTTP API's clients."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from codegen import naming, queries
from codegen.model import Model
from codegen.targets.go import literals

_TYPES: Mapping[str, str] = {
    "text": "string",
    "integer": "int",
    "boolean": "*bool",
    "time": "time.Time",
    "bound": "string",
    "list": "[]string",
    "keys": "map[string][]string",
}
_ABOUT = {"bound": " A date as in 2026-03-01, or a time as in RFC 3339."}


@dataclass(frozen=True, slots=True)
class _Parameter:
    """A parameter: a member of the struct, and the method that adds it to what is asked."""

    comment: str
    name: str
    type: str
    kind: str
    key: str


@dataclass(frozen=True, slots=True)
class _Query:
    comment: str
    name: str
    parameters: list[_Parameter]

    @property
    def has_times(self) -> bool:
        """Reports whether it needs the package of times."""
        return any(parameter.type == _TYPES["time"] for parameter in self.parameters)


def views(model: Model) -> Iterator[_Query]:
    """Yields a view of each query."""
    for query in queries.calls(model):
        name = naming.go_exported(query.name)
        call = naming.go_exported(query.call)
        about = f"{name} is what {call} may ask; what is zero or empty is not asked."
        members = [_parameter(each) for each in query.asked]
        yield _Query(literals.comment(about), name, members)


def _parameter(asked: queries.Asked) -> _Parameter:
    name = naming.go_exported(asked.name)
    choices = f" One of {', '.join(asked.choices)}." if asked.choices else ""
    about = f"{name}: {asked.description}{choices}{_ABOUT.get(asked.kind, '')}"
    comment = literals.comment(about, "\t")
    return _Parameter(comment, name, _TYPES[asked.kind], asked.kind, literals.string(asked.name))
