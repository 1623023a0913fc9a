"""The parity check detects every gap without a reason, and every reason without a gap."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml

from tests.conformance.parity.__main__ import KNOWN, ROOT, main, read
from tests.conformance.parity.compare import Difference, problems
from tests.conformance.parity.surface import OtherName, Surface

PACKAGES = {
    language: package["path"]
    for language, package in yaml.safe_load((ROOT / "schema/sdk.yaml").read_bytes())[
        "packages"
    ].items()
}


def surfaces(*, python: Sequence[str], go: Sequence[str], **other: str) -> list[Surface]:
    """Returns the surfaces of two languages with these exports; `other` are Go's other names."""
    names = tuple(OtherName("go", "Exports", pattern, name) for pattern, name in other.items())
    found = []
    for language, exports in (("python", python), ("go", go)):
        surface = Surface(language, names)
        for export in exports:
            surface.add("Exports", export)
        found.append(surface)
    return found


def test_the_three_sdks_have_no_gap_without_a_reason(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check"]) == 0, capsys.readouterr().err


def test_a_name_that_one_sdk_lacks_is_a_gap() -> None:
    (problem,) = problems(surfaces(python=["find_metric", "STATUSES"], go=["Statuses"]), [])
    assert problem.startswith(
        "Exports: 'find_metric' is in python and not in go: add it there, or "
    )
    assert problem.endswith("add the reason to tests/conformance/parity/known.yaml")


def test_a_gap_with_a_reason_is_allowed() -> None:
    known = Difference("Exports", "find_metric", ("python",), "…")
    assert problems(surfaces(python=["find_metric"], go=[]), [known]) == []


def test_a_concept_may_have_another_name_in_one_language() -> None:
    assert (
        problems(surfaces(python=["Status"], go=["StatusOK"], **{"Status[A-Z]*": "Status"}), [])
        == []
    )


@pytest.mark.parametrize(
    ("go", "expected"),
    [
        (["FindMetric"], "every SDK has Exports 'find_metric': remove the entry"),
        ([], "'find_metric' is in python and not in go"),
    ],
)
def test_a_reason_that_does_not_fit_the_gap_is_an_error(go: list[str], expected: str) -> None:
    known = Difference("Exports", "find_metric", ("go",), "…")
    (problem,) = problems(surfaces(python=["find_metric"], go=go), [known])
    assert expected in problem


def test_a_reason_or_another_name_that_no_sdk_needs_is_an_error() -> None:
    known = Difference("Exports", "gone", ("go",), "…")
    found = problems(surfaces(python=[], go=[], Gone="gone"), [known])
    assert [line.partition(": ")[2] for line in found] == [
        "no SDK has Exports 'gone': remove the entry",
        "go has no Exports 'Gone': remove the name",
    ]


@pytest.mark.parametrize(
    ("language", "file", "removed", "expected"),
    [
        (
            "python",
            "_client.py",
            r"    def stats\(.*?(?=    def )",
            "Client: 'Stats' is in go, typescript",
        ),
        ("python", "_generated/calls.py", r"    retries: .*?\n", "Options: 'WithRetries'"),
        ("go", "options.go", r"func WithRetries\(.*?\n", "Options: 'retries'"),
        (
            "go",
            "zz_generated_errors.go",
            r"\tCodeQueueFull ErrorCode.*?\n",
            "Error codes: 'queue.full'",
        ),
        ("go", "zz_generated_settings.go", r'\t\{"kafka_acks".*?\n', "variables: 'EKA_KAFKA_ACKS'"),
        ("typescript", "ledger.ts", r"  readonly queued: .*?\n", "Stats: 'queued'"),
        ("typescript", "index.ts", r"findMetric, ", "Exports: 'find_metric'"),
        (
            "typescript",
            "callOptions.ts",
            r"  readonly eventId\?.*?\n",
            "Arguments: 'record.event_id'",
        ),
        (
            "typescript",
            "generated/metrics.ts",
            r"    readonly sms: .*?\n",
            "constants: 'metrics.comms.sms'",
        ),
    ],
)
def test_a_name_removed_from_an_sdk_is_detected(
    language: str, file: str, removed: str, expected: str, tmp_path: Path
) -> None:
    for path in ("schema", *PACKAGES.values()):
        shutil.copytree(ROOT / path, tmp_path / path)
    source = tmp_path / PACKAGES[language] / file
    text, times = re.subn(removed, "", source.read_text(), count=1, flags=re.DOTALL)
    assert times == 1
    source.write_text(text)
    found = problems(*read(tmp_path, KNOWN))
    assert [line for line in found if expected in line and f"not in {language}" in line], found
