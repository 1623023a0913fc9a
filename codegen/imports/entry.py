"""What an import makes of a foreign catalog, and what it cannot say."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from codegen.naming import LANGUAGES, snake

_NOT_IN_NAMES = re.compile(r"[^a-z0-9._-]+")
_JOINTS = re.compile(r"[._-]{2,}")
_LONGEST = 64
NOT_COUNTABLE = "it does not name a key whose values can be counted"
_RESERVED = frozenset().union(*(language.members for language in LANGUAGES.values()))


@dataclass(slots=True)
class Imported:
    """Products and units for a file that catalog.yaml includes, and what was left out."""

    products: dict[str, dict[str, Any]] = field(default_factory=dict)
    units: dict[str, dict[str, str]] = field(default_factory=dict)
    left_out: list[tuple[str, str]] = field(default_factory=list)
    """What cannot be said, by its name in the foreign catalog, with the reason."""

    def leave_out(self, what: str, reason: str) -> None:
        """Notes what the catalog cannot say."""
        self.left_out.append((what, reason))

    def unit(self, name: str, dimension: str = "count") -> str:
        """Declares a unit unless it is there, and returns its name."""
        spelled = spell(name) or "unit"
        plural = name if name.endswith("s") else f"{name}s"
        self.units.setdefault(spelled, {"title": plural, "dimension": dimension})
        return spelled

    def add(self, product: str, owner: str, name: str, entry: dict[str, Any]) -> None:
        """Adds a metric type; one whose name is taken is left out."""
        spelled, metric = spell(product), spell(name)
        if not spelled or not metric:
            self.leave_out(f"{product}.{name}", "its name has no letters a to z")
            return
        if {spelled, snake(spelled), metric, snake(metric)} & _RESERVED:
            self.leave_out(f"{product}.{name}", "its name is a reserved word of some language")
            return
        known = self.products.setdefault(
            spelled,
            {
                "title": product,
                "owner": owner,
                "description": f"Imported: {product}.",
                "metric_types": {},
            },
        )
        taken = {snake(one): one for one in known["metric_types"]}
        if snake(metric) in taken:
            other = taken[snake(metric)]
            self.leave_out(f"{product}.{name}", f"another one is already named {other}")
            return
        known["metric_types"][metric] = entry


def spell(name: str) -> str:
    """Returns a name as this catalog spells it; empty if nothing is left of it."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
    joined = _JOINTS.sub("_", _NOT_IN_NAMES.sub("_", words)).strip("._-")
    return re.sub(r"^[0-9._-]+", "", joined)[:_LONGEST].rstrip("._-")


def described(text: Any, otherwise: str) -> str:
    """Returns a description on one line."""
    line = " ".join(str(text or "").split())
    return line or otherwise


def key(name: Any) -> str | None:
    """Returns a name if it can be a metadata key."""
    text = str(name)
    return text if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.-]*", text) else None


def count_values(entry: dict[str, Any], name: str) -> None:
    """Makes a metric type count the different values of a metadata key, which events must have."""
    entry["of"] = f"metadata.{name}"
    metadata = entry.setdefault("metadata", {})
    metadata["required"] = [name]
    properties = metadata.setdefault("properties", {})
    properties[name] = {**properties.get(name, {}), "type": "string"}


def texts(data: Any) -> list[str]:
    """Returns the items of a list as texts, each once."""
    return list(dict.fromkeys(map(str, data))) if isinstance(data, list) else []


def mappings(data: Any) -> Iterator[Mapping[str, Any]]:
    """Yields the mappings of a list."""
    for one in data if isinstance(data, list) else ():
        if isinstance(one, Mapping):
            yield one
