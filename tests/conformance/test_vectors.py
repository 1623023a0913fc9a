"""The vectors themselves: valid, many, with a reason for every case that a language skips."""

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
    """Returns the cases of all files."""
    return [case for path in FILES for case in json.loads(path.read_bytes())["cases"]]


def duplicates(values: list[str]) -> list[str]:
    """Returns the values that occur more than once."""
    return [value for value, count in Counter(values).items() if count > 1]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_file_of_vectors_matches_its_schema(path: Path) -> None:
    text = path.read_text(encoding="utf-8").encode("ascii").decode()
    errors = jsonschema_rs.Draft202012Validator(SCHEMA).iter_errors(_escaped(json.loads(text)))
    assert [error.message for error in errors] == []


def test_there_are_over_a_thousand_cases_with_unique_ids() -> None:
    ids = [case["id"] for case in cases()]
    assert len(ids) > 1000
    assert duplicates(ids) == []


def test_no_two_skipped_cases_have_the_same_reason() -> None:
    reasons = [reason for case in cases() for reason in case.get("cannot", {}).values()]
    assert duplicates(reasons) == []


def test_every_field_that_a_case_expects_is_a_field_of_the_event() -> None:
    for path in FILES:
        file = json.loads(path.read_bytes())
        for case in file["cases"]:
            assert set(case["expect"].get("event", {})) <= set(file["event"]), case["id"]


def _escaped(value: Any) -> Any:
    """Escapes lone surrogates, which the validator does not support."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, list):
        return [_escaped(item) for item in value]
    if isinstance(value, dict):
        return {_escaped(key): _escaped(item) for key, item in value.items()}
    return value
