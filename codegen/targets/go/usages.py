"""A constructor of `Usage` for each metric type that requires fields or metadata."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from codegen import naming, phrases
from codegen.model import KeyRule, MetricType, Model
from codegen.numbers import scalar
from codegen.requirements import requirements
from codegen.targets.go import catalog, literals

# The type of a parameter, and the expression that a member of Usage stores.
_FIELDS: Mapping[str, tuple[str, str]] = {
    "string": ("string", "{}"),
    "uuid": ("string", "{}"),
    "enum": ("string", "{}"),
    "number": ("float64", "AmountOf({})"),
    "integer": ("int64", "new({})"),
    "boolean": ("bool", "new({})"),
    "timestamp": ("time.Time", "{}"),
    "list": ("[]string", "{}"),
    "json": ("map[string]any", "{}"),
}
_KEYS: Mapping[str | None, str] = {
    "string": "string",
    "number": "float64",
    "integer": "int64",
    "boolean": "bool",
}
_LARGEST_INT = 2**63 - 1
_PLAIN = re.compile(r"[a-z][a-z0-9]*([._-][a-z0-9]+)*")
# Names that a parameter must not hide from the body of a constructor.
_PREDECLARED = frozenset(
    {"any", "bool", "float64", "int64", "map", "new", "string", "time", "true", "false"}
)


@dataclass(frozen=True, slots=True)
class _Value:
    comment: str
    name: str
    literal: str


@dataclass(frozen=True, slots=True)
class _Choice:
    """A type that has the accepted values alone, of a parameter that has several."""

    comment: str
    name: str
    kind: str
    values: tuple[_Value, ...]


@dataclass(frozen=True, slots=True)
class _Constructor:
    comment: str
    name: str
    constant: str
    parameters: str
    members: tuple[tuple[str, str], ...]
    keys: tuple[tuple[str, str], ...]
    choices: tuple[_Choice, ...]


def constructors(model: Model) -> list[_Constructor]:
    """Returns the constructors in the order of the catalog."""
    names: set[str] = set()
    return [
        _Maker(model, metric, names).constructor()
        for metric in model.catalog.metric_types
        if requirements(model, metric).required
    ]


class _Maker:
    """Makes the constructor of one metric type; `names` are those of the package so far."""

    def __init__(self, model: Model, metric: MetricType, names: set[str]) -> None:
        self._model = model
        self._metric = metric
        self._names = names
        self._spelled = "".join(map(naming.go_exported, metric.spelled))
        self._parameters = {"workspaceID": "string"}
        self._choices: list[_Choice] = []
        self._facts: list[str] = []

    def constructor(self) -> _Constructor:
        found = requirements(self._model, self._metric)
        members = tuple(self._members(found.fields))
        keys = tuple(self._keys(found.metadata))
        name = f"UsageOf{self._spelled}"
        about = f"{name} returns a usage of {self._metric.product}/{self._metric.name}"
        facts = f", whose {' and '.join(self._facts)}" if self._facts else ""
        comment = literals.comment(f"{about} with what it requires{facts}.")
        deprecation = phrases.deprecation(self._metric, partial(catalog.metric_name, self._model))
        if deprecation:
            comment += f"\n//\n{literals.comment(f'Deprecated: {deprecation}')}"
        return _Constructor(
            comment=comment,
            name=name,
            constant=f"Metric{self._spelled}",
            parameters=", ".join(f"{name} {kind}" for name, kind in self._parameters.items()),
            members=members,
            keys=keys,
            choices=tuple(self._choices),
        )

    def _members(self, rules: tuple[KeyRule, ...]) -> Iterator[tuple[str, str]]:
        for rule in rules:
            if rule.required:
                field = self._model.event.field(rule.name)
                kind, stored = _FIELDS[field.type]
                allowed = rule.allowed or field.values or None
                value = self._value(rule.name, kind, allowed)
                yield naming.go_exported(rule.name), stored.format(value)

    def _keys(self, rules: tuple[KeyRule, ...]) -> Iterator[tuple[str, str]]:
        for rule in rules:
            if rule.required:
                kind = _KEYS.get(rule.type, "any")
                yield literals.string(rule.name), self._value(rule.name, kind, rule.allowed)

    def _value(self, name: str, kind: str, allowed: tuple[Any, ...] | None) -> str:
        """Returns the value of a field or a key: a literal, or a parameter that is added."""
        if allowed is not None and len(allowed) == 1:
            self._facts.append(f"{name} is {scalar(allowed[0])}")
            return _literal(allowed[0], kind)
        parameter = self._parameter(name)
        self._parameters[parameter] = kind
        if allowed is None:
            return parameter
        self._parameters[parameter] = self._choice(name, kind, allowed)
        return f"{parameter}.value"

    def _parameter(self, name: str) -> str:
        words = _words(name)
        spelled = words[0].lower() + "".join(map(_capital, words[1:]))
        if _PLAIN.fullmatch(name):
            spelled = naming.go_unexported(name)
        if spelled in _PREDECLARED or spelled in naming.LANGUAGES["go"].reserved:
            spelled += "Value"
        return _unique(spelled, self._parameters)

    def _choice(self, name: str, kind: str, allowed: tuple[Any, ...]) -> str:
        spelled = _unique(f"{''.join(map(_capital, _words(name)))}Of{self._spelled}", self._names)
        self._names.add(spelled)
        metric = f"{self._metric.product}/{self._metric.name}"
        values = []
        for each in allowed:
            words = "".join(map(_capital, _words(str(each))))
            value = _unique(f"{spelled}{words}", self._names)
            self._names.add(value)
            about = literals.comment(f"{value} is {scalar(each)}.")
            values.append(_Value(about, value, _literal(each, kind)))
        about = f"{spelled} is a value of {name} that {metric} accepts: one of the variables below."
        self._choices.append(_Choice(literals.comment(about), spelled, kind, tuple(values)))
        return spelled


def _words(name: str) -> list[str]:
    return re.findall(r"[A-Za-z0-9]+", name) or ["value"]


def _capital(word: str) -> str:
    return word[0].upper() + word[1:]


def _unique(name: str, taken: Any) -> str:
    """Returns the name; with a number, if it is taken."""
    name = name if not name[0].isdigit() else f"value{name}"
    number, found = 2, name
    while found in taken:
        number, found = number + 1, f"{name}{number}"
    return found


def _literal(value: Any, kind: str) -> str:
    if isinstance(value, str):
        return literals.string(value)
    text = literals.boolean(value) if isinstance(value, bool) else literals.number(value)
    if isinstance(value, int) and abs(value) > _LARGEST_INT:
        kind = "float64"  # an untyped constant would overflow an int
    return f"{kind}({text})" if kind in ("int64", "float64") else text
