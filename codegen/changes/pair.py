"""The catalog before and after, and what a rule finds between them.

Everything reads raw data leniently: a release may be older than today's schema of the files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from codegen.source import Route

Data = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Break:
    """One breaking change: what `accepted_breaks` calls its place, and where it is now."""

    at: str
    file: str
    route: Route
    message: str
    at_key: bool = True


@dataclass(frozen=True, slots=True)
class Pair:
    """The data of the schema files by name, of a release and of today."""

    before: Mapping[str, Data]
    after: Mapping[str, Data]

    def mappings(self, *route: str) -> tuple[Data, Data]:
        """Returns the mappings at a route such as `catalog`, `statuses`; empty if missing."""
        return mapping(self.before, *route), mapping(self.after, *route)

    def common(self, *route: str) -> Iterator[tuple[str, Data, Data]]:
        """Yields the entries that both mappings at a route have."""
        before, after = self.mappings(*route)
        for name in before:
            if name in after:
                yield name, mapping(before, name), mapping(after, name)

    def gone(self, *route: str) -> Iterator[str]:
        """Yields the names that the mapping at a route has lost."""
        before, after = self.mappings(*route)
        yield from (name for name in before if name not in after)

    def new(self, *route: str) -> list[str]:
        """Returns the names that the mapping at a route has gained."""
        before, after = self.mappings(*route)
        return [name for name in after if name not in before]

    def metric_types(self) -> Iterator[tuple[str, Route, Data, Data]]:
        """Yields the metric types of both: as `product/name`, with their route."""
        for product, before, after in self.common("catalog", "products"):
            inner = Pair({"catalog": before}, {"catalog": after})
            for name, old, new in inner.common("catalog", "metric_types"):
                yield f"{product}/{name}", ("products", product, "metric_types", name), old, new


@dataclass(frozen=True, slots=True)
class Rule:
    """What a kind of breaking change costs; `never` marks those that cannot be accepted."""

    cost: str
    find: Callable[[Pair], Iterator[Break]]
    never: bool = False


def mapping(data: Any, *route: str) -> Data:
    """Returns the mapping at a route, or an empty one."""
    for step in route:
        data = data.get(step) if isinstance(data, Mapping) else None
    return data if isinstance(data, Mapping) else {}


def texts(data: Any) -> list[Any]:
    """Returns a list, or an empty one."""
    return data if isinstance(data, list) else []


def shown(value: Any) -> str:
    """Returns a value for a message; a key that is absent is `none`."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def turned(before: Any, after: Any) -> str:
    """Returns `call → page`."""
    return f"{shown(before)} → {shown(after)}"
