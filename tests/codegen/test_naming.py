"""What a catalog name is called in each language."""

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
def test_joints_become_what_the_language_writes(
    language: str, attribute: str, constant: str, type_name: str, metric: str, argument: str
) -> None:
    names = LANGUAGES[language]
    for name in ("api_call_v2", "api.call-v2", "api-call_v2"):
        assert names.attribute(name) == attribute
        assert names.constant(name) == constant
        assert names.type_name(name) == type_name
        assert names.metric("sms", name) == metric
        assert names.argument(name) == argument


def refused_by_python(words: list[str], _: Path) -> set[str]:
    def compiles(word: str) -> bool:
        try:
            compile(f"{word} = 1", "words", "exec")
        except SyntaxError:
            return False
        return True

    return {word for word in words if not compiles(word)}


def refused_by_go(words: list[str], folder: Path) -> set[str]:
    for word in words:
        (folder / f"{word}.go").write_text(f"package words\n\nvar {word} = 1\n", encoding="utf-8")
    result = run([tool("gofmt"), "-l", "."], cwd=folder)
    return set(re.findall(r"^(\w+)\.go:", result.stdout, re.MULTILINE))


def refused_by_typescript(words: list[str], folder: Path) -> set[str]:
    """As a constant, or because any object already has it."""
    program = f"console.log({json.dumps(words)}.filter((word) => word in {{}}).join())"
    refused = set(run([tool("node"), "-e", program], cwd=folder).stdout.strip().split(","))
    options = ["--noEmit", "--strict", "--types", "", "--target", "es2022", "--module", "esnext"]
    for _ in ("its syntax", "its meaning"):  # tsc looks at the second where the first is fine
        files = [folder / f"{word}.ts" for word in words if word not in refused]
        for file in files:
            file.write_text(f"export const {file.stem} = 1;\n", encoding="utf-8")
        result = run([tool("tsc"), *options, *(file.name for file in files)], cwd=folder)
        refused |= set(re.findall(r"^(\w+)\.ts\(", result.stdout, re.MULTILINE))
    return refused


@pytest.mark.parametrize(
    ("language", "refused"),
    [
        ("python", refused_by_python),
        ("go", refused_by_go),
        ("typescript", refused_by_typescript),
    ],
)
def test_a_language_reserves_just_those_of_all_words_that_it_refuses(
    language: str, refused: Callable[[list[str], Path], set[str]], tmp_path: Path
) -> None:
    words = sorted({word for known in LANGUAGES.values() for word in known.reserved})
    assert refused(words, tmp_path) == LANGUAGES[language].reserved
