"""Generates the documents: metric types, the event's JSON Schema, settings, error codes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from codegen import phrases
from codegen.diagnostics import listing
from codegen.model import UNPROCESSABLE, ErrorCode, KeyRule, MetricType, Model, Product, Setting
from codegen.naming import LANGUAGES
from codegen.numbers import scalar
from codegen.render import JSON_COMMENT, File, Output, file, render, section
from codegen.targets import metrics_page
from codegen.targets.event_schema import event_schema
from codegen.targets.fields_table import fields_table
from codegen.text import markdown, markdown_code

_TOTALS = {
    "sum": "the sum of quantities",
    "count": "the number of events",
    "max": "the largest quantity",
    "min": "the smallest quantity",
    "last": "the latest quantity",
    "avg": "the mean of quantities",
    "unique": "the number of different values of {of}",
    "time_weighted": "{unit}: each quantity by the time to the next one of its {series}",
}


@dataclass(frozen=True, slots=True)
class _Metric:
    name: str
    description: str
    unit: str
    total: str
    owner: str
    deprecation: str


@dataclass(frozen=True, slots=True)
class _Product:
    title: str
    name: str
    owner: str
    description: str
    metrics: tuple[_Metric, ...]


@dataclass(frozen=True, slots=True)
class _Status:
    name: str
    billed: str
    description: str


@dataclass(frozen=True, slots=True)
class _Setting:
    variable: str
    argument: Mapping[str, str]
    arguments: str
    allowed: str
    default: str
    default_in: Mapping[str, str]
    description: str


@dataclass(frozen=True, slots=True)
class _Error:
    code: str
    outcome: str
    field: str
    description: str
    text: str


@dataclass(frozen=True, slots=True)
class _HttpError:
    code: str
    status: int
    description: str
    text: str


def outputs(model: Model) -> Iterator[Output]:
    """Yields the documents, and the settings in the READMEs."""
    catalog = model.catalog
    units = {unit.name: markdown(unit.title) for unit in catalog.units}
    billed = ", ".join(markdown_code(s.name) for s in catalog.statuses if s.billable)
    settings = [_setting(model, setting) for setting in model.sdk.settings]
    languages = ", ".join(model.sdk.packages)
    yield file(
        "docs/metric-types.md",
        "docs/metric-types.md.j2",
        version=markdown(catalog.version),
        products=[_product(model, product, units) for product in catalog.products],
        statuses=[
            _Status(markdown_code(s.name), "yes" if s.billable else "no", markdown(s.description))
            for s in model.every_status
        ],
        removed=[
            (
                markdown_code(f"{m.product}/{m.name}"),
                _metric(model, m, units),
                markdown(phrases.removal(m)),
            )
            for m in catalog.removed
        ],
        billed=billed or "never",
        log_levels=", ".join(map(markdown_code, catalog.log_levels)),
        default_log_level=markdown_code(catalog.default_log_level),
        log_status=markdown_code(catalog.log_status.name),
    )
    yield File("docs/event.schema.json", _json({**JSON_COMMENT, **event_schema(model)}))
    yield file(
        "docs/settings.md",
        "docs/settings.md.j2",
        settings=settings,
        languages=languages,
        **_flags(model),
    )
    yield _errors(model)
    yield section("docs/fields.md", "fields", fields_table(model))
    yield from metrics_page.outputs(model)
    yield section("README.md", "settings", render("docs/readme-settings.md.j2", settings=settings))
    for language in model.sdk.packages:
        options = render("docs/sdk-settings.md.j2", settings=settings, language=language)
        yield section(f"sdks/{language}/README.md", "settings", options)


def _product(model: Model, product: Product, units: Mapping[str, str]) -> _Product:
    return _Product(
        markdown(product.title),
        markdown_code(product.name),
        markdown(product.owner),
        markdown(product.description),
        tuple(_metric(model, metric, units) for metric in product.metric_types),
    )


def _metric(model: Model, metric: MetricType, units: Mapping[str, str]) -> _Metric:
    deprecation = phrases.deprecation(metric, lambda product, name: f"{product}/{name}")
    return _Metric(
        markdown_code(metric.name),
        _described(model, metric),
        units[metric.unit],
        _total(metric, units),
        markdown(metric.owner),
        f" **Deprecated** {markdown(deprecation)}" if deprecation else "",
    )


def _total(metric: MetricType, units: Mapping[str, str]) -> str:
    of, series = (markdown_code(name or "") for name in (metric.of, metric.series))
    return _TOTALS[metric.aggregation].format(of=of, series=series, unit=units[metric.total_unit])


def _described(model: Model, metric: MetricType) -> str:
    """Returns what a metric type counts and requires, then its names and codes in other systems."""
    parts = [markdown(f"{metric.title}. {metric.description}")]
    for what, rules in (("", model.field_rules(metric)), ("metadata ", metric.metadata)):
        required = [_constraint(rule) for rule in rules if rule.required]
        limited = [_constraint(rule) for rule in rules if not rule.required and rule.allowed]
        if required:
            parts.append(f"Requires {what}{', '.join(required)}.")
        if limited:
            parts.append(f"Accepts {what}{', '.join(limited)}.")
    actions = {"hash": "Hashes", "drop": "Drops"}
    for action, verb in actions.items():
        keys = [markdown_code(name) for name, what in metric.pii if what == action]
        if keys:
            parts.append(f"{verb} metadata {', '.join(keys)}.")
    if metric.aliases:
        parts.append(f"Also {', '.join(map(markdown_code, metric.aliases))}.")
    codes = [f"{key.removeprefix('x-')}: {value}" for key, value in metric.annotations.items()]
    if codes:
        parts.append(markdown_code("; ".join(codes)))
    return " ".join(parts)


def _constraint(rule: KeyRule) -> str:
    name = markdown_code(rule.name)
    if rule.allowed is None:
        return name
    return f"{name} ({' or '.join(markdown_code(scalar(value)) for value in rule.allowed)})"


def _setting(model: Model, setting: Setting) -> _Setting:
    argument = {
        name: markdown_code(setting.arguments.get(name) or LANGUAGES[name].argument(setting.name))
        for name in model.sdk.packages
    }
    default = {name: _default(setting, name) for name in model.sdk.packages}
    common = _default(replace(setting, defaults={}), "")
    others = [f"{name}: {default[name]}" for name in setting.defaults if name in default]
    return _Setting(
        markdown_code(model.variable(setting)),
        argument,
        ", ".join(argument.values()),
        _allowed(setting),
        "; ".join([common, *others]),
        default,
        markdown(setting.description),
    )


def _flags(model: Model) -> Mapping[str, str]:
    """Returns what the page says about flags."""
    example = next(setting for setting in model.sdk.settings if setting.required)
    secrets = [markdown_code(model.variable(one)) for one in model.sdk.settings if one.secret]
    return {
        "variable": model.variable(example),
        "flag": f"--{model.variable(example).lower().replace('_', '-')}",
        "prefix": model.catalog.env_prefix,
        "secrets": listing(secrets, "and"),
    }


def _default(setting: Setting, language: str) -> str:
    text = phrases.default_text(setting, language)
    if text is not None:
        return markdown_code(text)
    return "required" if setting.required else "none"


def _allowed(setting: Setting) -> str:
    if setting.choices:
        return ", ".join(markdown_code(choice) for choice in setting.choices)
    if setting.minimum is None or setting.maximum is None:
        return markdown(setting.type)
    return f"{setting.minimum} to {setting.maximum} {markdown(setting.unit or '')}".rstrip()


def _errors(model: Model) -> File:
    http = model.sdk.http
    return file(
        "docs/errors.md",
        "docs/errors.md.j2",
        errors=[_error(error) for error in model.sdk.errors],
        statuses=[(markdown_code(c), status) for c, status in http.statuses.items()]
        if http
        else [],
        unprocessable=UNPROCESSABLE,
        http=[
            _HttpError(
                markdown_code(error.name),
                error.status,
                markdown(error.description),
                markdown_code(error.text),
            )
            for error in (http.errors if http else ())
        ],
    )


def _error(error: ErrorCode) -> _Error:
    return _Error(
        markdown_code(error.name),
        markdown(error.outcome),
        markdown_code(error.field) if error.field else "",
        markdown(error.description),
        markdown_code(error.text),
    )


def _json(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
