"""Escapes arbitrary text for generated code: string literals, comments, Markdown.

A description may contain anything. A literal preserves it exactly; a comment or a table cell keeps
the visible text, escapes invisible characters, and never ends early.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence

# Zero-width (non-)joiners shape Indic scripts and emoji; they hide nothing.
_KEPT_FORMAT = "\u200c\u200d"
# Without unassigned ones (Cn): newer Pythons assign more, and must not write other bytes.
_HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Co", "Cs", "Zl", "Zp"})
_PLAIN = re.compile(r"[ -~]*")
_NOT_PLAIN = re.compile(r"[^ -~]")

_SHORT_ESCAPES = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}


def _is_hidden(char: str) -> bool:
    return unicodedata.category(char) in _HIDDEN_CATEGORIES and char not in _KEPT_FORMAT


def _code_point(char: str) -> str:
    """Returns an escape that Python and Go parse and that people recognise anywhere."""
    code = ord(char)
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def flow(text: str) -> str:
    """Returns text on one line, with single spaces and escaped invisible characters."""
    line = " ".join(text.split())
    if _PLAIN.fullmatch(line):
        return line
    return _NOT_PLAIN.sub(lambda m: _code_point(m[0]) if _is_hidden(m[0]) else m[0], line)


def wrap(line: str, width: int) -> list[str]:
    """Wraps a line at `width`, as far as words allow it.

    A new line only begins with a letter, so that no tool that reads comments (gofmt, TSDoc,
    linters) can mistake it for a list, a heading, a tag or a directive.
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
    """Returns the quote that ruff and Biome choose: double, unless single saves escapes."""
    return "'" if text.count('"') > text.count("'") else '"'


def python_string(text: str) -> str:
    """Returns a Python literal as `ruff format` writes it."""

    def escape(char: str) -> str:
        if ord(char) <= 0xFF:
            return f"\\x{ord(char):02x}" if _is_hidden(char) else char
        return _code_point(char) if _is_hidden(char) else char

    return _quote(text, _fewer_escapes(text), escape)


def go_string(text: str) -> str:
    """Returns an interpreted Go literal."""
    return _quote(text, '"', lambda char: _code_point(char) if _is_hidden(char) else char)


def sql_string(text: str) -> str:
    """Returns a ClickHouse literal on one line; invisible characters become their bytes."""

    def escape(char: str) -> str:
        if not _is_hidden(char):
            return char
        return "".join(f"\\x{byte:02x}" for byte in char.encode("utf-8", "surrogatepass"))

    return _quote(text, "'", escape)


def typescript_string(text: str) -> str:
    """Returns a TypeScript literal as Biome writes it; ASCII only, so its length is its width."""

    def escape(char: str) -> str:
        code = ord(char)
        return f"\\u{code:04x}" if code <= 0xFFFF else f"\\u{{{code:x}}}"

    return _quote(text, _fewer_escapes(text), escape)


_DOCSTRING_END = re.compile(r'"""|"$')


def line_comment(mark: str, text: str, indent: str = "", width: int = 100) -> list[str]:
    """Returns comment lines that each begin with a mark, `#` or `//`."""
    lead = f"{indent}{mark} "
    return [lead + line for line in wrap(flow(text), width - len(lead))]


def docstring(
    text: str,
    indent: str = "",
    width: int = 100,
    *,
    summary: str = "",
    **sections: Sequence[tuple[str, str]],
) -> list[str]:
    """Returns a Python docstring: one line if it fits, else with a closing line of its own.

    A summary precedes the text: on its line, or on a line of its own if both are too long for one.
    A section lists names, each with its description.
    """
    line = _docstring_escape(f"{summary}: {text}" if summary else text)
    room = width - len(indent) - 3
    if len(line) + 3 <= room and not sections:
        return [f'{indent}"""{line}"""']
    if len(line) <= room:
        lines = ["", line]
    else:
        lines = []
        for part in (f"{summary}.", text) if summary else (text,):
            lines += ["", *wrap(_docstring_escape(part), room)]
    for title, entries in sections.items():
        lines += ["", f"{title}:"]
        for name, about in entries:
            start, *more = wrap(_docstring_escape(f"{name}: {about}"), room - 8)
            lines += [f"    {start}", *(f"        {line}" for line in more)]
    first, *rest = (indent + line if line else "" for line in lines[1:])
    return [f'{indent}"""{first.removeprefix(indent)}', *rest, f'{indent}"""']


def _docstring_escape(text: str) -> str:
    line = flow(text).replace("\\", "\\\\")
    return _DOCSTRING_END.sub(lambda m: m[0].replace('"', r"\""), line)


def tsdoc(text: str, indent: str = "", width: int = 100, **tags: str) -> list[str]:
    """Returns a TSDoc comment: one line if it fits; tags with an empty text are left out."""
    line = _tsdoc_escape(text)
    tagged = [f"@{name} {_tsdoc_escape(words)}" for name, words in tags.items() if words]
    if not tagged and len(indent) + len(line) + 7 <= width:
        return [f"{indent}/** {line} */"]
    room = width - len(indent) - 3
    lines = wrap(line, room)
    for tag in tagged:
        lines += ["", *wrap(tag, room)]
    return [f"{indent}/**", *(f"{indent} * {line}".rstrip() for line in lines), f"{indent} */"]


def _tsdoc_escape(text: str) -> str:
    line = flow(text).replace("*/", r"*\/")
    return "\\" + line if line.startswith("@") else line


_MARKDOWN = re.compile(r"[\\`*_\[\]<>|~&#]")


def markdown(text: str) -> str:
    """Returns text for a Markdown paragraph or table cell, without any markup in effect."""
    return _MARKDOWN.sub(r"\\\g<0>", flow(text))


def markdown_code(text: str) -> str:
    """Returns text as code for a table cell, fenced by more backticks than it contains."""
    line = flow(text).replace("|", "\\|")
    longest = max((len(run) for run in re.findall("`+", line)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{fence}{pad}{line}{pad}{fence}"
