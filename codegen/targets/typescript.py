"""TypeScript: `as const` tables and the types that follow from them, as Biome leaves them.

Biome keeps an object open whose first key stands on a line of its own, and measures everything
else; so objects are always open, and strings and lists are measured here.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from codegen import naming, text, wording
from codegen.model import ErrorCode, Field, MetadataKey, MetricType, Model, Product, Setting
from codegen.render import File, Output, file, lock_versions, package_version

_WIDTH = 100
# A key hardly wider than the indent gains nothing by a line of its own, so Biome gives it none.
_SHORTEST_BROKEN_KEY = 5
_BARE_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

_string = text.typescript_string


@dataclass(frozen=True, slots=True)
class _Entry:
    """A key of a table with its open object; the lines are indented already."""

    comment: str
    key: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Group:
    """A key whose object holds entries, after some lines of its own."""

    comment: str
    key: str
    lines: tuple[str, ...]
    entries: tuple[_Entry, ...]


@dataclass(frozen=True, slots=True)
class _Constant:
    comment: str
    declaration: str


def outputs(model: Model) -> Iterator[Output]:
    """The generated modules, and the package's version."""
    catalog = model.catalog
    package = model.sdk.packages["typescript"]

    def source(name: str, **values: object) -> File:
        path = posixpath.join(package.path, "generated", f"{name}.ts")
        return file(path, f"typescript/{name}.ts.j2", **values)

    yield source("constants", constants=list(_constants(model)))
    yield source(
        "catalog",
        products=[_product(product) for product in catalog.products],
        statuses=[
            _Entry(_doc(s.description), _key(s.name), (_property("billable", _json(s.billable)),))
            for s in catalog.statuses
        ],
        log_levels=_list("export const logLevels = ", catalog.log_levels, " as const;", ""),
    )
    yield source("metrics", products=[_metrics(product) for product in catalog.products])
    yield source("rules", products=list(_rules(model)))
    yield source(
        "limits",
        fields=[_limits(f) for f in model.event.fields if f.limits or f.default is not None],
        blank=_assign("export const blankCharacters =", _string(model.event.blank), ";"),
    )
    yield source("encoder", encoder=_encoder(model))
    yield source("event", event=_event(model))
    yield source(
        "settings",
        settings=[_setting(model, setting) for setting in model.sdk.settings],
        options=[_option(setting) for setting in model.sdk.settings],
    )
    yield source("errors", codes=[_error(error) for error in model.sdk.errors])
    folder = posixpath.dirname(package.path)
    yield package_version(posixpath.join(folder, "package.json"), catalog.version)
    yield from lock_versions(posixpath.join(folder, "package-lock.json"), catalog.version)


def _constants(model: Model) -> Iterator[_Constant]:
    catalog = model.catalog
    yield _constant("sdkVersion", "The version of this package.", catalog.version)
    yield _constant(
        "catalogVersion",
        "The version of the catalog, with a digest of what it means.",
        model.catalog_version,
    )
    for topic in catalog.topics:
        name = naming.camel(f"{topic.role}_topic")
        yield _constant(name, "A Kafka topic.", topic.name)
        yield _constant(f"{name}Partitions", "How many partitions it has.", topic.partitions)
    yield _constant(
        "defaultStatus", "The status of an event that names none.", catalog.default_status.name
    )
    yield _constant(
        "logStatus", "The status of an event that `log` records.", catalog.log_status.name
    )
    yield _constant(
        "defaultLogLevel", "The level of a `log` that names none.", catalog.default_log_level
    )
    for what in ("level", "message"):
        key = getattr(model.event, f"log_{what}_key")
        yield _constant(f"log{what.title()}Key", f"Where `log` puts its {what} in metadata.", key)


def _constant(name: str, about: str, value: str | int) -> _Constant:
    return _Constant(_doc(about, 0), _assign(f"export const {name} =", _json(value), ";"))


