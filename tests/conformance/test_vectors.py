"""The vectors themselves: sound, many, and honest about what a language cannot say."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

HERE = Path(__file__).resolve().parent
SCHEMA = json.loads((HERE / "vectors.schema.json").read_bytes())
FILES = sorted((HERE / "vectors").glob("*.json"))


def cases() -> list[dict[str, Any]]:
    """All cases of all files."""
    return [case for path in FILES for case in json.loads(path.read_bytes())["cases"]]


def repeated(values: list[str]) -> list[str]:
    """What stands there more than once."""
    return [value for value, count in Counter(values).items() if count > 1]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_file_of_vectors_obeys_its_schema(path: Path) -> None:
    text = path.read_text(encoding="utf-8").encode("ascii").decode()
    errors = jsonschema_rs.Draft202012Validator(SCHEMA).iter_errors(_sayable(json.loads(text)))
    assert [error.message for error in errors] == []


def test_there_are_over_a_thousand_and_each_has_an_id_of_its_own() -> None:
    ids = [case["id"] for case in cases()]
    assert len(ids) > 1000
    assert repeated(ids) == []


def test_no_reason_for_leaving_a_case_out_is_given_twice() -> None:
    reasons = [reason for case in cases() for reason in case.get("cannot", {}).values()]
    assert repeated(reasons) == []


def test_a_field_that_a_case_expects_is_a_field_of_the_event() -> None:
    for path in FILES:
        file = json.loads(path.read_bytes())
        for case in file["cases"]:
            assert set(case["expect"].get("event", {})) <= set(file["event"]), case["id"]


def _sayable(value: Any) -> Any:
    """The same with lone surrogates, which the validator cannot take, as ASCII."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, list):
        return [_sayable(item) for item in value]
    if isinstance(value, dict):
        return {_sayable(key): _sayable(item) for key, item in value.items()}
    return value
