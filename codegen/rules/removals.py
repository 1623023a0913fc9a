"""Rules on metric types that are removed, and on those that are due."""

from __future__ import annotations

from collections.abc import Iterator

from codegen.diagnostics import quote
from codegen.rules.deprecations import metric_types, replacements, target
from codegen.rules.files import Files, Finding
from codegen.versions import parsed, raised

_METRIC_TYPES = "products/*/metric_types/*"


def removal_due(files: Files) -> Iterator[Finding]:
    """The version that removes a deprecated metric type is reached, or may be the next one."""
    current = parsed(files.one("catalog", "version", str))
    if current is None:
        return
    following = raised(current, "added")
    for route, deprecated in files.each("catalog", f"{_METRIC_TYPES}/deprecated", dict):
        text = deprecated.get("remove_in")
        due, since = parsed(text), parsed(deprecated.get("since"))
        if due is None or since is None or due <= since:
            continue  # version-order reports the contradiction
        if files.has("catalog", (*route[:4], "removed")):
            continue
        name = quote(f"{route[1]}/{route[3]}")
        if due <= current:
            message = (
                f"{name} was to be removed in {text}, which is reached: replace `deprecated` by "
                f"`removed: {{in: {text}}}`, or choose a later version"
            )
            yield Finding("catalog", (*route, "remove_in"), message)
        elif due <= following:
            message = f"{name} is removed in {text}, which may be the next version"
            yield Finding("catalog", (*route, "remove_in"), message, severity="warning")


def removal_version(files: Files) -> Iterator[Finding]:
    """A metric type was removed in a version that does not exist yet."""
    current = parsed(files.one("catalog", "version", str))
    for route, text in files.each("catalog", f"{_METRIC_TYPES}/removed/in", str):
        version = parsed(text)
        if current is not None and version is not None and version > current:
            message = f"removed in {text}, but the catalog's version is "
            message += files.one("catalog", "version", str)
            yield Finding(
                "catalog", route, f"{message}: use `deprecated` with `remove_in` until then"
            )


def replacement_removed(files: Files) -> Iterator[Finding]:
    """The replacement of a metric type is itself removed."""
    removed = {
        (str(route[1]), str(route[3]))
        for route, _ in files.each("catalog", f"{_METRIC_TYPES}/removed", dict)
    }
    for route, text in replacements(files):
        if target(route, text) in removed:
            message = f"replaced_by {quote(text)} is removed: name a metric type that is in use"
            yield Finding("catalog", route, message)


def replacement_unit(files: Files) -> Iterator[Finding]:
    """The replacement of a metric type has another unit."""
    units = {
        (str(route[1]), str(route[3])): unit
        for route, unit in files.each("catalog", f"{_METRIC_TYPES}/unit", str)
    }
    for route, text in replacements(files):
        own, other = units.get((str(route[1]), str(route[3]))), units.get(target(route, text))
        if own is not None and other is not None and own != other:
            message = (
                f"replaced_by {quote(text)} counts in {other}, this one in {own}: "
                "a replacement has the same unit"
            )
            yield Finding("catalog", route, message)


def nothing_recorded(files: Files) -> Iterator[Finding]:
    """Every metric type of the catalog is removed."""
    everything = metric_types(files)
    removed = list(files.each("catalog", f"{_METRIC_TYPES}/removed", dict))
    if everything and len(everything) == len(removed):
        message = "every metric type is removed, so nothing can be recorded: add one"
        yield Finding("catalog", ("products",), message, at_key=True)
