"""Where metric types are recorded, in sources of three languages."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from codegen.cli import main

PYTHON = """\
from eka_usage import metrics
client.record("w", "api", "api_call", 2)
client.record("w", product='api', metric_type='api_error')
client.record_metric("w", metrics.comms.sms)
client.log("w", "comms", "email", "refused")
logger.log("w", "no product", "of ours")
client.record("w", f"{product}", "api_call")
find_metric("abdm", "abha")
# client.record("w", "abdm", "linking")
client.record("w", "api", "api_cal")
"""
GO = """\
package service

func record(c *ekausage.Client) {
\tc.Record("w", "api", "api_call", 1, "", nil, nil)
\tc.RecordMetric("w", ekausage.MetricCommsSms, 2)
\tc.RecordUsage(ekausage.Usage{WorkspaceID: "w", Product: `api`, MetricType: "api_error"})
\tc.Log("w", "comms", "email", "refused", "", nil)
\tekausage.FindMetric("abdm", "abha")
\tc.Record("w", product, "api_call", 1, "", nil, nil)
\t// c.Record("w", "abdm", "linking", 1, "", nil, nil)
\tc.Record("w", "api", "api_cal", 1, "", nil, nil)
}
"""
TYPESCRIPT = """\
import { metrics } from "@eka-care/usage-sdk";
client.record("w", "api", "api_call", 2);
client.record("w", metrics.comms["sms"], { quantity: 2 });
client.recordMetric("w", metrics.api.api_error);
client.log("w", "comms", 'email', "refused");
console.log("w", "no product", "of ours");
findMetric("abdm", `abha`);
client.record("w", `${product}`, "api_call");
// client.record("w", "abdm", "linking");
client.record("w", "api", "api_cal");
"""
EVERY = ["api/api_call", "api/api_error", "abdm/abha", "comms/email", "comms/sms"]


def usages(
    *paths: Path, capsys: pytest.CaptureFixture[str]
) -> tuple[int, dict[str, dict[str, list[str]]]]:
    status = main(["usages", *map(str, paths), "--format", "json"])
    return status, json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(
    ("name", "source", "undeclared"),
    [
        ("service.py", PYTHON, 10),
        ("service.go", GO.replace("Sms", "SMS"), 11),
        ("service.ts", TYPESCRIPT, 10),
        ("service.tsx", f"{TYPESCRIPT}const page = <p>metrics.api.none</p>;\n", 10),
    ],
)
def test_every_way_to_record_is_found(
    name: str, source: str, undeclared: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / name
    file.write_text(source, encoding="utf-8")
    status, found = usages(file, capsys=capsys)
    assert status == 1
    assert sorted(found["recorded"]) == sorted(EVERY)
    assert [len(places) for places in found["recorded"].values()] == [1] * len(EVERY)
    (place,) = found["undeclared"].pop("api/api_cal")
    assert place.startswith(f"{file}:{undeclared}:")
    assert found["undeclared"] == {}
    assert "abdm/linking" in found["never_recorded"]["abdm"]


def test_a_source_that_does_not_parse_is_read_as_far_as_possible(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "broken.py"
    file.write_text('client.record("w", "api", "api_call")\n\ndef (\n\xff', encoding="latin-1")
    status, found = usages(file, capsys=capsys)
    assert (status, sorted(found["recorded"])) == (0, ["api/api_call"])


def test_folders_are_searched_without_what_is_generated_or_installed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder in ("src", "node_modules/x", ".venv", "src/_generated"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "a.py").write_text('c.record("w", "api", "api_call")\n')
    _, found = usages(tmp_path, capsys=capsys)
    assert found["recorded"] == {"api/api_call": [f"{tmp_path}/src/a.py:1:1"]}


def test_the_text_names_owners_and_near_names(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.py").write_text(PYTHON, encoding="utf-8")
    assert main(["usages", str(tmp_path)]) == 1
    output = capsys.readouterr().out
    assert f"  comms/sms (comms)\n    {tmp_path}/a.py:4:27\n" in output
    assert "  abdm: abdm/linking, abdm/data_transfer\n" in output
    assert "  api/api_cal: did you mean 'api/api_call'?\n" in output
    assert output.endswith("1 file: 5 of 24 metric types recorded\n")


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("no/such", "no/such: no such file or directory"),
        ("README.md", "README.md: unknown language"),
    ],
)
def test_a_path_that_cannot_be_searched_is_a_usage_error(
    path: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["usages", path]) == 2
    assert message in capsys.readouterr().err