def _product(product: Product) -> _Group:
    return _Group(
        _doc(product.description),
        _key(product.name),
        (
            _property("title", _string(product.title)),
            _property("owner", _string(product.owner)),
        ),
        tuple(
            _Entry(
                _doc(metric.description, 6),
                _key(metric.name),
                (
                    _property("title", _string(metric.title), 8),
                    _property("owner", _string(metric.owner), 8),
                    _property("unit", _string(metric.unit), 8),
                    _property("aggregation", _string(metric.aggregation), 8),
                ),
            )
            for metric in product.metric_types
        ),
    )


def _metrics(product: Product) -> _Group:
    return _Group(
        _doc(product.description),
        naming.snake(product.name),
        (),
        tuple(
            _Entry(
                _doc(
                    metric.description,
                    4,
                    wording.deprecation(metric, _metric_name),
                ),
                naming.snake(metric.name),
                (
                    _property("product", _string(metric.product), 6),
                    _property("metricType", _string(metric.name), 6),
                ),
            )
            for metric in product.metric_types
        ),
    )


def _metric_name(product: str, name: str) -> str:
    return f"`metrics.{naming.snake(product)}.{naming.snake(name)}`"


def _rules(model: Model) -> Iterator[tuple[str, list[_Group]]]:
    for product in model.catalog.products:
        rules = [_rule(m) for m in product.metric_types if m.quantity or m.metadata]
        if rules:
            yield _key(product.name), rules


def _rule(metric: MetricType) -> _Group:
    bounds = []
    if metric.quantity:
        bounds.append(_property("integer", _json(metric.quantity.integer), 8))
        for name in ("minimum", "maximum"):
            value = getattr(metric.quantity, name)
            if value is not None:
                bounds.append(_property(name, _json(value), 8))
    return _Group("", _key(metric.name), tuple(bounds), tuple(map(_metadata, metric.metadata)))


def _metadata(key: MetadataKey) -> _Entry:
    lines = [_property("required", _json(key.required), 10)]
    if key.type:
        lines.append(_property("type", _string(key.type), 10))
    if key.allowed is not None:
        allowed = (json.dumps(value, ensure_ascii=False) for value in key.allowed)
        lines.append(_list("allowed: ", allowed, ",", " " * 10))
    return _Entry("", _key(key.name), tuple(lines))


def _limits(field: Field) -> _Entry:
    default = {} if field.default is None else {"default": field.default}
    return _Entry(
        "",
        naming.camel(field.name),
        tuple(
            _property(naming.camel(name), _json(value))
            for name, value in {**default, **wording.limits(field)}.items()
        ),
    )


@dataclass(frozen=True, slots=True)
class _Encoder:
    """The event as template literals: runs of constant fields are encoded once; the rest varies."""

    fields: tuple[str, ...]
    parts_type: str
    parts: str
    parameters: str
    event: str


def _encoder(model: Model) -> _Encoder:
    parts: list[str] = []
    event = pending = ""
    holds_constant = False

    def close() -> None:
        nonlocal event, pending, holds_constant
        if holds_constant:
            event += f"${{constants[{len(parts)}]}}"
            parts.append(f"`{pending}`")
        else:
            event += pending
        pending, holds_constant = "", False

    for index, field in enumerate(model.event.fields):
        pending += f'{"," if index else "{"}"{field.name}":'
        if field.constant_per:
            pending += f"${{values.{naming.camel(field.name)}}}"
            holds_constant = True
        else:
            close()
            event += f"${{{naming.camel(field.name)}}}"
    pending += "}"
    close()
    varying = (f"{naming.camel(f.name)}: string" for f in model.event.fields if not f.constant_per)
    return _Encoder(
        fields=tuple(naming.camel(f.name) for f in model.event.fields if f.constant_per),
        parts_type=_bracketed(
            "export type EventParts = readonly [", ["string"] * len(parts), "];", ""
        ),
        parts=_bracketed("return [", parts, "];", "  "),
        parameters=_bracketed(
            "export function encodeEvent(", ["constants: EventParts", *varying], "): string {", ""
        ),
        event=event,
    )


