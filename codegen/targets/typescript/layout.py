"""TypeScript as Biome formats it: what fits on one line, and how longer code is broken.

Biome keeps an object expanded if its first key is on a line of its own, and measures everything
else; so objects are always expanded, and strings and lists are measured here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence

from codegen import text

WIDTH = 100
# Biome does not break after a key that is hardly wider than the indent, as that gains nothing.
_SHORTEST_BROKEN_KEY = 5
_LONG_KEY = re.compile(r"^( +)(?:readonly )?\"?[\w.-]+\"?\??:(?: \{)?$", re.MULTILINE)
_BARE_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

string = text.typescript_string


def with_long_keys(text: str) -> str:
    """Returns code in which Biome leaves a member alone whose key is longer than a line.

    It would break after the key and indent what follows, which may no longer fit then.
    """
    ignored = "// biome-ignore format: a name is longer than a line"
    return _LONG_KEY.sub(
        lambda key: f"{key[1]}{ignored}\n{key[0]}" if len(key[0]) > WIDTH else key[0], text
    )


def doc(description: str, indent: int = 2, **tags: str) -> str:
    """Returns a TSDoc comment."""
    return "\n".join(text.tsdoc(description, " " * indent, WIDTH, **tags))


def key(name: str) -> str:
    """Returns a key of an object, quoted if it must be."""
    if name == "__proto__":
        return '["__proto__"]'  # otherwise it sets the prototype of the literal
    return name if _BARE_KEY.fullmatch(name) else string(name)


def property_(name: str, value: str, indent: int = 4) -> str:
    """Returns a property whose value is a literal."""
    if len(name) < _SHORTEST_BROKEN_KEY:
        return f"{' ' * indent}{name}: {value},"
    return assign(f"{name}:", value, ",", " " * indent)


def assign(left: str, value: str, end: str, indent: str = "") -> str:
    """Returns one line, or two if a string would not fit beside its declaration."""
    line = f"{indent}{left} {value}{end}"
    if len(line) <= WIDTH or value[0] not in "\"'":
        return line
    return f"{indent}{left}\n{indent}  {value}{end}"


def list_(left: str, values: Iterable[str], end: str, indent: str) -> str:
    """Returns a list of strings."""
    return bracketed(f"{left}[", [string(value) for value in values], f"]{end}", indent)


def bracketed(left: str, items: Sequence[str], right: str, indent: str) -> str:
    """Returns one line, or one per item if that is too long."""
    line = f"{indent}{left}{', '.join(items)}{right}"
    if len(line) <= WIDTH:
        return line
    rows = "".join(f"{indent}  {item},\n" for item in items)
    return f"{indent}{left}\n{rows}{indent}{right}"


def literal(value: object) -> str:
    """Returns a literal; a number as Biome formats it, without a redundant sign or zeros."""
    if isinstance(value, str):
        return string(value)
    return re.sub(r"e\+?(-?)0*", r"e\1", json.dumps(value))


def conjunction(left: str, conditions: Sequence[str], indent: str) -> str:
    """Joins conditions that must all hold."""
    line = f"{indent}{left} {' && '.join(conditions)};"
    if len(line) <= WIDTH:
        return line
    line = f"{indent}  {' && '.join(conditions)};"
    if len(line) > WIDTH:
        line = f"{indent}  " + f" &&\n{indent}  ".join(conditions) + ";"
    return f"{indent}{left}\n{line}"


def union(left: str, kinds: Sequence[str], indent: int = 4) -> str:
    """Returns a member with a union type, one kind per line if that is too long."""
    line = f"{left} {' | '.join(kinds)};"
    return (
        line
        if len(line) <= WIDTH
        else left + "".join(f"\n{' ' * indent}| {kind}" for kind in kinds) + ";"
    )
