"""The table of what the SDKs show notices each gap, and each explanation that explains nothing."""

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
    """Two languages with these exports; the other names are Go's."""
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
    (said,) = problems(surfaces(python=["find_metric", "STATUSES"], go=["Statuses"]), [])
    assert said.startswith("Exports: 'find_metric' is in python and not in go: add it there, or ")
    assert said.endswith("say why not in tests/conformance/parity/known.yaml")


def test_a_gap_with_a_reason_is_none() -> None:
    known = Difference("Exports", "find_metric", ("python",), "…")
    assert problems(surfaces(python=["find_metric"], go=[]), [known]) == []


def test_a_name_may_be_another_elsewhere() -> None:
    assert (
        problems(surfaces(python=["Status"], go=["StatusOK"], **{"Status[A-Z]*": "Status"}), [])
        == []
    )


@pytest.mark.parametrize(
    ("go", "problem"),
    [
        (["FindMetric"], "every SDK has Exports 'find_metric': remove the entry"),
        ([], "'find_metric' is in python and not in go"),
    ],
)
def test_a_reason_for_what_is_otherwise_is_none(go: list[str], problem: str) -> None:
    known = Difference("Exports", "find_metric", ("go",), "…")
    (said,) = problems(surfaces(python=["find_metric"], go=go), [known])
    assert problem in said


def test_a_reason_and_another_name_for_what_no_sdk_has_are_refused() -> None:
    known = Difference("Exports", "gone", ("go",), "…")
    said = problems(surfaces(python=[], go=[], Gone="gone"), [known])
    assert [line.partition(": ")[2] for line in said] == [
        "no SDK has Exports 'gone': remove the entry",
        "go has no Exports 'Gone': remove the name",
    ]


@pytest.mark.parametrize(
    ("language", "file", "taken_out", "problem"),
    [
        (
            "python",
            "client.py",
            r"    def stats\(.*?(?=    def )",
            "Client: 'Stats' is in go, typescript",
        ),
        ("python", "_generated/calls.py", r"    retries: .*?\n", "Options: 'WithRetries'"),
        ("go", "arguments.go", r"func WithRetries\(.*?\n", "Options: 'retries'"),
        (
            "go",
            "zz_generated_errors.go",
            r"\tCodeQueueFull ErrorCode.*?\n",
            "Error codes: 'queue.full'",
        ),
        ("go", "zz_generated_settings.go", r'\t\{"kafka_acks".*?\n', "variables: 'EKA_KAFKA_ACKS'"),
        ("typescript", "ledger.ts", r"  readonly queued: .*?\n", "Stats: 'queued'"),
        ("typescript", "index.ts", r"findMetric, ", "Exports: 'find_metric'"),
        ("typescript", "options.ts", r"  readonly eventId\?.*?\n", "Arguments: 'record.event_id'"),
        ("typescript", "generated/metrics.ts", r"    sms: .*?\n", "constants: 'metrics.comms.sms'"),
    ],
)
def test_what_is_taken_out_of_an_sdk_is_missed(
    language: str, file: str, taken_out: str, problem: str, tmp_path: Path
) -> None:
    for path in ("schema", *PACKAGES.values()):
        shutil.copytree(ROOT / path, tmp_path / path)
    source = tmp_path / PACKAGES[language] / file
    text, times = re.subn(taken_out, "", source.read_text(), count=1, flags=re.DOTALL)
    assert times == 1
    source.write_text(text)
    said = problems(*read(tmp_path, KNOWN))
    assert [line for line in said if problem in line and f"not in {language}" in line], said
