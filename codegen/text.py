"""Foreign text made safe for a place in generated code: string literals, comments, Markdown.

A description may hold anything. A literal keeps it exactly; a comment or a table cell keeps what a
reader sees, shows what he would not see, and never ends early.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

# Zero-width (non-)joiners shape Indic scripts and emoji, and hide nothing.
_KEPT_FORMAT = "\u200c\u200d"
# Not those that are unassigned (Cn): a newer Python knows more, and must not write other bytes.
_HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Co", "Cs", "Zl", "Zp"})
_PLAIN = re.compile(r"[ -~]*")
_NOT_PLAIN = re.compile(r"[^ -~]")

_SHORT_ESCAPES = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}


def _is_hidden(char: str) -> bool:
    return unicodedata.category(char) in _HIDDEN_CATEGORIES and char not in _KEPT_FORMAT


def _code_point(char: str) -> str:
    """A form that Python and Go read, and that a person recognises anywhere."""
    code = ord(char)
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def flow(text: str) -> str:
    """Text on one line: white space becomes one space, what is invisible becomes its escape."""
    line = " ".join(text.split())
    if _PLAIN.fullmatch(line):
        return line
    return _NOT_PLAIN.sub(lambda m: _code_point(m[0]) if _is_hidden(m[0]) else m[0], line)


def wrap(line: str, width: int) -> list[str]:
    """A line as several, of `width` where words allow it.

    A new line begins only at a letter: nothing in it can then be taken for a list, a heading, a tag
    or a directive by what reads comments (gofmt, TSDoc, linters).
    """
    lines: list[str] = []
    while len(line) > width:
        cut = line.rfind(" ", 0, width + 1)
        while cut > 0 and not line[cut + 1].isalpha():
            cut = line.rfind(" ", 0, cut)
        if cut <= 0:
            cut = line.find(" ", width)
            while cut > 0 and not line[cut + 1].isalpha():
                cut = line.find(" ", cut + 1)
            if cut <= 0:
                break
        lines.append(line[:cut])
        line = line[cut + 1 :]
    lines.append(line)
    return lines


def _quote(text: str, quote: str, escape: Callable[[str], str]) -> str:
    body = text.replace("\\", "\\\\").replace(quote, "\\" + quote)
    if not _PLAIN.fullmatch(body):
        body = _NOT_PLAIN.sub(lambda m: _SHORT_ESCAPES.get(m[0]) or escape(m[0]), body)
    return f"{quote}{body}{quote}"


def _fewer_escapes(text: str) -> str:
    """The quote that ruff and Biome choose: the double one, unless the other saves escapes."""
    return "'" if text.count('"') > text.count("'") else '"'


def python_string(text: str) -> str:
    """A Python literal as `ruff format` leaves it."""

    def escape(char: str) -> str:
        if ord(char) <= 0xFF:
            return f"\\x{ord(char):02x}" if _is_hidden(char) else char
        return _code_point(char) if _is_hidden(char) else char

    return _quote(text, _fewer_escapes(text), escape)


def go_string(text: str) -> str:
    """An interpreted Go literal."""
    return _quote(text, '"', lambda char: _code_point(char) if _is_hidden(char) else char)


def sql_string(text: str) -> str:
    """A literal of ClickHouse, on one line; what a reader would not see stands as its bytes."""

    def escape(char: str) -> str:
        if not _is_hidden(char):
            return char
        return "".join(f"\\x{byte:02x}" for byte in char.encode("utf-8", "surrogatepass"))

    return _quote(text, "'", escape)


def typescript_string(text: str) -> str:
    """A TypeScript literal as Biome leaves it; ASCII alone, so that its length is its width."""

    def escape(char: str) -> str:
        code = ord(char)
        return f"\\u{code:04x}" if code <= 0xFFFF else f"\\u{{{code:x}}}"

    return _quote(text, _fewer_escapes(text), escape)


_DOCSTRING_END = re.compile(r'"""|"$')


def line_comment(mark: str, text: str, indent: str = "", width: int = 100) -> list[str]:
    """Comment lines that each begin with a mark, `#` or `//`."""
    lead = f"{indent}{mark} "
    return [lead + line for line in wrap(flow(text), width - len(lead))]


def docstring(text: str, indent: str = "", width: int = 100) -> list[str]:
    '''A Python docstring: one line where it fits, else closed by `"""` on a line of its own.'''
    line = flow(text).replace("\\", "\\\\")
    line = _DOCSTRING_END.sub(lambda m: m[0].replace('"', r"\""), line)
    if len(indent) + len(line) + 6 <= width:
        return [f'{indent}"""{line}"""']
    first, *rest = wrap(line, width - len(indent) - 3)
    return [f'{indent}"""{first}', *(indent + more for more in rest), f'{indent}"""']


def tsdoc(text: str, indent: str = "", width: int = 100, **tags: str) -> list[str]:
    """A TSDoc comment: one line where it fits; a tag is there where its text is not empty."""
    line = _tsdoc_escape(text)
    said = [f"@{name} {_tsdoc_escape(words)}" for name, words in tags.items() if words]
    if not said and len(indent) + len(line) + 7 <= width:
        return [f"{indent}/** {line} */"]
    room = width - len(indent) - 3
    lines = wrap(line, room)
    for tag in said:
        lines += ["", *wrap(tag, room)]
    return [f"{indent}/**", *(f"{indent} * {line}".rstrip() for line in lines), f"{indent} */"]


def _tsdoc_escape(text: str) -> str:
    line = flow(text).replace("*/", r"*\/")
    return "\\" + line if line.startswith("@") else line


_MARKDOWN = re.compile(r"[\\`*_\[\]<>|~&#]")


def markdown(text: str) -> str:
    """Text inside a Markdown paragraph or table cell: every character stands for itself."""
    return _MARKDOWN.sub(r"\\\g<0>", flow(text))


def markdown_code(text: str) -> str:
    """Text as code inside a table cell, fenced by more backticks than it holds."""
    line = flow(text).replace("|", "\\|")
    longest = max((len(run) for run in re.findall("`+", line)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{fence}{pad}{line}{pad}{fence}"
