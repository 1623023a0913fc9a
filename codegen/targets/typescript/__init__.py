"""TypeScript: `as const` tables and the types derived from them, formatted like Biome's output."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from codegen import naming, phrases
from codegen.model import ErrorCode, Field, Model, Setting, SpoolConstant
from codegen.render import File, Output, file, lock_versions, package_version
from codegen.targets.typescript import catalog as catalog_tables
from codegen.targets.typescript import layout, queries, requirements, self_metrics
from codegen.targets.typescript.encoder import encoder
from codegen.targets.typescript.entries import Constant, Entry


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
        products=[catalog_tables.product(product) for product in catalog.products],
        statuses=[
            Entry(
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
        products=[catalog_tables.metrics(model, product) for product in catalog.products],
        accepts_undeclared=catalog.accepts_undeclared,
        names=[
            layout.property_(
                layout.key(product.name), layout.string(catalog_tables.names(product)), 2
            )
            for product in catalog.products
        ],
    )
    yield source(
        "rules",
        products=list(catalog_tables.rules(model)),
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
        spelled=list(catalog_tables.spelled(catalog)),
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
            Constant(
                layout.doc(constant.description),
                layout.property_(naming.camel(constant.name), layout.literal(constant.value), 2),
            )
            for constant in constants
        ],
        final_errors=sorted(model.sdk.spool.final_errors.values()),
        final_statuses=sorted(model.sdk.spool.final_statuses),
    )
    asked = list(queries.views(model))
    if asked:
        yield source("queries", queries=asked)
    yield source("selfMetrics", **self_metrics.table(model))
    yield source("errors", codes=[_error(error) for error in model.sdk.errors])
    folder = posixpath.dirname(package.path)
    yield package_version(posixpath.join(folder, "package.json"), catalog.version)
    yield from lock_versions(posixpath.join(folder, "package-lock.json"), catalog.version)


def _constants(model: Model) -> Iterator[Constant]:
    for constant in phrases.constants(model):
        yield _constant(naming.camel(constant.name), constant.description, constant.value)


def _constant(name: str, about: str, value: str | int) -> Constant:
    return Constant(
        layout.doc(about, 0), layout.assign(f"export const {name} =", layout.literal(value), ";")
    )


def _limits(field: Field) -> Entry:
    default = {} if field.default is None else {"default": field.default}
    return Entry(
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
    fields: tuple[Constant, ...]


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
            Constant(
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


def _field_option(field: Field) -> Constant:
    kinds = [layout.string(value) for value in field.values]
    kinds = [*(kinds or _OPTION_TYPES.get(field.type, ["string"])), "null", "undefined"]
    return Constant(
        layout.doc(field.description),
        layout.union(f"  readonly {naming.camel(field.name)}?:", kinds),
    )


def _field(field: Field) -> Entry:
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
    return Entry("", "", tuple(lines))


def _option(setting: Setting) -> Constant:
    kinds = {
        "integer": ["number"],
        "boolean": ["boolean"],
        "string": ["string"],
        "list": ["string", "readonly string[]"],
        "choice": [layout.string(choice) for choice in setting.choices],
    }[setting.type] + ["undefined"]
    declaration = layout.union(f"  readonly {_argument(setting)}?:", kinds)
    return Constant(layout.doc(setting.description, default=_default(setting)), declaration)


def _default(setting: Setting) -> str:
    default = setting.default_in("typescript")
    if default is None:
        return ""
    return f"{layout.literal(default)} {setting.unit or ''}".rstrip()


def _argument(setting: Setting) -> str:
    return setting.arguments.get("typescript") or naming.camel(setting.name)


def _setting(model: Model, setting: Setting) -> Entry:
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
    return Entry(layout.doc(setting.description), naming.camel(setting.name), tuple(lines))


def _error(error: ErrorCode) -> Entry:
    lines = [layout.property_("outcome", layout.string(error.outcome))]
    for name in ("field", "reason"):
        value = getattr(error, name)
        if value is not None:
            lines.append(layout.property_(name, layout.string(value)))
    lines.append(layout.property_("text", layout.string(error.text)))
    return Entry(layout.doc(error.description), layout.key(error.name), tuple(lines))
