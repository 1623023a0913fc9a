"""Rules on deprecated and removed metric types and their replacements."""

from __future__ import annotations

from collections.abc import Iterator

from codegen.diagnostics import quote, suggestion
from codegen.rules.files import Files, Finding
from codegen.source import Route
from codegen.versions import parsed

_DEPRECATED = "products/*/metric_types/*/deprecated"
_REMOVED = "products/*/metric_types/*/removed"


def missing_replacement(files: Files) -> Iterator[Finding]:
    """A deprecation has neither a replacement nor a version of removal."""
    for route, deprecated in files.each("catalog", _DEPRECATED, dict):
        if not {"replaced_by", "remove_in"} & deprecated.keys():
            message = "neither a replacement nor a version of removal: add replaced_by or remove_in"
            yield Finding("catalog", route, message, at_key=True)


def unknown_replacement(files: Files) -> Iterator[Finding]:
    """The replacement of a metric type is not a metric type."""
    known = dict.fromkeys(metric_types(files))
    for route, text in replacements(files):
        if target(route, text) not in known:
            own = [name for product, name in known if product == route[1]]
            names = [*("/".join(one) for one in known), *(() if "/" in text else own)]
            message = f"replaced_by {quote(text)} is not a metric type: {suggestion(text, names)}"
            yield Finding("catalog", route, message)


def replacement_cycle(files: Files) -> Iterator[Finding]:
    """A chain of replacements leads back to its start."""
    follows: dict[tuple[str, str], tuple[str, str]] = {}
    places: dict[tuple[str, str], Route] = {}
    for route, text in replacements(files):
        here = (str(route[1]), str(route[3]))
        follows[here], places[here] = target(route, text), route
    done: set[tuple[str, str]] = set()
    for start in follows:
        chain: list[tuple[str, str]] = []
        at = start
        while at in follows and at not in done:
            done.add(at)
            chain.append(at)
            at = follows[at]
        if at in chain:
            cycle = [*chain[chain.index(at) :], at]
            message = f"replacements form a cycle: {' → '.join('/'.join(one) for one in cycle)}"
            yield Finding("catalog", places[at], message)


def version_order(files: Files) -> Iterator[Finding]:
    """A deprecation begins after the current version, or ends before it begins."""
    current = files.one("catalog", "version", str)
    for route, deprecated in files.each("catalog", _DEPRECATED, dict):
        since, until = deprecated.get("since"), deprecated.get("remove_in")
        if _later(since, current):
            message = f"deprecated since {since}, but the catalog's version is {current}"
            yield Finding("catalog", (*route, "since"), message)
        if _later(since, until) or (since == until and since is not None):
            message = f"removed in {until}, but deprecated since {since}: expected a later version"
            yield Finding("catalog", (*route, "remove_in"), message)


def _later(version: object, other: object) -> bool:
    one, two = parsed(version), parsed(other)
    return one is not None and two is not None and one > two


def replacements(files: Files) -> Iterator[tuple[Route, str]]:
    """Yields what deprecated and removed metric types name as their replacement."""
    for pattern in (_DEPRECATED, _REMOVED):
        yield from files.each("catalog", f"{pattern}/replaced_by", str)


def metric_types(files: Files) -> list[tuple[str, str]]:
    """Returns product and metric type of every entry of the catalog."""
    return [
        (str(route[1]), str(route[3]))
        for route, _ in files.each("catalog", "products/*/metric_types/*", object)
    ]


def target(route: Route, text: str) -> tuple[str, str]:
    """Returns product and metric type; the product defaults to the deprecated one's."""
    product, slash, name = text.rpartition("/")
    return (product if slash else str(route[1])), name
