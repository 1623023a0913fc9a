"""Makes public classes and functions show the package that callers import them from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import FunctionType
from typing import Any, get_type_hints


def move_to_package(package: str, names: Iterable[str], namespace: Mapping[str, Any]) -> None:
    """Sets the module of public classes and functions, as tracebacks and help() show it.

    The annotations of a class are resolved first, as the names in them are only in the module that
    defines it, while validators and the like look them up in the module that the class shows.
    """
    for name in names:
        item = namespace[name]
        if isinstance(item, type) and "__annotations__" in vars(item):
            item.__annotations__ = get_type_hints(item, include_extras=True)
        if isinstance(item, (type, FunctionType)):
            item.__module__ = package
