"""Makes public classes and functions show the package that callers import them from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import FunctionType
from typing import Any, get_type_hints


def move_to_package(package: str, names: Iterable[str], namespace: Mapping[str, Any]) -> None:
    """Sets the module of public classes and functions, as tracebacks and help() show it.

    A class's annotations are resolved before: what they name is in the module that defines it, and
    whoever reads them, such as a validator, looks it up in the module that the class claims.
    """
    for name in names:
        item = namespace[name]
        if isinstance(item, type) and "__annotations__" in vars(item):
            item.__annotations__ = get_type_hints(item, include_extras=True)
        if isinstance(item, (type, FunctionType)):
            item.__module__ = package
