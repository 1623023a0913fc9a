"""Rules on names that services, stored events and invoices refer to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from codegen.changes.pair import Break, Data, Pair, mapping, texts, turned
from codegen.diagnostics import nearest, quote
from codegen.source import Route
from codegen.versions import parsed


def product_removed(pair: Pair) -> Iterator[Break]:
    """A product is no longer in the catalog."""
    yield from _gone(pair, "product", "catalog", "products")


def metric_type_removed(pair: Pair) -> Iterator[Break]:
    """A metric type is no longer in the catalog, not even as a removed one."""
    for product, before, after in pair.common("catalog", "products"):
        inner = Pair({"catalog": before}, {"catalog": after})
        added = inner.new("catalog", "metric_types")
        for name in inner.gone("catalog", "metric_types"):
            hint = _renamed(name, added) or "keep it, with `removed: {in: …}`"
            message = f"metric type {quote(f'{product}/{name}')} is gone: {hint}"
            yield Break(
                f"{product}/{name}", "catalog", ("products", product, "metric_types"), message
            )


def removal_unannounced(pair: Pair) -> Iterator[Break]:
    """A metric type is removed that no release deprecated with a version of removal."""
    for at, route, before, after in pair.metric_types():
        removed = mapping(after, "removed")
        if not removed or mapping(before, "removed"):
            continue
        promised = parsed(mapping(before, "deprecated").get("remove_in"))
        version = parsed(removed.get("in"))
        if promised is None or version is None or version < promised:
            message = (
                f"{quote(at)} is removed, which no release announced: "
                "deprecate it first, with `remove_in`"
            )
            yield Break(at, "catalog", (*route, "removed"), message)


def name_reused(pair: Pair) -> Iterator[Break]:
    """The name of a removed metric type is in use again."""
    for at, route, before, after in pair.metric_types():
        if mapping(before, "removed") and not mapping(after, "removed"):
            message = f"{quote(at)} was removed in {mapping(before, 'removed').get('in')}"
            yield Break(at, "catalog", route, f"{message}: choose a name that was never used")


def removed_title_changed(pair: Pair) -> Iterator[Break]:
    """A removed metric type has another title than when it was recorded."""
    for at, route, before, after in pair.metric_types():
        if mapping(after, "removed") and before.get("title") != after.get("title"):
            message = f"the title of {quote(at)}, which is removed, changed, "
            message += turned(before.get("title"), after.get("title"))
            yield Break(at, "catalog", (*route, "title"), message)


def alias_removed(pair: Pair) -> Iterator[Break]:
    """Another name of a metric type is no longer known, or means another one."""
    for at, route, before, after in pair.metric_types():
        for alias in texts(before.get("aliases")):
            if alias not in texts(after.get("aliases")) and not mapping(after, "removed"):
                message = f"{quote(at)} is no longer known as {quote(str(alias))}"
                yield Break(f"{at}/{alias}", "catalog", (*route, "aliases"), message)


def identifier_changed(pair: Pair) -> Iterator[Break]:
    """The word that code says in place of a name is another one."""
    for product, before, after in pair.common("catalog", "products"):
        yield from _respelled(product, ("products", product), before, after)
    for at, route, before, after in pair.metric_types():
        if not mapping(after, "removed"):
            yield from _respelled(at, route, before, after)


def _respelled(at: str, route: Route, before: Data, after: Data) -> Iterator[Break]:
    old, new = (str(side.get("identifier", route[-1])) for side in (before, after))
    if old != new:
        message = f"code says {quote(new)} in place of {quote(old)} for {quote(at)}"
        yield Break(at, "catalog", route, message)


def status_removed(pair: Pair) -> Iterator[Break]:
    """A status is no longer in the catalog."""
    yield from _gone(pair, "status", "catalog", "statuses")


def unit_removed(pair: Pair) -> Iterator[Break]:
    """A unit is no longer in the catalog."""
    yield from _gone(pair, "unit", "catalog", "units")


def field_removed(pair: Pair) -> Iterator[Break]:
    """Events no longer have a field."""
    yield from _gone(pair, "field", "event", "fields")


def setting_removed(pair: Pair) -> Iterator[Break]:
    """The SDKs no longer have a setting."""
    yield from _gone(pair, "setting", "sdk", "settings")


def error_code_removed(pair: Pair) -> Iterator[Break]:
    """The SDKs no longer report an error code."""
    yield from _gone(pair, "error code", "sdk", "errors")


def log_level_removed(pair: Pair) -> Iterator[Break]:
    """log() no longer takes a level."""
    before = texts(pair.before["catalog"].get("log_levels"))
    after = texts(pair.after["catalog"].get("log_levels"))
    for level in before:
        if level not in after:
            message = f"log level {quote(str(level))} is gone"
            yield Break(str(level), "catalog", ("log_levels",), message)


def package_renamed(pair: Pair) -> Iterator[Break]:
    """A package is installed or imported by another name."""
    for language, before, after in pair.common("sdk", "packages"):
        for key in ("name", "module"):
            if before.get(key) != after.get(key):
                message = (
                    f"the {key} of the package changed, {turned(before.get(key), after.get(key))}"
                )
                yield Break(language, "sdk", ("packages", language, key), message)


def env_prefix_changed(pair: Pair) -> Iterator[Break]:
    """Environment variables have another prefix."""
    before, after = (side["catalog"].get("env_prefix") for side in (pair.before, pair.after))
    if before != after:
        message = f"env_prefix changed, {turned(before, after)}"
        yield Break("env_prefix", "catalog", ("env_prefix",), message)


def _gone(pair: Pair, noun: str, file: str, section: str) -> Iterator[Break]:
    added = pair.new(file, section)
    for name in pair.gone(file, section):
        hint = _renamed(name, added)
        message = f"{noun} {quote(name)} is gone" + (f": {hint}" if hint else "")
        yield Break(name, file, (section,), message)


def _renamed(name: str, added: Iterable[str]) -> str:
    new = nearest(name, added)
    return f"{quote(new)} looks like its new name, and a name never changes" if new else ""
