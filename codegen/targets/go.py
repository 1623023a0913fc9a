"""Go: constants, tables and look-ups, as gofmt leaves them.

gofmt aligns neighbouring lines; a comment above each item, and rows without keys, leave it nothing
to align.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from codegen import naming, phrases, text
from codegen.model import ErrorCode, Field, MetricType, Model, QuantityRule, Setting
from codegen.numbers import scalar
from codegen.render import File, Output, file
from codegen.targets import go_fields

_string = text.go_string
_FIELD_TYPES = {
    "flag": "int",
    "integer": "uint64",
    "number": "json.Number",
    "boolean": "*bool",
    "list": "[]string",
}
_LONGEST_INTEGER = 20


@dataclass(frozen=True, slots=True)
class _Constant:
    comment: str
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class _Metric:
    comment: str
    constant: str
    number: int
    name: str
    row: str


@dataclass(frozen=True, slots=True)
class _Product:
    name: str
    row: str
    metrics: tuple[_Metric, ...]


def outputs(model: Model) -> Iterator[Output]:
    """Yields the generated files of the Go package and of its internal packages."""
    package = model.sdk.packages["go"]

    def source(name: str, template: str = "", *, internal: str = "", **values: object) -> File:
        folder = posixpath.join(package.path, "internal", internal) if internal else package.path
        return file(
            posixpath.join(folder, f"zz_generated_{name}.go"),
            f"go/{template or name}.go.j2",
            package=internal or package.module,
            **values,
        )

    products = _products(model)
    by_client, by_calls, optional = (
        [go_fields.option(field, package.module) for field in fields]
        for fields in (
            model.event.client_dimensions,
            model.event.dimensions,
            model.event.dimensions_of("record"),
        )
    )
    module = f"{package.name}/{package.module}"
    types = {field.type for field in model.event.dimensions_of("record")}
    imports: dict[str, Any] = {
        "module": module,
        "times": "timestamp" in types,
        "lists": "list" in types,
    }
    yield source("options", client=by_client, fields=optional, **imports)
    yield source("fields_test", client=by_client, fields=optional, **imports)
    yield go_fields.members(posixpath.join(package.path, "options.go"), optional)
    yield source(
        "fields",
        internal="encode",
        fields=by_calls,
        rows=[go_fields.row(field) for field in model.event.dimensions],
        client_rows=[go_fields.row(field) for field in model.event.client_dimensions],
        largest=go_fields.largest(model),
    )
    yield source("constants", constants=list(_constants(model)))
    yield source("metrics", products=products)
    yield source(
        "settings",
        indexes=[naming.go_unexported(f"setting_{s.name}") for s in model.sdk.settings],
        rows=[_setting(model, setting) for setting in model.sdk.settings],
    )
    yield source(
        "errors",
        codes=[_code(error) for error in model.sdk.errors],
        rows=[_error(model, error) for error in model.sdk.errors],
    )
    yield source(
        "event",
        comment=_comment(f"{model.event.name}: {model.event.description}"),
        type=model.event.name,
        fields=[_member(field) for field in model.event.fields],
        numbers=any(field.type == "number" for field in model.event.fields),
    )
    removed = [
        (_row(_string(m.product), _string(m.name)), _string(phrases.removal(m)))
        for m in model.catalog.removed
    ]
    aliases = [
        (_string(alias), f"{_string(m.product)}, {_string(m.name)}")
        for alias, m in model.catalog.aliases
    ]
    yield source(
        "catalog",
        internal="encode",
        products=products,
        aliases=aliases,
        removed=removed,
        **_statuses(model),
    )
    yield source("limits", "constants", internal="encode", constants=list(_limits(model)))
    yield source("codes", "constants", internal="encode", constants=list(_rejection_codes(model)))
    yield source("encoder", internal="encode", encoder=_encoder(model))
    yield source(
        "spool",
        internal="spool",
        constants=list(_spool(model)),
        final_errors=sorted(model.sdk.spool.final_errors.values()),
    )


def _statuses(model: Model) -> dict[str, Any]:
    catalog = model.catalog
    return {
        "statuses": [
            (
                index,
                _string(s.name),
                _row(_string(s.name), _bool(s.billable), _words(s.description)),
            )
            for index, s in enumerate(catalog.statuses)
        ],
        "default": catalog.statuses.index(catalog.default_status),
        "log": catalog.statuses.index(catalog.log_status),
        "levels": [_string(level) for level in catalog.log_levels],
    }


def _constants(model: Model) -> Iterator[_Constant]:
    for constant in phrases.constants(model):
        if constant.name.startswith("log_") or constant.name.endswith("_partitions"):
            continue  # those of log() are in internal/encode, and nothing reads the partitions
        spelled = naming.go_exported(constant.name)
        name = "SDKVersion" if constant.name == "sdk_version" else spelled
        yield _constant(name, f"is {constant.about}.", constant.value)
    for status in model.catalog.statuses:
        name = f"Status{naming.go_exported(status.name)}"
        yield _constant(name, f"is a status: {status.description}", status.name)
    for level in model.catalog.log_levels:
        yield _constant(f"LogLevel{naming.go_exported(level)}", "is a level of Log.", level)


def _constant(name: str, about: str, value: str | float) -> _Constant:
    literal = _string(value) if isinstance(value, str) else _number(value)
    return _Constant(_comment(f"{name} {about}"), name, literal)


def _comment(words: str, indent: str = "") -> str:
    return "\n".join(text.line_comment("//", words, indent))


def _products(model: Model) -> list[_Product]:
    products = []
    number = 0
    field = model.event.roles.get("quantity")
    bounds = field.limits if field else {}
    for product in model.catalog.products:
        first = number + 1
        metrics = []
        for metric in product.metric_types:
            number += 1
            metrics.append(_metric(metric, number, bounds))
        row = _row(
            _string(product.name),
            _string(product.title),
            _string(product.owner),
            _words(product.description),
            str(first),
            str(number),
        )
        products.append(_Product(_string(product.name), row, tuple(metrics)))
    return products


def _metric(metric: MetricType, number: int, bounds: Mapping[str, int | float]) -> _Metric:
    constant = _metric_name(metric.product, metric.name)
    comment = _comment(f"{constant} is {metric.product}/{metric.name}: {metric.description}", "\t")
    deprecation = phrases.deprecation(metric, _metric_name)
    if deprecation:
        comment += f"\n\t//\n{_comment(f'Deprecated: {deprecation}', chr(9))}"
    row = _row(
        _string(metric.product),
        _string(metric.name),
        _string(metric.title),
        _words(metric.description),
        _string(metric.owner),
        _string(metric.unit),
        _string(metric.aggregation),
        _quantity(metric.quantity, bounds),
        _metadata(metric),
    )
    return _Metric(comment, constant, number, _string(metric.name), row)


def _quantity(rule: QuantityRule | None, bounds: Mapping[str, int | float]) -> str:
    if rule is None:
        return "nil"
    minimum = bounds["minimum"] if rule.minimum is None else rule.minimum
    maximum = bounds["maximum"] if rule.maximum is None else rule.maximum
    return f"&quantityRule{_row(_bool(rule.integer), _number(minimum), _number(maximum))}"


def _metadata(metric: MetricType) -> str:
    if not metric.metadata:
        return "nil"
    rows = [
        _row(
            _string(key.name),
            _bool(key.required),
            _string(key.type or ""),
            _strings(scalar(value) for value in key.allowed or ()),
        )
        for key in metric.metadata
    ]
    return f"[]metadataKey{{{', '.join(rows)}}}"


def _metric_name(product: str, name: str) -> str:
    return f"Metric{naming.go_exported(product)}{naming.go_exported(name)}"


def _limits(model: Model) -> Iterator[_Constant]:
    for field in model.event.fixed:
        default = {} if field.default is None else {"default": field.default}
        for limit, value in {**default, **phrases.limits(field)}.items():
            name = naming.go_unexported(f"{field.name}_{limit}")
            about = f"{name} is the {limit} of {field.name}."
            literal = _string(value) if isinstance(value, str) else _number(value)
            yield _Constant(_comment(about), name, literal)
    for constant in phrases.constants(model):
        if constant.name.startswith("log_") and constant.name != "log_status":
            name = naming.go_unexported(constant.name)
            yield _constant(name, f"is {constant.about}.", constant.value)
    yield _Constant(
        _comment("blankCharacters make a string blank if it holds nothing else."),
        "blankCharacters",
        _string(model.event.blank),
    )


def _spool(model: Model) -> Iterator[_Constant]:
    for constant in model.sdk.spool.constants:
        name = naming.go_unexported(constant.name)
        about = f"{name}: {constant.description}"
        value = constant.value
        literal = _string(value) if isinstance(value, str) else _number(value)
        yield _Constant(_comment(about), name, literal)


def _setting(model: Model, setting: Setting) -> str:
    argument = setting.arguments.get("go") or f"With{naming.go_exported(setting.name)}"
    return _row(
        _string(setting.name),
        _string(model.variable(setting)),
        _string(argument),
        _string(setting.type),
        _string(setting.unit or ""),
        _string(phrases.default_text(setting, "go") or ""),
        _bool(setting.required),
        _bool(setting.secret),
        _string(setting.protocol or ""),
        str(setting.minimum or setting.min_length or 0),
        str(setting.maximum or setting.max_length or 0),
        _strings(setting.choices),
        _string(setting.librdkafka or ""),
        _words(setting.description),
    )


def _code(error: ErrorCode) -> _Constant:
    name = f"Code{naming.go_exported(error.name)}"
    return _Constant(_comment(f"{name}: {error.description}", "\t"), name, _string(error.name))


def _rejection_codes(model: Model) -> Iterator[_Constant]:
    """Yields the codes of an invalid argument, of `Record` or of `New`."""
    fixed = {None, *(field.name for field in model.event.fixed)}
    for error in model.sdk.errors:
        if error.field not in fixed:
            continue  # the rows of these fields make their codes
        if error.outcome == "refused" or (error.outcome == "rejected" and error.field):
            name = naming.go_unexported(f"code_{error.name}")
            yield _constant(name, "is a code of the closed set.", error.name)


def _error(model: Model, error: ErrorCode) -> str:
    words = error.text
    if error.field:
        for name, value in model.event.field(error.field).limits.items():
            words = words.replace(f"{{{name}}}", str(value))
    return _row(
        f"Code{naming.go_exported(error.name)}",
        _string(error.outcome),
        _string(error.field or ""),
        _string(naming.go_unexported(error.field) if error.field else ""),
        _string(error.reason or ""),
        _string(words),
        _words(error.description),
    )


@dataclass(frozen=True, slots=True)
class _Member:
    comment: str
    declaration: str


def _member(field: Field) -> _Member:
    name = naming.go_exported(field.name)
    is_pointer = field.nullable or (field.is_dimension and field.type == "integer")
    kind = ("*" if is_pointer else "") + _FIELD_TYPES.get(field.type, "string")
    tag = f'`json:"{field.name}{",omitempty" if field.is_dimension else ""}"`'
    return _Member(
        _comment(f"{name}: {field.description}", "\t"),
        f"{name} {kind} {tag}",
    )


@dataclass(frozen=True, slots=True)
class _Encoder:
    """The event as pieces in a row: runs of constant fields are parts, the rest is appended.

    Of what varies, `texts` stand between quotes, `json` is encoded already, `integers` are neither.
    """

    constants: tuple[str, ...]
    parts: tuple[str, ...]
    texts: tuple[str, ...]
    json: tuple[str, ...]
    integers: tuple[str, ...]
    size: str
    steps: tuple[str, ...]


def _encoder(model: Model) -> _Encoder:
    by_kind: dict[str, list[str]] = {"texts": [], "json": [], "integers": []}
    constants: list[str] = []
    parts: list[str] = []
    steps: list[str] = []
    size: list[str] = []
    fixed = 0
    pieces: list[str] = []  # Go expressions of the run that is not yet a part or a step
    pending = ""  # literal text behind them

    def flush() -> None:
        nonlocal fixed, pending
        if pieces:
            steps.append(f"b = append(b, p[{len(parts)}]...)")
            size.append(f"len(p[{len(parts)}])")
            parts.append(" + ".join([*pieces, _string(pending)] if pending else pieces))
        elif pending:
            steps.append(f"b = append(b, {_string(pending)}...)")
            fixed += len(pending.encode())
        pieces.clear()
        pending = ""

    for index, field in enumerate(model.event.fixed):
        quote = "" if field.type in ("number", "integer", "flag") else '"'
        pending += f'{"," if index else "{"}"{field.name}":{quote}'
        name = naming.go_unexported(field.name)
        if field.constant_per:
            constants.append(name)
            pieces += [_string(pending), f"c.{name}"]
            pending = ""
        elif field.type in ("integer", "flag"):
            flush()
            by_kind["integers"].append(name)
            steps.append(f"b = strconv.AppendUint(b, v.{name}, 10)")
            fixed += _LONGEST_INTEGER
        else:
            flush()
            by_kind["json" if field.type in ("number", "json") else "texts"].append(name)
            steps.append(f"b = append(b, v.{name}...)")
            size.append(f"len(v.{name})")
        pending += quote
    flush()
    steps.append("b = append(b, v.more...)")
    size.append("len(v.more)")
    pending = "}"
    flush()
    return _Encoder(
        constants=tuple(constants),
        parts=tuple(parts),
        texts=tuple(by_kind["texts"]),
        json=tuple(by_kind["json"]),
        integers=tuple(by_kind["integers"]),
        size=" + ".join([*size, str(fixed)]),
        steps=tuple(steps),
    )


def _row(*values: str) -> str:
    return f"{{{', '.join(values)}}}"


def _words(description: str) -> str:
    return _string(text.flow(description))


def _bool(value: object) -> str:
    return "true" if value else "false"


def _number(value: float) -> str:
    return str(value) if isinstance(value, int) else repr(value)


def _strings(values: Iterable[str]) -> str:
    literals = [_string(value) for value in values]
    return f"[]string{{{', '.join(literals)}}}" if literals else "nil"
