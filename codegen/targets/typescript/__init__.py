"""TypeScript: `as const` tables and the types derived from them, formatted like Biome's output."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from codegen import naming, phrases
from codegen.model import (
    Catalog,
    ErrorCode,
    Field,
    KeyRule,
    MetricType,
    Model,
    Product,
    Setting,
    SpoolConstant,
)
from codegen.numbers import scalar
from codegen.render import File, Output, file, lock_versions, package_version
from codegen.targets.typescript import layout, requirements
from codegen.targets.typescript.encoder import encoder


@dataclass(frozen=True, slots=True)
class _Entry:
    """A key of a table whose value is an object; its lines are indented already."""

    comment: str
    key: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Group:
    """A key whose value is an object of entries, after some lines of its own."""

    comment: str
    key: str
    lines: tuple[str, ...]
    entries: tuple[_Entry, ...]


@dataclass(frozen=True, slots=True)
class _Constant:
    comment: str
    declaration: str


def outputs(model: Model) -> Iterator[Output]:
    """Yields the generated modules, and the version of the package."""
    catalog = model.catalog
    package = model.sdk.packages["typescript"]

    def source(name: str, **values: object) -> File:
        path = posixpath.join(package.path, "generated", f"{name}.ts")
        made = file(path, f"typescript/{name}.ts.j2", **values)
        return File(made.path, layout.with_long_keys(made.text))

    yield source("constants", constants=list(_constants(model)))
    yield source(
        "catalog",
        products=[_product(product) for product in catalog.products],
        statuses=[
            _Entry(
                layout.doc(s.description),
                layout.key(s.name),
                (layout.property_("billable", layout.literal(s.billable)),),
            )
            for s in catalog.statuses
        ],
        log_levels=layout.list_("export const logLevels = ", catalog.log_levels, " as const;", ""),
    )
    yield source(
        "metrics",
        products=[_metrics(model, product) for product in catalog.products],
        accepts_undeclared=catalog.accepts_undeclared,
        names=[
            layout.property_(layout.key(product.name), layout.string(_names(product)), 2)
            for product in catalog.products
        ],
    )
    yield source(
        "rules",
        products=list(_rules(model)),
        accepts_undeclared=layout.literal(catalog.accepts_undeclared),
        aliases=[
            layout.list_(f"{layout.key(alias)}: ", (m.product, m.name), ",", "  ")
            for alias, m in catalog.aliases
        ],
        nanoseconds=[
            layout.property_(layout.key(f"{m.product}/{m.name}"), layout.literal(value), 2)
            for m in catalog.metric_types
            if (value := catalog.nanoseconds(m)) is not None
        ],
        spelled=list(_spelled(catalog)),
        removed=[
            layout.property_(
                layout.key(f"{m.product}/{m.name}"), layout.string(phrases.removal(m)), 2
            )
            for m in catalog.removed
        ],
    )
    yield source(
        "requirements",
        products=list(requirements.required(model)),
        has_amounts=requirements.has_amounts(model),
        deprecated=list(requirements.deprecated(model)),
    )
    yield source(
        "limits",
        fields=[_limits(f) for f in model.event.fixed if f.limits or f.default is not None],
        blank=layout.assign(
            "export const blankCharacters =", layout.string(model.event.blank), ";"
        ),
    )
    yield source("encoder", encoder=encoder(model))
    yield source("event", event=_event(model))
    yield source(
        "fields",
        options=[_field_option(field) for field in model.event.dimensions_of("record")],
        has_amounts=any(
            field.type in ("number", "integer") for field in model.event.dimensions_of("record")
        ),
        fields=[_field(field) for field in model.event.dimensions],
        client=[_field(field) for field in model.event.client_dimensions],
    )
    yield source(
        "settings",
        settings=[_setting(model, setting) for setting in model.sdk.settings],
        options=[_option(setting) for setting in model.sdk.settings],
        names=[
            _constant(naming.camel(name.name), name.description, name.value)
            for name in phrases.names(model)
        ],
    )
    constants: list[phrases.Constant | SpoolConstant] = [*phrases.names(model)]
    constants += model.sdk.spool.constants
    yield source(
        "spool",
        constants=[
            _Constant(
                layout.doc(constant.description),
                layout.property_(naming.camel(constant.name), layout.literal(constant.value), 2),
            )
            for constant in constants
        ],
        final_errors=sorted(model.sdk.spool.final_errors.values()),
    )
    yield source("errors", codes=[_error(error) for error in model.sdk.errors])
    folder = posixpath.dirname(package.path)
    yield package_version(posixpath.join(folder, "package.json"), catalog.version)
    yield from lock_versions(posixpath.join(folder, "package-lock.json"), catalog.version)


def _constants(model: Model) -> Iterator[_Constant]:
    for constant in phrases.constants(model):
        yield _constant(naming.camel(constant.name), constant.description, constant.value)


def _constant(name: str, about: str, value: str | int) -> _Constant:
    return _Constant(
        layout.doc(about, 0), layout.assign(f"export const {name} =", layout.literal(value), ";")
    )


def _product(product: Product) -> _Group:
    return _Group(
        layout.doc(product.description),
        layout.key(product.name),
        (
            layout.property_("title", layout.string(product.title)),
            layout.property_("owner", layout.string(product.owner)),
        ),
        tuple(
            _Entry(
                layout.doc(metric.description, 6),
                layout.key(metric.name),
                (
                    layout.property_("title", layout.string(metric.title), 8),
                    layout.property_("owner", layout.string(metric.owner), 8),
                    layout.property_("unit", layout.string(metric.unit), 8),
                    layout.property_("aggregation", layout.string(metric.aggregation), 8),
                ),
            )
            for metric in product.metric_types
        ),
    )


def _names(product: Product) -> str:
    return " ".join(metric.name for metric in product.metric_types)


def _spelled(catalog: Catalog) -> Iterator[str]:
    """Yields what code says in place of the names of products and metric types, if not those."""
    for product in catalog.products:
        rows = [(product.name, product.name, product.identifier)]
        rows += [(f"{product.name}/{m.name}", m.name, m.spelled[1]) for m in product.metric_types]
        for path, name, identifier in rows:
            if identifier != name:
                yield layout.property_(layout.key(path), layout.string(identifier), 2)


def _metrics(model: Model, product: Product) -> _Group:
    return _Group(
        layout.doc(product.description),
        naming.snake(product.identifier),
        (),
        tuple(
            _Entry(
                layout.doc(
                    metric.description,
                    4,
                    deprecated=phrases.deprecation(metric, partial(_metric_name, model)),
                ),
                naming.snake(metric.spelled[1]),
                (
                    f"      readonly product: {layout.string(metric.product)};",
                    f"      readonly metricType: {layout.string(metric.name)};",
                ),
            )
            for metric in product.metric_types
        ),
    )


def _metric_name(model: Model, product: str, name: str) -> str:
    spelled = map(naming.snake, model.catalog.spelled(product, name))
    return f"`metrics.{'.'.join(spelled)}`"


@dataclass(frozen=True, slots=True)
class _Rule:
    """The rules of one metric type: on the quantity, on metadata keys and on fields."""

    key: str
    quantity: tuple[str, ...]
    metadata: tuple[_Entry, ...]
    pii: tuple[str, ...]
    fields: tuple[_Entry, ...]


def _rules(model: Model) -> Iterator[tuple[str, list[_Rule]]]:
    for product in model.catalog.products:
        rules = [
            _rule(model, m)
            for m in product.metric_types
            if m.quantity or m.metadata or m.pii or m.fields
        ]
        if rules:
            yield layout.key(product.name), rules


def _rule(model: Model, metric: MetricType) -> _Rule:
    bounds = []
    if metric.quantity:
        bounds.append(layout.property_("integer", layout.literal(metric.quantity.integer), 8))
        for name in ("minimum", "maximum"):
            value = getattr(metric.quantity, name)
            if value is not None:
                bounds.append(layout.property_(name, layout.literal(value), 8))
    return _Rule(
        layout.key(metric.name),
        tuple(bounds),
        tuple(map(_metadata, metric.metadata)),
        tuple(
            layout.property_(layout.key(name), layout.string(action), 8)
            for name, action in metric.pii
        ),
        tuple(_field_rule(rule) for rule in model.field_rules(metric)),
    )


def _field_rule(rule: KeyRule) -> _Entry:
    lines = [
        layout.property_("name", layout.string(rule.name), 10),
        layout.property_("required", layout.literal(rule.required), 10),
    ]
    if rule.allowed is not None:
        lines.append(layout.list_("allowed: ", map(scalar, rule.allowed), ",", " " * 10))
    return _Entry("", "", tuple(lines))


def _metadata(key: KeyRule) -> _Entry:
    lines = [layout.property_("required", layout.literal(key.required), 10)]
    if key.type:
        lines.append(layout.property_("type", layout.string(key.type), 10))
    if key.allowed is not None:
        allowed = map(scalar, key.allowed)
        lines.append(layout.list_("allowed: ", allowed, ",", " " * 10))
    return _Entry("", layout.key(key.name), tuple(lines))


def _limits(field: Field) -> _Entry:
    default = {} if field.default is None else {"default": field.default}
    return _Entry(
        "",
        naming.camel(field.name),
        tuple(
            layout.property_(naming.camel(name), layout.literal(value))
            for name, value in {**default, **phrases.limits(field)}.items()
        ),
    )


@dataclass(frozen=True, slots=True)
class _Interface:
    comment: str
    name: str
    fields: tuple[_Constant, ...]


def _event(model: Model) -> _Interface:
    types = {
        "number": "number",
        "integer": "number",
        "flag": "0 | 1",
        "boolean": "boolean",
        "list": "readonly string[]",
    }
    return _Interface(
        layout.doc(model.event.description, 0),
        model.event.name,
        tuple(
            _Constant(
                layout.doc(field.description),
                f"  readonly {field.name}{'?' if field.is_dimension else ''}: "
                f"{types.get(field.type, 'string')}"
                f"{' | null' if field.nullable else ''};",
            )
            for field in model.event.fields
        ),
    )


_OPTION_TYPES = {
    "number": ["Amount"],
    "integer": ["Amount"],
    "boolean": ["boolean"],
    "timestamp": ["Date", "string"],
    "list": ["readonly string[]"],
    "json": ["object"],
}


def _field_option(field: Field) -> _Constant:
    kinds = [layout.string(value) for value in field.values]
    kinds = [*(kinds or _OPTION_TYPES.get(field.type, ["string"])), "null", "undefined"]
    return _Constant(
        layout.doc(field.description),
        layout.union(f"  readonly {naming.camel(field.name)}?:", kinds),
    )


def _field(field: Field) -> _Entry:
    named: dict[str, Any] = {
        "name": field.name,
        "key": naming.camel(field.name),
        "kind": field.type,
        **{
            naming.camel(name): value
            for name, value in phrases.limits(field).items()
            if name not in phrases.DURATIONS
        },
        "whenNotZero": field.when_not_zero,
    }
    lines = [
        layout.property_(name, layout.literal(value))
        for name, value in named.items()
        if value is not False
    ]
    lists = {
        "calls": field.calls if field.set_by == "caller" else (),
        "values": field.values,
        "excludes": field.excludes,
        "requires": field.dependent_required,
        "billed": field.billed,
    }
    lines += [
        layout.list_(f"{name}: ", values, ",", " " * 4) for name, values in lists.items() if values
    ]
    return _Entry("", "", tuple(lines))


def _option(setting: Setting) -> _Constant:
    kinds = {
        "integer": ["number"],
        "boolean": ["boolean"],
        "string": ["string"],
        "list": ["string", "readonly string[]"],
        "choice": [layout.string(choice) for choice in setting.choices],
    }[setting.type] + ["undefined"]
    declaration = layout.union(f"  readonly {_argument(setting)}?:", kinds)
    return _Constant(layout.doc(setting.description, default=_default(setting)), declaration)


def _default(setting: Setting) -> str:
    default = setting.default_in("typescript")
    if default is None:
        return ""
    return f"{layout.literal(default)} {setting.unit or ''}".rstrip()


def _argument(setting: Setting) -> str:
    return setting.arguments.get("typescript") or naming.camel(setting.name)


def _setting(model: Model, setting: Setting) -> _Entry:
    lines = [
        layout.property_("variable", layout.string(model.variable(setting))),
        layout.property_("argument", layout.string(_argument(setting))),
        layout.property_("type", layout.string(setting.type)),
        layout.property_("required", layout.literal(setting.required)),
        layout.property_("secret", layout.literal(setting.secret)),
    ]
    limits = ("minimum", "maximum", "min_length", "max_length")
    for name in ("protocol", "default", *limits, "unit"):
        value = setting.default_in("typescript") if name == "default" else getattr(setting, name)
        if value is not None:
            lines.append(layout.property_(naming.camel(name), layout.literal(value)))
    if setting.choices:
        lines.append(layout.list_("choices: ", setting.choices, ",", " " * 4))
    return _Entry(layout.doc(setting.description), naming.camel(setting.name), tuple(lines))


def _error(error: ErrorCode) -> _Entry:
    lines = [layout.property_("outcome", layout.string(error.outcome))]
    for name in ("field", "reason"):
        value = getattr(error, name)
        if value is not None:
            lines.append(layout.property_(name, layout.string(value)))
    lines.append(layout.property_("text", layout.string(error.text)))
    return _Entry(layout.doc(error.description), layout.key(error.name), tuple(lines))
