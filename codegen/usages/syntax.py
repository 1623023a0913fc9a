"""The syntax of the three languages, as far as calls of the SDKs and names in them need it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any


@dataclass(frozen=True, slots=True)
class Grammar:
    """A language for tree-sitter: its module, and the types of the nodes that matter."""

    module: str
    loader: str
    call: str
    member: str
    parts: tuple[str, str]
    strings: Mapping[str, str]
    """The type of a string literal, and of the text in it."""
    records: tuple[str, ...]
    finds: tuple[str, ...]


_TYPESCRIPT = Grammar(
    module="tree_sitter_typescript",
    loader="language_typescript",
    call="call_expression",
    member="member_expression",
    parts=("object", "property"),
    strings={"string": "string_fragment", "template_string": "string_fragment"},
    records=("record", "log"),
    finds=("findMetric",),
)
_PYTHON = Grammar(
    module="tree_sitter_python",
    loader="language",
    call="call",
    member="attribute",
    parts=("object", "attribute"),
    strings={"string": "string_content"},
    records=("record", "log"),
    finds=("find_metric",),
)
_GO = Grammar(
    module="tree_sitter_go",
    loader="language",
    call="call_expression",
    member="selector_expression",
    parts=("operand", "field"),
    strings={
        "interpreted_string_literal": "interpreted_string_literal_content",
        "raw_string_literal": "raw_string_literal_content",
    },
    records=("Record", "Log"),
    finds=("FindMetric",),
)
# JSX is another grammar, and plain JavaScript a part of it.
_JSX = Grammar(
    **{
        **{name: getattr(_TYPESCRIPT, name) for name in Grammar.__slots__},
        "loader": "language_tsx",
    }
)

GRAMMARS: Mapping[str, Grammar] = {
    ".py": _PYTHON,
    ".go": _GO,
    **dict.fromkeys((".ts", ".mts", ".cts"), _TYPESCRIPT),
    **dict.fromkeys((".tsx", ".js", ".mjs", ".cjs", ".jsx"), _JSX),
}


@cache
def _parser(module: str, loader: str) -> Any:
    tree_sitter = import_module("tree_sitter")
    load: Callable[[], object] = getattr(import_module(module), loader)
    return tree_sitter.Parser(tree_sitter.Language(load()))


def nodes(grammar: Grammar, source: bytes) -> Iterator[Any]:
    """Yields every node of a source, in the order of the text; broken parts too."""
    waiting = [_parser(grammar.module, grammar.loader).parse(source).root_node]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(reversed(node.children))


def word(node: Any) -> str:
    """Returns the source text of a node; empty without one."""
    return "" if node is None else node.text.decode(errors="replace")


def literal(grammar: Grammar, node: Any) -> str | None:
    """Returns the value of a string literal; None for anything else, and if it is computed."""
    if node is None or node.type not in grammar.strings:
        return None
    content = [child for child in node.named_children if not child.type.startswith("string_")]
    texts = [
        word(child) for child in node.named_children if child.type == grammar.strings[node.type]
    ]
    computed = [child for child in content if child.type != grammar.strings[node.type]]
    return None if computed else "".join(texts)


def chain(grammar: Grammar, node: Any) -> list[str]:
    """Returns the names of a chain such as `metrics.api.api_call`; empty if one is computed."""
    names: list[str] = []
    while node is not None:
        if node.type == grammar.member:
            owner, name = grammar.parts
            names.append(word(node.child_by_field_name(name)))
            node = node.child_by_field_name(owner)
        elif node.type == "subscript_expression":
            key = literal(grammar, node.child_by_field_name("index"))
            if key is None:
                return []
            names.append(key)
            node = node.child_by_field_name("object")
        else:
            names.append(word(node) if node.type == "identifier" else "")
            break
    return names[::-1]
