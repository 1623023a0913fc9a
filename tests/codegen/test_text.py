"""Arbitrary text never ends a comment, string, docstring or table cell early."""

from __future__ import annotations

import ast
import io
import json
import random
import re
import tokenize
from pathlib import Path

import pytest

from codegen import text
from codegen.naming import LANGUAGES, Language
from tests.codegen.tools import REPOSITORY, run, tool

# fmt: off
PIECES = [
    "*/", "/*", "//", '"""', "'''", '"', "'", "`", "``", "|", "\\", "\\\\", "#", "- ", "1. ",
    " ", "\n", "\r\n", "\r", "\t", "\0", "\a", "{{", "}}", "{%", "{#", "<!--", "-->",
    "</script>", "${x}", "@deprecated", "Deprecated:", "\\u0041", "\\N{DASH}",
    "\u0085", "\u2028", "\u2029", "\u200b", "\u202e", "\u2066", "\u2069", "\ufeff", "\u00a0",
    "\u00ad", "\U000e0041", "😀", "👨‍👩‍👧", "टोकन", "漢字", "e\u0301",
    "word", "a much longer run of ordinary words that makes a line break",
]
# fmt: on

BIDI = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def hostile(count: int = 400) -> list[str]:
    """Returns the same texts on every machine: each piece alone, then many concatenated."""
    chosen = random.Random(20_26)
    return PIECES + ["".join(chosen.choices(PIECES, k=chosen.randint(2, 12))) for _ in range(count)]


def test_a_python_string_holds_exactly_the_text() -> None:
    for given in hostile():
        assert ast.literal_eval(text.python_string(given)) == given


def test_a_typescript_string_holds_exactly_the_text() -> None:
    given = hostile()
    literals = ",\n".join(text.typescript_string(one) for one in given)
    program = f'process.stdout.write(JSON.stringify(["use strict",\n{literals}]))'
    result = run([tool("node"), "-e", program], cwd=REPOSITORY)
    assert json.loads(result.stdout)[1:] == given


def test_a_go_string_holds_exactly_the_text(tmp_path: Path) -> None:
    given = hostile()
    literals = "\n".join(f"\t{text.go_string(one)}," for one in given)
    program = (
        'package main\n\nimport (\n\t"encoding/json"\n\t"os"\n)\n\n'
        f"var texts = []string{{\n{literals}\n}}\n\n"
        "func main() { json.NewEncoder(os.Stdout).Encode(texts) }\n"
    )
    file = tmp_path / "main.go"
    file.write_text(program, encoding="utf-8")
    result = run([tool("go"), "run", file], cwd=file.parent)
    assert json.loads(result.stdout) == given


@pytest.mark.parametrize("language", LANGUAGES.values(), ids=LANGUAGES)
def test_strings_escape_bidirectional_control_characters(language: Language) -> None:
    assert not any(BIDI.search(language.string(given)) for given in hostile())


def test_every_comment_line_is_one_line_that_begins_with_the_comment_mark() -> None:
    for given in hostile():
        for mark in ("#", "//"):
            for line in text.line_comment(mark, given, "\t"):
                assert line.startswith(f"\t{mark}")
                assert line.splitlines() == [line]
                assert not BIDI.search(line)


def test_a_wrapped_line_never_begins_like_a_list_a_heading_or_a_tag() -> None:
    for given in hostile():
        for line in text.wrap(text.flow(given), 20)[1:]:
            assert line[0].isalpha()


def test_wrapping_keeps_every_word() -> None:
    for given in hostile():
        line = text.flow(given)
        assert " ".join(text.wrap(line, 20)) == line


def test_a_python_comment_contains_no_code() -> None:
    for given in hostile():
        source = "\n".join(text.line_comment("#", given)) + "\n"
        kinds = {token.type for token in tokenize.generate_tokens(io.StringIO(source).readline)}
        assert kinds <= {tokenize.COMMENT, tokenize.NL, tokenize.ENDMARKER, tokenize.NEWLINE}


def test_a_docstring_is_one_expression_with_the_text() -> None:
    for given in hostile():
        module = ast.parse("\n".join(text.docstring(given)))
        assert len(module.body) == 1
        parsed = ast.get_docstring(module)
        assert parsed is not None
        assert " ".join(parsed.split()) == " ".join(text.flow(given).split())


def test_a_tsdoc_comment_ends_only_at_its_end() -> None:
    for given in hostile():
        for words in ("", f"since {given}"):
            comment = "\n".join(text.tsdoc(given, deprecated=words, default=words))
            assert comment.index("*/") == len(comment) - 2
            assert not re.search(r"^ \* @(?!deprecated |default )", comment, re.MULTILINE)


def test_a_tsdoc_tag_in_a_description_is_escaped() -> None:
    assert text.tsdoc("@deprecated now") == [r"/** \@deprecated now */"]


def test_a_table_cell_never_splits_its_row() -> None:
    for given in hostile():
        for cell in (text.markdown(given), text.markdown_code(given)):
            assert len(cell.splitlines()) <= 1
            assert not re.search(r"(?<!\\)(\\\\)*\|", cell)


def test_joined_scripts_and_emoji_stay_unchanged() -> None:
    assert text.flow("👨‍👩‍👧 क्ष") == "👨‍👩‍👧 क्ष"
