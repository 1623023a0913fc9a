"""Reads the TypeScript SDK's surface from its source as biome formats it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from .surface import Section, Surface

_EXPORTED = re.compile(r"^export (?:type )?\{(.*?)\} from", re.MULTILINE | re.DOTALL)
_METHOD = re.compile(r"(?:async )?(\w+)(?:<.*>)?\(")
_MEMBER = re.compile(r"  (?:readonly |static |async |get )*([a-z]\w*)(?:\?|<.*>)?[:;(]")

# The arguments that are objects, whose members are arguments by name.
_NAMED = {
    "options": ("RecordOptions", "EventFields"),
    "details": ("UsageDetails", "RecordOptions", "EventFields"),
}
# Calls whose details are others.
_DETAILS = {
    "recordAmounts": ("AmountsDetails", "EventFields"),
    "session": ("SessionDetails", "EventFields"),
    "sessionStart": ("BoundaryDetails", "EventFields"),
    "sessionBeat": ("BoundaryDetails", "EventFields"),
    "sessionEnd": ("SessionEndDetails", "BoundaryDetails", "EventFields"),
    "bind": ("BoundDetails", "EventFields"),
}
# The classes of the calls: that of the client, and the one that it extends.
_CLIENT = ("Recording", "EkaClient")
_EITHER = re.compile(r"[a-z]Or[A-Z]")


def read(package: Path, surface: Surface) -> None:
    """Adds the exported names of the three entry points."""
    sources = {path: path.read_text(encoding="utf-8") for path in sorted(package.rglob("*.ts"))}
    everything = "\n".join(sources.values())
    _client(everything, surface)
    for name, variable, argument in re.findall(
        r'^  (\w+): \{\n    variable: "(\w+)",\n    argument: "(\w+)"', everything, re.MULTILINE
    ):
        surface.add("Environment variables", variable)
        surface.rename("Options", argument, name)
    codes = _body(everything, r"export const errorCodes = \{")
    for code in re.findall(r'^  "?([\w.]+)"?: \{$', codes, re.MULTILINE):
        surface.add("Error codes", code)
    product = ""
    for indent, name in re.findall(
        r"^( +)readonly (\w+): \{$", _body(everything, r"export interface Metrics \{"), re.MULTILINE
    ):
        if indent == "  ":
            product = name
        else:
            surface.add("Metric constants", f"{product}{name}", f"metrics.{product}.{name}")
    types: dict[Section, str] = {"Errors": "EkaError", "Stats": "Stats", "Event": "UsageEvent"}
    for section, name in types.items():
        for member in _members(everything, name):
            surface.add(section, member)
    _testing(everything, sources[package / "testing/index.ts"], surface)
    for name in _exported(sources[package / "index.ts"]):
        surface.add("Exports", name)


def _client(source: str, surface: Surface) -> None:
    surface.add("Client", "EkaClient", "new EkaClient")
    for interface in ("EkaClientOptions", "SettingOptions"):
        for option in _members(source, interface):
            surface.add("Options", option)
    body = "".join(_body(source, rf"export class {name}\b[^\n]*\{{") for name in _CLIENT)
    for method in chain.from_iterable(_members(source, name) for name in _CLIENT):
        surface.add("Client", method)
        for argument in _arguments(source, body, method):
            named = _NAMED.get(argument, ())
            for interface in _DETAILS.get(method, named) if argument == "details" else named:
                if f"interface {interface} " not in source:
                    continue  # an event whose fields are all arguments by position has none
                for option in _members(source, interface):
                    surface.add("Arguments", f"{method}.{option}")
            if argument not in _NAMED:
                surface.add("Arguments", f"{method}.{argument}")


def _testing(source: str, index: str, surface: Surface) -> None:
    protocol = set(_members(source, "ProducerLike"))
    for name in _exported(index):
        surface.add("Testing", name)
    for member in _members(source, "InMemoryProducer"):
        if member not in protocol:
            surface.add("Testing", f"InMemoryProducer.{member}")
    for matcher in _members(source, "UsageMatchers"):
        surface.add("Testing", matcher)


def _exported(source: str) -> Iterator[str]:
    for names in _EXPORTED.findall(source):
        for name in names.split(","):
            if name.strip():
                yield name.strip().removeprefix("type ")


def _body(source: str, opening: str) -> str:
    match = re.search(rf"^{opening}\n(.*?)^\}}", source, re.MULTILINE | re.DOTALL)
    if match is None:
        raise LookupError(f"the TypeScript SDK has no {opening}")
    return match[1]


def _members(source: str, name: str) -> Iterator[str]:
    """Yields fields, methods and properties of a class or an interface."""
    body = _body(source, rf"export (?:class|interface) {name}\b[^\n]*\{{")
    for line in body.splitlines():
        if (match := _MEMBER.match(line)) and match[1] != "constructor":
            yield match[1]


def _arguments(source: str, body: str, method: str) -> list[str]:
    """Returns the arguments of all overloads; one for either of two is not counted again."""
    signature = rf"^  (?:static )?(?:async )?{method}(?:<.*?>)?\((.*?)\): "
    found: dict[str, None] = {}
    for arguments in re.findall(signature, body, re.MULTILINE | re.DOTALL):
        names = re.findall(r"(?<!\.)\b(\w+)\??: ", arguments)
        for alias in re.findall(r"\.\.\.\w+: ([A-Z]\w+)<", arguments):
            names += _labels(source, alias)
        found.update(dict.fromkeys(name for name in names if not _EITHER.search(name)))
    return list(found)


def _labels(source: str, alias: str) -> list[str]:
    """Returns the labels of a type of arguments, and of those that it is made of."""
    match = re.search(rf"^(?:export )?type {alias}\b(.*?);$", source, re.MULTILINE | re.DOTALL)
    if match is None or ("[" not in match[1] and "<" not in match[1]):
        return []
    names = re.findall(r"(?<!readonly )\b(\w+)\??: ", match[1])
    others = dict.fromkeys(re.findall(r"\b([A-Z]\w+)<", match[1]))
    return [
        *names,
        *(name for other in others if other != alias for name in _labels(source, other)),
    ]
