"""The documents are true: names exist, links resolve, examples run."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import pytest
from eka_usage import ErrorCode
from eka_usage._generated.settings import SETTINGS

from infra.sink import dsn

if TYPE_CHECKING:
    from eka_usage.testing import InMemoryProducer

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("sdks/*/README.md")])
ids = [str(path.relative_to(ROOT)) for path in DOCUMENTS]
VARIABLES = {dsn.VARIABLE, dsn.FILE_VARIABLE, *(setting.variable for setting in SETTINGS)}
CODES = set(get_args(ErrorCode))
SOURCES = {
    "Python": ("sdks/python/src", "*.py"),
    "Go": ("sdks/go", "*.go"),
    "TypeScript": ("sdks/typescript/src", "*.ts"),
}


def examples(path: Path) -> list[str]:
    """Returns the Python code blocks of a document."""
    return re.findall(r"^```python\n(.*?)^```$", path.read_text(), re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("path", DOCUMENTS, ids=ids)
def test_every_variable_and_error_code_in_a_document_exists(path: Path) -> None:
    text = path.read_text()
    assert set(re.findall(r"\bEKA_[A-Z_]+\b", text)) <= VARIABLES
    families = "|".join(sorted({re.escape(code.split(".")[0]) for code in CODES}))
    named = re.findall(rf"`((?:{families})\.[a-z]+)`", text)
    if path.name == "sdk-parity.md":
        named = []  # which has arguments as `session.vendor`
    assert {
        name for name in named if not name.endswith((".yaml", ".py", ".md", ".go", ".ts"))
    } <= CODES


@pytest.mark.parametrize("path", DOCUMENTS, ids=ids)
def test_every_link_within_the_repository_resolves_to_a_file(path: Path) -> None:
    targets = re.findall(r"\]\(([^)#]+?)\)", path.read_text())
    dead = [
        target
        for target in targets
        if not target.startswith("https://") and not (path.parent / target).exists()
    ]
    assert dead == []


def glossary(language: str) -> list[str]:
    """Returns the names in a language's column of the glossary."""
    column = 2 + [*SOURCES].index(language)
    rows = re.findall(r"^\| (.*)\|$", (ROOT / "docs/glossary.md").read_text(), re.MULTILINE)
    cells = [row.split("|") for row in rows]
    return [name for row in cells if len(row) == 5 for name in re.findall(r"`(.+?)`", row[column])]


@pytest.mark.parametrize("language", SOURCES)
def test_every_name_in_the_glossary_occurs_in_the_sources(language: str) -> None:
    folder, pattern = SOURCES[language]
    sources = [
        path.read_text()
        for path in (ROOT / folder).rglob(pattern)
        if not path.name.endswith("_test.go")
    ]
    words = {word.lstrip("_") for text in sources for word in re.findall(r"\w+", text)}
    names = glossary(language)
    assert len(names) > 25
    assert [name for name in names if name not in words] == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=ids)
def test_every_python_example_compiles(path: Path) -> None:
    for number, example in enumerate(examples(path)):
        compile(example, f"{path.name}, example {number}", "exec")


def test_the_readme_example_records_its_four_events(usage_events: InMemoryProducer) -> None:
    exec(examples(ROOT / "README.md")[0], {})
    assert [(event.product, event.metric_type, event.status) for event in usage_events] == [
        ("api", "api_call", "ok"),
        ("agent", "input_token", "ok"),
        ("ekascribe", "transcription_minute", "ok"),
        ("comms", "sms", "error"),
    ]


def test_the_python_readme_example_records_every_argument(usage_events: InMemoryProducer) -> None:
    first, second, many, session, bound, *_ = examples(ROOT / "sdks/python/README.md")
    exec(f"{first}\n{second}\n{many}\n{session}\n{bound}", {})
    assert [(event.metric_type, event.event_id) for event in usage_events][2:6] == [
        ("sms", "sms-1"),
        ("sms", "sms-2"),
        ("input_token", "answer-7"),
        ("output_token", "answer-7"),
    ]
    assert (usage_events[-2].metric_type, usage_events[-1].metadata) == (
        "transcription_minute",
        '{"plan":"pro","page":2}',
    )
    event = usage_events[1]
    assert (event.event_id, event.quantity) == ("invoice-7/line-3", Decimal(1830))
    assert event.metadata == '{"model":"m-3"}'
    assert event.ts - event.occurred_at > timedelta(minutes=1)
