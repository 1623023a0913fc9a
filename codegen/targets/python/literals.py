"""Python literals of plain data."""

from __future__ import annotations

from typing import Any

from codegen.text import python_string


def literal(value: Any) -> str:
    """Returns a Python literal of plain data."""
    if isinstance(value, str):
        return python_string(value)
    if isinstance(value, (tuple, list)):
        return f"({', '.join(map(literal, value))}{',' if len(value) == 1 else ''})"
    return repr(value)
