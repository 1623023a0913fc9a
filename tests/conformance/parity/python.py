"""Reads the Python SDK's surface from its syntax trees, without importing it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from .surface import Section, Surface

Function = ast.FunctionDef | ast.AsyncFunctionDef


def read(package: Path, surface: Surface) -> None:
    """Adds the public names of `eka_usage` and `eka_usage.testing`."""
    trees = {path: ast.parse(path.read_bytes()) for path in sorted(package.rglob("*.py"))}
    classes = {
        node.name: node
        for tree in trees.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    }
    _client(classes, surface)
    _settings(trees[package / "_generated/settings.py"], surface)
    _metrics(ast.parse((package / "_generated/metrics.pyi").read_bytes()), surface)
    for code in _values(trees[package / "_generated/errors.py"], "ErrorCode"):
        surface.add("Error codes", code)
    types: dict[Section, str] = {"Errors": "EkaError", "Stats": "Stats", "Event": "UsageEvent"}
    for section, name in types.items():
        for member in _members(classes[name]):
            surface.add(section, member)
    _testing(trees, package / "testing", classes, surface)
    for name in _values(trees[package / "__init__.py"], "__all__"):
        if not name.startswith("__"):
            surface.add("Exports", name)


def _client(classes: dict[str, ast.ClassDef], surface: Surface) -> None:
    client = classes["EkaClient"]
    # What records is in a class of its own, which the client extends.
    parts = _lineage(client, classes)
    functions = (node for part in parts for node in part.body if isinstance(node, Function))
    methods = {node.name: node for node in functions}
    settings = classes["SettingArguments"]
    options = [*_arguments(methods["__init__"]), *_members(settings)]
    for option in options:
        surface.add("Options", option)
    surface.add("Client", client.name)
    for member in chain.from_iterable(map(_members, parts)):
        surface.add("Client", member)
        # `record` is declared as overloads of `_record`.
        method = methods.get(member) or methods[f"_{member}"]
        for argument in (*_arguments(method), *_unpacked(method, classes)):
            surface.add("Arguments", f"{member}.{argument}")


def _lineage(node: ast.ClassDef, classes: dict[str, ast.ClassDef]) -> list[ast.ClassDef]:
    """Returns a class after those that it extends."""
    bases = [classes[base.id] for base in node.bases if isinstance(base, ast.Name)]
    return [*chain.from_iterable(_lineage(base, classes) for base in bases), node]


def _settings(tree: ast.Module, surface: Surface) -> None:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "Setting":
            name, variable, argument = (ast.literal_eval(value) for value in node.args[:3])
            surface.add("Environment variables", variable)
            surface.rename("Options", argument, name)


def _metrics(tree: ast.Module, surface: Surface) -> None:
    for product in tree.body:
        if isinstance(product, ast.ClassDef):
            for member in _members(product):
                surface.add(
                    "Metric constants",
                    f"{product.name}{member}",
                    f"metrics.{product.name}.{member}",
                )


def _testing(
    trees: dict[Path, ast.Module],
    folder: Path,
    classes: dict[str, ast.ClassDef],
    surface: Surface,
) -> None:
    protocol = set(_members(classes["ProducerLike"]))
    for name in _values(trees[folder / "__init__.py"], "__all__"):
        surface.add("Testing", name)
        for member in _members(classes[name]):
            if member not in protocol:
                surface.add("Testing", f"{name}.{member}")
    for node in trees[folder / "plugin.py"].body:
        if isinstance(node, Function) and "pytest.fixture" in map(ast.unparse, node.decorator_list):
            surface.add("Testing", node.name)


def _members(node: ast.ClassDef) -> Iterator[str]:
    """Yields public fields, attributes that `__init__` sets, methods and properties."""
    for item in node.body:
        if isinstance(item, Function) and item.name == "__init__":
            for inner in ast.walk(item):
                if isinstance(inner, ast.Attribute) and isinstance(inner.ctx, ast.Store):
                    yield from _public(inner.attr)
        elif isinstance(item, Function):
            yield from _public(item.name)
        elif isinstance(item, ast.AnnAssign):
            yield from _public(ast.unparse(item.target))
        elif isinstance(item, ast.Assign):
            yield from _public(ast.unparse(item.targets[0]))


def _public(name: str) -> Iterator[str]:
    if not name.startswith("_"):
        yield name


def _arguments(function: Function) -> list[str]:
    arguments = (*function.args.args, *function.args.kwonlyargs)
    return [argument.arg for argument in arguments if argument.arg not in {"self", "cls"}]


def _unpacked(function: Function, classes: dict[str, ast.ClassDef]) -> Iterator[str]:
    """Yields the arguments by name that a TypedDict declares, as in `**fields: Unpack[Fields]`."""
    rest = function.args.kwarg
    if rest is not None and isinstance(rest.annotation, ast.Subscript):
        yield from _members(classes[ast.unparse(rest.annotation.slice)])


def _values(tree: ast.Module, name: str) -> list[str]:
    """Returns the strings in the value assigned to a name of a module."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name:
            constants = (n.value for n in ast.walk(node.value) if isinstance(n, ast.Constant))
            return [value for value in constants if isinstance(value, str)]
    raise LookupError(f"the Python SDK has no {name}")