@dataclass(frozen=True, slots=True)
class _Interface:
    comment: str
    name: str
    fields: tuple[_Constant, ...]


def _event(model: Model) -> _Interface:
    types = {"number": "number", "integer": "number", "flag": "0 | 1"}
    return _Interface(
        _doc(model.event.description, 0),
        model.event.name,
        tuple(
            _Constant(
                _doc(field.description),
                f"  readonly {field.name}: {types.get(field.type, 'string')}"
                f"{' | null' if field.nullable else ''};",
            )
            for field in model.event.fields
        ),
    )


def _option(setting: Setting) -> _Constant:
    kinds = {
        "integer": ["number"],
        "boolean": ["boolean"],
        "string": ["string"],
        "list": ["string", "readonly string[]"],
        "choice": [_string(choice) for choice in setting.choices],
    }[setting.type] + ["undefined"]
    name = f"  readonly {_argument(setting)}?:"
    declaration = f"{name} {' | '.join(kinds)};"
    if len(declaration) > _WIDTH:
        declaration = name + "".join(f"\n    | {kind}" for kind in kinds) + ";"
    return _Constant(_doc(setting.description), declaration)


def _argument(setting: Setting) -> str:
    return setting.arguments.get("typescript") or naming.camel(setting.name)


def _setting(model: Model, setting: Setting) -> _Entry:
    lines = [
        _property("variable", _string(model.variable(setting))),
        _property("argument", _string(_argument(setting))),
        _property("type", _string(setting.type)),
        _property("required", _json(setting.required)),
        _property("secret", _json(setting.secret)),
    ]
    for name in ("default", "minimum", "maximum", "unit"):
        value = getattr(setting, name)
        if value is not None:
            lines.append(_property(name, _json(value)))
    if setting.choices:
        lines.append(_list("choices: ", setting.choices, ",", " " * 4))
    return _Entry(_doc(setting.description), naming.camel(setting.name), tuple(lines))


def _error(error: ErrorCode) -> _Entry:
    lines = [_property("outcome", _string(error.outcome))]
    for name in ("field", "reason"):
        value = getattr(error, name)
        if value is not None:
            lines.append(_property(name, _string(value)))
    lines.append(_property("text", _string(error.text)))
    return _Entry(_doc(error.description), _key(error.name), tuple(lines))


def _doc(words: str, indent: int = 2, deprecated: str = "") -> str:
    return "\n".join(text.tsdoc(words, " " * indent, _WIDTH, deprecated=deprecated))


def _key(name: str) -> str:
    return name if _BARE_KEY.fullmatch(name) else _string(name)


def _property(key: str, literal: str, indent: int = 4) -> str:
    if len(key) < _SHORTEST_BROKEN_KEY:
        return f"{' ' * indent}{key}: {literal},"
    return _assign(f"{key}:", literal, ",", " " * indent)


def _assign(left: str, literal: str, end: str, indent: str = "") -> str:
    """One line, or two where a string would not fit beside what it belongs to."""
    line = f"{indent}{left} {literal}{end}"
    if len(line) <= _WIDTH or literal[0] not in "\"'":
        return line
    return f"{indent}{left}\n{indent}  {literal}{end}"


def _list(left: str, values: Iterable[str], end: str, indent: str) -> str:
    return _bracketed(f"{left}[", [_string(value) for value in values], f"]{end}", indent)


def _bracketed(left: str, items: Sequence[str], right: str, indent: str) -> str:
    """One line, or one for each item where that would be too long."""
    line = f"{indent}{left}{', '.join(items)}{right}"
    if len(line) <= _WIDTH:
        return line
    rows = "".join(f"{indent}  {item},\n" for item in items)
    return f"{indent}{left}\n{rows}{indent}{right}"


def _json(value: object) -> str:
    """A literal; a number as Biome spells it, without a sign or zeros that say nothing."""
    if isinstance(value, str):
        return _string(value)
    return re.sub(r"e\+?(-?)0*", r"e\1", json.dumps(value))
