"""Reads the Go SDK's surface from its source as gofmt formats it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from .surface import Section, Surface

_FUNCTION = re.compile(r"^func (?:\(\w+ \*?(\w+)\) )?([A-Z]\w*)\(", re.MULTILINE)
_TYPE = re.compile(
    r"^type ([A-Z]\w*) (?:(struct|interface) \{\n(.*?)^\}|.*?$)", re.MULTILINE | re.DOTALL
)
_CONSTANT = re.compile(r"^(?:const |var |\t)([A-Z]\w*)(?: (\w+))? = (.*)$", re.MULTILINE)
_ROW = re.compile(r'^\t\{"(\w+)", "(\w+)", "With(\w+)"', re.MULTILINE)
# Methods that implement interfaces of fmt and errors.
_PROTOCOL = {"String", "Error", "Unwrap"}


def read(package: Path, surface: Surface) -> None:
    """Adds the exported names of the package and its testing package."""
    source = _source(package)
    constants = {name: (kind, value) for name, kind, value in _CONSTANT.findall(source)}
    _client(source, surface)
    for name, variable, option in _ROW.findall(source):
        surface.add("Environment variables", variable)
        surface.rename("Options", option, name)
    types: dict[Section, str] = {"Errors": "Error", "Stats": "Stats", "Event": "UsageEvent"}
    for section, name in types.items():
        for member in _members(source, name):
            surface.add(section, member)
    for name, (kind, value) in constants.items():
        if kind == "Metric":
            surface.add("Metric constants", name.removeprefix("Metric"), name)
        elif kind == "ErrorCode":
            surface.add("Error codes", value.strip('"'), name)
        else:
            surface.add("Exports", name)
    for name in _top_level(source):
        if name != "New":
            surface.add("Exports", name)
    _testing(
        _source(package / f"{package.name}test"),
        set(_members(source, "ReportingProducer")),
        surface,
    )


def _client(source: str, surface: Surface) -> None:
    surface.add("Client", "New")
    for argument in _arguments(source, "New"):
        surface.add("Options", argument)
    for option in _returning(source, "Option"):
        surface.add("Options", option.removeprefix("With"), option)
    for method in _members(source, "Client"):
        surface.add("Client", method)
        for argument in _arguments(source, method, "Client"):
            surface.add("Arguments", f"{method}.{argument}")
        if "...RecordOption" in _parameters(source, method, "Client"):
            for option in _returning(source, "RecordOption"):
                surface.add(
                    "Arguments", f"{method}.{option.removeprefix('With')}", f"{method}({option})"
                )


def _testing(source: str, protocol: set[str], surface: Surface) -> None:
    for name in _top_level(source):
        surface.add("Testing", name)
    for member in _members(source, "Producer"):
        if member not in protocol:
            surface.add("Testing", f"Producer.{member}")


def _source(package: Path) -> str:
    # The constructors of metric types follow from what each requires; elsewhere the types say it.
    files = sorted(
        path
        for path in package.glob("*.go")
        if not path.name.endswith("_test.go") and path.name != "zz_generated_usages.go"
    )
    return "\n".join(path.read_text(encoding="utf-8") for path in files)


def _top_level(source: str) -> Iterator[str]:
    """Yields types, and functions that do not return an option."""
    options = {*_returning(source, "Option"), *_returning(source, "RecordOption")}
    yield from (match[1] for match in _TYPE.finditer(source))
    for receiver, name in _FUNCTION.findall(source):
        if not receiver and name not in options:
            yield name


def _returning(source: str, kind: str) -> list[str]:
    return re.findall(rf"^func ([A-Z]\w*)\(.*?\) {kind} \{{", source, re.MULTILINE)


def _members(source: str, name: str) -> Iterator[str]:
    """Yields exported fields and methods, including those of embedded interfaces."""
    for found, _, body in _TYPE.findall(source):
        if found == name:
            for line in body.splitlines():
                if match := re.match(r"\t([A-Z]\w*(?:, [A-Z]\w*)*)( |\()", line):
                    yield from match[1].split(", ")
                elif match := re.match(r"\t([A-Z]\w*)$", line):
                    yield from _members(source, match[1])
    for receiver, method in _FUNCTION.findall(source):
        if receiver == name and method not in _PROTOCOL:
            yield method


def _parameters(source: str, name: str, receiver: str = "") -> str:
    prefix = rf"\(\w+ \*?{receiver}\) " if receiver else ""
    match = re.search(rf"^func {prefix}{name}\(((?:[^()]|\(\))*)\)", source, re.MULTILINE)
    if match is None:
        raise LookupError(f"the Go SDK has no {receiver or 'function'} {name}")
    return match[1]


def _arguments(source: str, name: str, receiver: str = "") -> Iterator[str]:
    """Yields parameters, and in place of a struct its fields."""
    structs = {found for found, kind, _ in _TYPE.findall(source) if kind == "struct"}
    for parameter in _parameters(source, name, receiver).split(","):
        if parameter.strip() and "..." not in parameter:
            argument, *kind = parameter.split()
            if structs.isdisjoint(kind):
                yield argument
            else:
                yield from _members(source, kind[0])
