"""A catalog with names and texts of every length, so that lines of code end at every column."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import yaml

from tests.codegen.tools import REPOSITORY

_LONGEST_NAME = 64


def name(length: int) -> str:
    """Returns a name of this length, with every separator if it is long enough."""
    parts = ["a", "b-c", "d.e", "f_g"]
    text = "_".join(parts)
    return (text + "_" + "x" * length)[:length].rstrip("._-").ljust(length, "y")


def words(length: int) -> str:
    """Returns a text of this length, in words of various lengths."""
    return (
        ("The words 'of' a text, in \"various\" lengths: " * length)[: length - 1]
        .rstrip()
        .ljust(length, ".")
    )


def write_schema(folder: Path) -> Path:
    """Writes the three files, derived from the repository's own, and returns their folder."""
    shutil.copytree(REPOSITORY / "schema", folder, ignore=shutil.ignore_patterns("examples"))
    catalog = _read(folder / "catalog.yaml")
    catalog["units"] = {"call": {"title": "calls", "dimension": "count"}}
    catalog["log_levels"] = ["error", *map(name, range(20, 40, 4))]
    catalog["products"] = {
        name(length): _product(length) for length in (1, 7, 31, 64, 90, 110, 128)
    }
    _write(folder / "catalog.yaml", catalog)
    sdk = _read(folder / "sdk.yaml")
    for length, error in enumerate(sdk["errors"].values(), 80):
        error["text"] = words(length)
    for length in range(1, 30):
        sdk["settings"][name(length).replace("-", "_").replace(".", "_")] = {
            "type": "choice",
            "choices": [words(size) for size in range(length, length + 4)],
            "default": words(length),
            "description": words(length + 70),
        }
    _write(folder / "sdk.yaml", sdk)
    event = _read(folder / "event.yaml")
    event["fields"] |= {f"x{'y' * length}": _field(length) for length in range(1, 60, 3)}
    _write(folder / "event.yaml", event)
    return folder


def _field(length: int) -> dict[str, Any]:
    return {
        "type": "enum",
        "set_by": "caller",
        "optional": True,
        "values": [f"{letter}{'z' * length}" for letter in "abcdefg"[: 1 + length % 7]],
        "column": "String",
        "description": words(length + 60),
    }


def _product(length: int) -> dict[str, Any]:
    return {
        "title": words(length + 60),
        "owner": words(length + 20),
        "description": words(length + 80),
        "metric_types": {
            name(size): {
                "title": words(size + length),
                "unit": "call",
                "description": words(size + 40),
                "quantity": {
                    "minimum": size / 128 + 0.001,
                    "maximum": 10 ** (size % 64 // 4) + size,
                },
                "metadata": {
                    "required": [f"key_{size}"],
                    "properties": {f"key_{size}": {"enum": list(range(size))}},
                },
            }
            for size in (*range(2, _LONGEST_NAME + 1), *range(70, 129, 2))
        },
    }


def _read(path: Path) -> dict[str, Any]:
    data: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return data


def _write(path: Path, data: dict[str, Any]) -> None:
    path.write_text(yaml.safe_dump(data, sort_keys=False, width=10_000), encoding="utf-8")
