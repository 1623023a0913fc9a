"""Strings on the wire: UTF-8 with JSON's minimal escapes, whatever they contain."""

from __future__ import annotations

import json
import subprocess
import sys
from enum import Enum
from pathlib import Path
from typing import Any

import pytest

from sdks.python.tests.support import VALID, CollectingProducer, fixed_client, record_event

TRICKY = [
    'quotes " and \\ backslashes \\" \\\\',
    "</script><!-- ${x} {{y}} %s {0}",
    "\u2028\u2029 \x7f \x85 \ufeff \xa0",
    "".join(map(chr, range(0x20))) + "x",
    "emoji 🩺 👩‍⚕️ and \U0010ffff",
    "हिन्दी العربية 中文",
    "nul\x00nul",
    "line\r\nbreak\ttab",
    "\ud7ff\ue000\uffff",
]


class Color(str, Enum):
    """An enumeration whose `str()` is not its value."""

    RED = "red"


class Loud(str):
    """A string whose `str()`, `repr()` and `format()` return another text."""

    __slots__ = ()

    def __str__(self) -> str:
        return "shouted"

    def __repr__(self) -> str:
        return "shouted"

    def __format__(self, _: str) -> str:
        return "shouted"


@pytest.mark.parametrize("text", TRICKY, ids=ascii)
def test_every_text_field_may_contain_any_string(text: str) -> None:
    collector = CollectingProducer()
    valid: dict[str, Any] = {**VALID, "workspace_id": text}
    with fixed_client(producer=collector, service_name=text, hostname=text) as client:
        assert client.record(**valid, event_id=text, metadata={text: [text, {text: text}]})
    [sent] = collector.sent
    event = json.loads(sent.value)
    assert sent.key == text.encode()
    assert event["workspace_id"] == event["event_id"] == text
    assert event["service_name"] == event["hostname"] == text
    assert json.loads(event["metadata"]) == {text: [text, {text: text}]}


@pytest.mark.workspace
def test_strings_are_escaped_as_node_escapes_them() -> None:
    texts = [*TRICKY, *(f"a{chr(point)}b" for point in range(0x300))]
    program = """
      for (const text of JSON.parse(require("fs").readFileSync(0)))
        console.log(JSON.stringify({m: JSON.stringify({k: text}), w: text}).slice(1, -1));
    """
    answer = subprocess.run(
        [Path(sys.prefix, "bin/node"), "-e", program],
        input=json.dumps(texts).encode(),
        capture_output=True,
        check=True,
    )
    lines = answer.stdout.decode().removesuffix("\n").split("\n")
    for text, line in zip(texts, lines, strict=True):
        outcome = record_event(workspace_id=text, metadata={"k": text})
        assert outcome.sent is not None
        metadata, _, workspace = line.partition(',"w":')
        assert f'"metadata"{metadata[3:]},'.encode() in outcome.sent.value
        assert f'"workspace_id":{workspace},'.encode() in outcome.sent.value


@pytest.mark.parametrize("text", ["\ud800", "a\udfffb", "\ud83e" + "x"], ids=ascii)
def test_a_lone_surrogate_is_invalid_in_an_id(text: str) -> None:
    assert record_event(workspace_id=text).error.code == "workspace_id.invalid"
    assert record_event(event_id=text).error.code == "event_id.invalid"


def test_a_lone_surrogate_in_metadata_becomes_the_replacement_character() -> None:
    outcome = record_event(
        metadata={"a\ud800": ["\udc00b", {"c": "x\ud83ey"}], "ok": "\ud83e\uddea"}
    )
    assert outcome.metadata == {"a\ufffd": ["\ufffdb", {"c": "x\ufffdy"}], "ok": "🧪"}


@pytest.mark.parametrize("kind", [Color.RED, Loud("red")], ids=["enum", "subclass"])
def test_a_str_subclass_is_written_as_its_characters(kind: str) -> None:
    outcome = record_event(workspace_id=kind, event_id=kind, metadata={kind: kind, "more": [kind]})
    assert outcome.errors == []
    assert outcome.sent is not None
    assert outcome.sent.key == b"red"
    assert outcome.event["workspace_id"] == outcome.event["event_id"] == "red"
    assert outcome.metadata == {"red": "red", "more": ["red"]}


def test_catalog_names_may_be_enum_members() -> None:
    class Name(str, Enum):
        PRODUCT = "api"
        METRIC_TYPE = "api_call"
        STATUS = "error"

    outcome = record_event(product=Name.PRODUCT, metric_type=Name.METRIC_TYPE, status=Name.STATUS)
    event = outcome.event
    assert (event["product"], event["metric_type"]) == ("api", "api_call")
    assert (event["status"], event["is_billable"]) == ("error", 0)


@pytest.mark.parametrize("name", [Color.RED, Loud("red")], ids=["enum", "subclass"])
def test_a_service_name_of_a_str_subclass_is_written_as_its_characters(name: str) -> None:
    collector = CollectingProducer()
    with fixed_client(producer=collector, service_name=name, hostname=name) as client:
        client.record(**VALID)
    event = json.loads(collector.sent[0].value)
    assert event["service_name"] == event["hostname"] == "red"
