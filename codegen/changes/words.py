"""A comparison in words, for the changelog and the pull request: Markdown and JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from codegen.changes.differences import Difference
from codegen.changes.judge import Comparison, Found
from codegen.changes.pair import mapping, shown
from codegen.text import markdown, markdown_code

_HEADINGS = {
    "added": "Added",
    "deprecated": "Deprecated",
    "removed": "Removed",
    "changed": "Changed",
}
_LONGEST = 80


def as_markdown(comparison: Comparison) -> str:
    """Returns a heading with the versions, then a list for each kind of change."""
    lines = [f"## {_versions(comparison)}", ""]
    if comparison.breaking:
        lines += ["### Breaking", "", *map(_breaking, comparison.breaking), ""]
    for kind, heading in _HEADINGS.items():
        rows = [_row(one) for one in comparison.differences if one.kind == kind]
        if rows:
            lines += [f"### {heading}", "", *rows, ""]
    if comparison.level == "none":
        lines += ["Nothing changed.", ""]
    return "\n".join(lines[:-1]) + "\n"


def as_json(comparison: Comparison) -> str:
    """Returns one object, whose keys are those of the Markdown."""
    content: dict[str, Any] = {
        "from": comparison.reference.version,
        "to": comparison.sources["catalog"].data["version"],
        "level": comparison.level,
        "breaking": [
            {
                "rule": found.rule,
                "at": found.change.at,
                "message": found.change.message,
                "cost": found.cost,
                "accepted": found.accepted is not None,
            }
            for found in comparison.breaking
        ],
    }
    for kind in _HEADINGS:
        content[kind] = list(_objects(comparison, kind))
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def _objects(comparison: Comparison, kind: str) -> Iterator[dict[str, Any]]:
    for one in comparison.differences:
        if one.kind == kind:
            sides = {"before": one.before, "after": one.after}
            yield {"what": one.what, **{k: v for k, v in sides.items() if v is not None}}


def _versions(comparison: Comparison) -> str:
    before, now = comparison.reference.version, comparison.sources["catalog"].data["version"]
    return markdown(f"Catalog {now}" if before == now else f"Catalog {before} → {now}")


def _breaking(found: Found) -> str:
    accepted = "accepted: " if found.accepted else ""
    return f"- {accepted}{markdown(found.change.message)} — {markdown(found.cost)}"


def _row(one: Difference) -> str:
    return f"- {markdown(one.what)}{_details(one)}"


def _details(one: Difference) -> str:
    if one.kind == "added":
        described = mapping(one.after).get("description")
        return f": {markdown(str(described))}" if described else ""
    if one.kind == "changed":
        return f": {_value(one.before)} → {_value(one.after)}"
    words = mapping(one.after)
    parts = [f"{key.replace('_', ' ')} {value}" for key, value in words.items()]
    return f": {markdown(', '.join(parts))}" if parts else ""


def _value(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else shown(value)
    return markdown_code(text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…")
