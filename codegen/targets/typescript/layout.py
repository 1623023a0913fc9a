"""TypeScript as Biome leaves it: what stands on one line, and how it is broken otherwise.

Biome keeps an object open whose first key stands on a line of its own, and measures everything
else; so objects are always open, and strings and lists are measured here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence

from codegen import text

WIDTH = 100
# A key hardly wider than the indent gains nothing by a line of its own, so Biome gives it none.
_SHORTEST_BROKEN_KEY = 5
_BARE_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

string = text.typescript_string


def doc(words: str, indent: int = 2, **tags: str) -> str:
    """A TSDoc comment."""
    return "\n".join(text.tsdoc(words, " " * indent, WIDTH, **tags))


def key(name: str) -> str:
    """A key of an object."""
    return name if _BARE_KEY.fullmatch(name) else string(name)


def property_(name: str, value: str, indent: int = 4) -> str:
    """A property whose value is a literal."""
    if len(name) < _SHORTEST_BROKEN_KEY:
        return f"{' ' * indent}{name}: {value},"
    return assign(f"{name}:", value, ",", " " * indent)


def assign(left: str, value: str, end: str, indent: str = "") -> str:
    """One line, or two where a string would not fit beside what it belongs to."""
    line = f"{indent}{left} {value}{end}"
    if len(line) <= WIDTH or value[0] not in "\"'":
        return line
    return f"{indent}{left}\n{indent}  {value}{end}"


def list_(left: str, values: Iterable[str], end: str, indent: str) -> str:
    """A list of strings."""
    return bracketed(f"{left}[", [string(value) for value in values], f"]{end}", indent)


def bracketed(left: str, items: Sequence[str], right: str, indent: str) -> str:
    """One line, or one for each item where that would be too long."""
    line = f"{indent}{left}{', '.join(items)}{right}"
    if len(line) <= WIDTH:
        return line
    rows = "".join(f"{indent}  {item},\n" for item in items)
    return f"{indent}{left}\n{rows}{indent}{right}"


def literal(value: object) -> str:
    """A literal; a number as Biome spells it, without a sign or zeros that say nothing."""
    if isinstance(value, str):
        return string(value)
    return re.sub(r"e\+?(-?)0*", r"e\1", json.dumps(value))


def conjunction(left: str, conditions: Sequence[str], indent: str) -> str:
    """Conditions that must all hold."""
    line = f"{indent}{left} {' && '.join(conditions)};"
    if len(line) <= WIDTH:
        return line
    line = f"{indent}  {' && '.join(conditions)};"
    if len(line) > WIDTH:
        line = f"{indent}  " + f" &&\n{indent}  ".join(conditions) + ";"
    return f"{indent}{left}\n{line}"
