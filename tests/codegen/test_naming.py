"""How a catalog name is spelled in each language."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from codegen.naming import LANGUAGES
from tests.codegen.tools import run, tool


@pytest.mark.parametrize(
    ("language", "attribute", "constant", "type_name", "metric", "argument"),
    [
        ("python", "api_call_v2", "API_CALL_V2", "ApiCallV2", "sms.api_call_v2", "api_call_v2"),
        ("go", "APICallV2", "APICallV2", "APICallV2", "MetricSMSAPICallV2", "WithAPICallV2"),
        ("typescript", "api_call_v2", "apiCallV2", "ApiCallV2", "sms.api_call_v2", "apiCallV2"),
    ],
)
def test_separators_follow_the_convention_of_the_language(
    language: str, attribute: str, constant: str, type_name: str, metric: str, argument: str
) -> None:
    names = LANGUAGES[language]
    for name in ("api_call_v2", "api.call-v2", "api-call_v2"):
        assert names.attribute(name) == attribute
        assert names.constant(name) == constant
        assert names.type_name(name) == type_name
        assert names.metric("sms", name) == metric
        assert names.argument(name) == argument


def rejected_by_python(words: list[str], _: Path) -> set[str]:
    def compiles(word: str) -> bool:
        try:
            compile(f"{word} = 1", "words", "exec")
        except SyntaxError:
            return False
        return True

    return {word for word in words if not compiles(word)}


def rejected_by_go(words: list[str], folder: Path) -> set[str]:
    for word in words:
        (folder / f"{word}.go").write_text(f"package words\n\nvar {word} = 1\n", encoding="utf-8")
    result = run([tool("gofmt"), "-l", "."], cwd=folder)
    return set(re.findall(r"^(\w+)\.go:", result.stdout, re.MULTILINE))


def rejected_by_typescript(words: list[str], folder: Path) -> set[str]:
    """Returns the words that are invalid as a constant, or that every object already has."""
    program = f"console.log({json.dumps(words)}.filter((word) => word in {{}}).join())"
    rejected = set(run([tool("node"), "-e", program], cwd=folder).stdout.strip().split(","))
    options = ["--noEmit", "--strict", "--types", "", "--target", "es2022", "--module", "esnext"]
    for _ in ("syntax", "types"):  # tsc checks types only if the syntax is valid
        files = [folder / f"{word}.ts" for word in words if word not in rejected]
        for file in files:
            file.write_text(f"export const {file.stem} = 1;\n", encoding="utf-8")
        result = run([tool("tsc"), *options, *(file.name for file in files)], cwd=folder)
        rejected |= set(re.findall(r"^(\w+)\.ts\(", result.stdout, re.MULTILINE))
    return rejected


@pytest.mark.parametrize(
    ("language", "rejected_by"),
    [
        ("python", rejected_by_python),
        ("go", rejected_by_go),
        ("typescript", rejected_by_typescript),
    ],
)
def test_the_reserved_words_of_a_language_are_those_it_rejects(
    language: str, rejected_by: Callable[[list[str], Path], set[str]], tmp_path: Path
) -> None:
    words = sorted({word for known in LANGUAGES.values() for word in known.reserved})
    assert rejected_by(words, tmp_path) == LANGUAGES[language].reserved
