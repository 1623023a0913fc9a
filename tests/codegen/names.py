"""A catalog whose names mean something in a language, and whose texts no linter likes."""

from __future__ import annotations

import builtins
import keyword
import re
import shutil
from pathlib import Path
from typing import Any

import yaml

from codegen.naming import LANGUAGES
from tests.codegen.tools import REPOSITORY

# Predeclared in Go, global or inherited in TypeScript, special to Python's tools.
_OTHERS = """
    annotations any append async bigint bool byte cap clear close comparable complex copy declare
    error fallback false float64 get global globalthis infer init int iota is keyof len length
    main make match max metric metrics min module name namespace new nil number object of override
    panic password print private_key process prototype readonly real recover require rune secret
    self set string symbol then token true type typeof undefined unique unknown uint void window
"""
_TEXTS = (
    "Turns a recorded consultation into a structured medical note, and files it where it belongs.",
    "lowercase, without a full stop, and long enough that no docstring has it on one line of code",
    "Args: one, Returns: another. Raises: nothing, Yields: a section that it is not, and much more",
    'A `back\\slash`, "three""" quotes, it\'s {braces}, <b>tags</b> and a tab\there, at length.',
    "TODO(nobody): noqa, type: ignore, pragma: no cover, fmt: off, biome-ignore lint, or so",
    'Ends with a quote, which no docstring may do: "so there", said somebody, and then "again"',
    "टोकन 漢字 😀 beyond ASCII, with a \u200b that nobody sees and a \u202e that turns it around",
    "?",
)


def names() -> list[str]:
    """Returns the names that the rules accept."""
    languages = LANGUAGES.values()
    keywords = frozenset().union(*(language.reserved for language in languages))
    known = {*dir(builtins), *keyword.softkwlist, *_OTHERS.split(), *keywords}
    valid = re.compile(r"[a-z][a-z0-9]*([._-][a-z0-9]+)*")
    refused = frozenset().union(*(language.members for language in languages))
    return sorted(name for name in known if valid.fullmatch(name) and name not in refused)


def write_schema(folder: Path) -> Path:
    """Writes the three files, derived from the repository's own, and returns their folder."""
    shutil.copytree(REPOSITORY / "schema", folder, ignore=shutil.ignore_patterns("examples"))
    path = folder / "catalog.yaml"
    catalog = yaml.safe_load(path.read_text(encoding="utf-8"))
    every = names()
    catalog["units"] = {name: {"title": name, "dimension": name} for name in every}
    catalog["log_levels"] = ["error", *(name for name in every if name != "error")]
    catalog["statuses"] |= {
        name: {"billable": False, "description": _text(index)}
        for index, name in enumerate(every)
        if name not in {*catalog["statuses"], *_statuses_of_calls(folder)}
    }
    catalog["products"] = {
        name: _product(index, every if index == 0 else [name]) for index, name in enumerate(every)
    }
    path.write_text(yaml.safe_dump(catalog, sort_keys=False), encoding="utf-8")
    return folder


def _statuses_of_calls(folder: Path) -> set[str]:
    """Returns the statuses that only a call of the SDK sets, which a catalog cannot have."""
    event = yaml.safe_load((folder / "event.yaml").read_text(encoding="utf-8"))
    return {event["void"]["status"]}


def _text(index: int) -> str:
    return _TEXTS[index % len(_TEXTS)]


def _product(index: int, metric_types: list[str]) -> dict[str, Any]:
    return {
        "title": _text(index + 1),
        "owner": _text(index + 2),
        "description": _text(index),
        "metric_types": {
            name: {"unit": name, "title": _text(number + 1), "description": _text(number + index)}
            for number, name in enumerate(metric_types)
        },
    }
