"""Foreign text reaches a terminal, a log, a spreadsheet or a parser only escaped."""

from __future__ import annotations

import csv
import io
import json
import logging
import sys
from collections import Counter
from pathlib import Path

import pytest

from infra.sink.__main__ import main
from infra.sink._generated.fields import DATABASE, TABLE
from infra.sink.command_line import LineFormatter
from infra.sink.counts import Counts
from infra.sink.migrate import migrate
from infra.sink.progress import line
from infra.sink.store import open_store
from infra.sink.text import csv_cell, json_document, printable
from tests.sink.events import insert

# A terminal escape, a forged line, a C1 control, a reversal of the line, and a hidden character.
_HOSTILE = "a\x1b[2J\r\n2 missing\x9b1m\u202eb\u200b\u2028c"
_ESCAPED = r"a\x1b[2J\r\n2 missing\x9b1m\u202eb\u200b\u2028c"
_FORMULAS = ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "＝1", "=cmd|' /C calc'!A0")

_MONTH = ("--workspace", "w", "--month", "2026-03")


def test_every_character_that_does_not_print_is_escaped() -> None:
    assert printable(_HOSTILE) == _ESCAPED
    assert printable("é 漢字 😀 \\ '\"") == "é 漢字 😀 \\ '\""
    for number in range(sys.maxunicode + 1):
        assert printable(chr(number)).isprintable()


@pytest.mark.parametrize("text", _FORMULAS)
def test_a_cell_is_no_formula(text: str) -> None:
    [[cell, last]] = csv.reader(io.StringIO(f"{csv_cell(text)},1\n"))
    assert cell == printable(f"'{text}")
    assert last == "1"


@pytest.mark.parametrize("text", ['"', '","', "a\nb", "a\rb", 'x"=1', ""])
def test_a_cell_is_one_cell(text: str) -> None:
    [[cell, last]] = csv.reader(io.StringIO(f"{csv_cell(text)},1\n"))
    assert cell == printable(text)
    assert last == "1"


def test_a_json_document_has_the_text_and_prints_nothing_else() -> None:
    value = {_HOSTILE: [_HOSTILE, "é\U000e0001", {"a": None}]}
    document = json_document(value)
    assert json.loads(document) == value
    assert document.replace("\n", "").isprintable()
    assert "é" in document


def test_a_log_record_is_one_line() -> None:
    counts = Counts(pause_reason=_HOSTILE, unknown=1, unknown_metrics=Counter([_HOSTILE]), lag=0)
    record = logging.LogRecord("sink", 20, "", 1, "%s", (line(counts, 0),), None)
    text = LineFormatter("%(asctime)s sink: %(message)s").format(record)
    assert text.isprintable()
    assert text.count(_ESCAPED) == 2


@pytest.mark.parametrize("output", ["table", "csv", "json"])
def test_no_command_prints_what_a_hostile_event_holds(
    output: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dsn = f"chdb://{tmp_path}/store"
    names = {"product": _HOSTILE, "metric_type": "=1+1", "instance_id": _HOSTILE}
    with open_store(dsn) as client:
        migrate(client)
        # As a row that is older than the constraints.
        drop = "DROP CONSTRAINT valid_product, DROP CONSTRAINT valid_metric_type"
        client.command(f"ALTER TABLE {DATABASE}.{TABLE} {drop}")
        insert(client, [{"workspace_id": "w", "seq": 5, **names}])
    usage = ["usage", "--dsn", dsn, *_MONTH, "--format", output]
    assert main(usage) == 0
    printed = capsys.readouterr().out
    assert printed.replace("\n", "").isprintable()
    assert ('"\'=1+1"' in printed) == (output == "csv")
    if output != "csv":
        reconcile = ["reconcile", "--dsn", dsn, "--since", "2026-03-01", "--format", output]
        assert main(reconcile) == 1
        printed = capsys.readouterr().out
        assert printed.replace("\n", "").isprintable()
        assert r"[2J\r\n2 missing" in printed


def test_an_error_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["usage", "--dsn", f"chdb:///none/{_HOSTILE}", *_MONTH]) == 1
    assert capsys.readouterr().err.rstrip("\n").isprintable()
