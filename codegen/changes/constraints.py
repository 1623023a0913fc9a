"""Rules on what metric types require of metadata keys and of fields."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from codegen.changes.pair import Break, Data, Pair, mapping, shown, texts, turned
from codegen.diagnostics import quote
from codegen.model import narrowed
from codegen.source import Route


@dataclass(frozen=True, slots=True)
class _Key:
    """A metadata key or a field that a metric type constrains: before, and now.

    `rules` and `needs` are the blocks with its values and with the list of required keys.
    """

    name: str
    rules: Route
    needs: Route
    before: Data
    after: Data
    was_required: bool
    required: bool

    def at(self, block: Route) -> str:
        """Returns the name of its place: of a metric type, or of a product."""
        return "/".join([*map(str, block[1:-1:2]), self.name])


def values_narrowed(pair: Pair) -> Iterator[Break]:
    """A key has another type, or allows fewer values."""
    yield from dict.fromkeys(_values_narrowed(pair))  # once for all metric types of a product


def _values_narrowed(pair: Pair) -> Iterator[Break]:
    for key in _keys(pair):
        here, at = (*key.rules, "properties", key.name), key.at(key.rules)
        if key.after.get("type") not in (None, key.before.get("type")):
            change = turned(key.before.get("type"), key.after.get("type"))
            message = f"the type of {quote(key.name)} changed, {change}"
            yield Break(at, "catalog", (*here, "type"), message)
        lost = _lost(key.before, key.after)
        if lost:
            yield Break(at, "catalog", here, f"{quote(key.name)} no longer allows {lost}")


def _lost(before: Data, after: Data) -> str:
    old, new = _allowed(before), _allowed(after)
    if new is None:
        return ""
    if old is None:
        return f"any value but {', '.join(map(shown, new))}"
    kept = [(type(value), value) for value in new]
    return ", ".join(shown(value) for value in old if (type(value), value) not in kept)


def _allowed(rule: Data) -> list[Any] | None:
    if "const" in rule:
        return [rule["const"]]
    return texts(rule["enum"]) if "enum" in rule else None


def key_required(pair: Pair) -> Iterator[Break]:
    """Events without a key were accepted, and are rejected."""
    yield from dict.fromkeys(_key_required(pair))


def _key_required(pair: Pair) -> Iterator[Break]:
    for key in _keys(pair):
        if key.required and not key.was_required:
            block = mapping(pair.after, "catalog", *map(str, key.needs))
            here = (*key.needs, "required", texts(block.get("required")).index(key.name))
            yield Break(key.at(key.needs), "catalog", here, f"{quote(key.name)} is required now")


def pii_weakened(pair: Pair) -> Iterator[Break]:
    """A metadata key about persons is sent, or its hash in place of nothing."""
    for at, route, old, new in pair.metric_types():
        before, after = mapping(old, "metadata", "pii"), mapping(new, "metadata", "pii")
        for name, action in before.items():
            if "removed" not in new and after.get(name) not in (action, "drop"):
                change = turned(action, after.get(name))
                message = f"the pii of metadata {quote(name)} weakened, {change}"
                there = ("metadata", "pii", name) if name in after else ()
                yield Break(f"{at}/{name}", "catalog", (*route, *there), message)


def _keys(pair: Pair) -> Iterator[_Key]:
    for _, route, old, new in pair.metric_types():
        if "removed" in new:
            continue
        blocks = mapping(old, "metadata"), mapping(new, "metadata")
        yield from _between((*route, "metadata"), (*route, "metadata"), *blocks)
        product = ("catalog", "products", str(route[1]), "fields")
        old_fields, new_fields = mapping(old, "fields"), mapping(new, "fields")
        before = narrowed(_read(mapping(pair.before, *product)), _read(old_fields))
        after = narrowed(_read(mapping(pair.after, *product)), _read(new_fields))
        yield from _between((*route, "fields"), product[1:], before, after, new_fields)


def _read(fields: Data) -> Data:
    """Returns constraints on fields, as far as an older release has them in today's shape."""
    rules = mapping(fields, "properties")
    required = [name for name in texts(fields.get("required")) if isinstance(name, str)]
    return {"properties": {name: mapping(rules, name) for name in rules}, "required": required}


def _between(
    block: Route, common: Route, old: Data, new: Data, own: Data | None = None
) -> Iterator[_Key]:
    """Yields the keys of two sets of rules; what the own block lacks is in the common one."""
    before, after = mapping(old, "properties"), mapping(new, "properties")
    was, required = texts(old.get("required")), texts(new.get("required"))
    own = new if own is None else own
    for name in dict.fromkeys([*required, *after]):
        yield _Key(
            name,
            block if name in mapping(own, "properties") else common,
            block if name in texts(own.get("required")) else common,
            mapping(before, name),
            mapping(after, name),
            name in was,
            name in required,
        )
