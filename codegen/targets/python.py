"""Generates modules of the Python package: tables, typed calls, the event encoder and Struct."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruff import find_ruff_bin  # type: ignore[import-untyped]

from codegen import phrases, render
from codegen.model import ErrorCode, Field, MetricType, Model, Product, Setting
from codegen.naming import LANGUAGES
from codegen.render import File, Output
from codegen.targets.event_schema import event_schema
from codegen.text import docstring, python_string

_PYTHON = LANGUAGES["python"]
_QUOTED = frozenset({"string", "timestamp", "json"})
_PARAMETER_TYPES: Mapping[str, str] = {
    "string": "Id",
    "number": "float | Decimal",
    "json": "MetadataLike",
    "timestamp": "datetime | str",
}
_SETTING_TYPES: Mapping[str, str] = {
    "integer": "int",
    "boolean": "bool",
    "string": "str",
    "list": "str | list[str]",
}


def outputs(model: Model) -> Iterator[Output]:
    package = f"{model.sdk.packages['python'].path}/_generated"
    views: Mapping[str, Mapping[str, Any]] = {
        "__init__": {},
        "calls": {
            "overloads": [
                *(_overload(model, product) for product in model.catalog.products),
                _checked_overload(model),
            ],
            "metric": _metric_call(model),
            "fields": [_option(field) for field in model.event.dimensions_of("record")],
            "arguments": [_setting(model, s) for s in model.sdk.settings if not s.required],
        },
        "catalog": _catalog(model),
        "encoder": {"encoder": _encoder(model)},
        "fields": {
            "fields": [_row(field) for field in model.event.dimensions],
            "client": [_row(field) for field in model.event.client_dimensions],
        },
        "errors": {"errors": [_error(model, error) for error in model.sdk.errors]},
        "limits": {"limits": list(_limits(model))},
        "metrics": {"products": [_namespace(product) for product in model.catalog.products]},
        "settings": {"settings": [_setting(model, setting) for setting in model.sdk.settings]},
        "spool": {
            "constants": [
                (c.name.upper(), _literal(c.value), c.description)
                for c in model.sdk.spool.constants
            ],
            "final_errors": sorted(model.sdk.spool.final_errors.values()),
        },
    }
    files = [
        render.file(f"{package}/{name}.py", f"python/{name}.py.j2", **values)
        for name, values in views.items()
    ]
    files.append(File(f"{package}/events.py", _events(model)))
    yield from _formatted(files)


def _literal(value: Any) -> str:
    """Returns a Python literal of plain data."""
    if isinstance(value, str):
        return python_string(value)
    if isinstance(value, (tuple, list)):
        return f"({', '.join(map(_literal, value))}{',' if len(value) == 1 else ''})"
    return repr(value)


def _catalog(model: Model) -> Mapping[str, Any]:
    catalog = model.catalog
    names = {
        "products": tuple(product.name for product in catalog.products),
        "statuses": tuple(status.name for status in catalog.statuses),
        "log_levels": catalog.log_levels,
    }
    return {
        **{name: _literal(values) for name, values in names.items()},
        **{f"{name}_type": ", ".join(map(_literal, values)) for name, values in names.items()},
        "version": _literal(catalog.version),
        "catalog_version": _literal(model.catalog_version),
        "usage_topic": _literal(catalog.topic("usage").name),
        "dead_letter_topic": _literal(catalog.topic("dead_letter").name),
        "default_status": _literal(catalog.default_status.name),
        "log_status": _literal(catalog.log_status.name),
        "default_log_level": _literal(catalog.default_log_level),
        "log_level_key": _literal(model.event.log_level_key),
        "log_message_key": _literal(model.event.log_message_key),
        "log_message_kept": model.event.log_message_kept,
        "metric_types": [
            (_literal(product.name), _literal(tuple(m.name for m in product.metric_types)))
            for product in catalog.products
        ],
        "aliases": [
            (_literal(alias), _literal((m.product, m.name))) for alias, m in catalog.aliases
        ],
        "removed": [
            (_literal((m.product, m.name)), _literal(phrases.removal(m))) for m in catalog.removed
        ],
        "billable": [(_literal(s.name), int(s.billable)) for s in catalog.statuses],
    }


@dataclass(frozen=True, slots=True)
class _Constant:
    """The constant of a metric type: its name, its arguments and its docstring."""

    name: str
    arguments: str
    doc: str


@dataclass(frozen=True, slots=True)
class _Namespace:
    name: str
    doc: str
    constants: tuple[_Constant, ...]


def _namespace(product: Product) -> _Namespace:
    doc = docstring(product.description, "    ", summary=product.title)
    return _Namespace(
        name=_PYTHON.attribute(product.name),
        doc="\n".join(doc),
        constants=tuple(_constant(metric) for metric in product.metric_types),
    )


def _constant(metric: MetricType) -> _Constant:
    arguments = [_literal(metric.product), _literal(metric.name)]
    described = ("title", "description", "owner", "unit", "aggregation")
    arguments += [f"{name}={_literal(getattr(metric, name))}" for name in described]
    doc = metric.description
    if metric.quantity:
        rule = metric.quantity
        arguments.append(f"quantity=QuantityRule({rule.integer}, {rule.minimum}, {rule.maximum})")
    if metric.metadata:
        rows = [(k.name, k.required, k.type, k.allowed) for k in metric.metadata]
        keys = ", ".join(f"MetadataKey({', '.join(map(_literal, row))})" for row in rows)
        arguments.append(f"metadata=({keys},)")
    if metric.deprecated:
        old = metric.deprecated
        row = ", ".join(map(_literal, (old.since, old.replaced_by, old.remove_in)))
        arguments.append(f"deprecated=Deprecation({row})")
        doc = f"Deprecated {phrases.deprecation(metric, _metric_name)} {doc}"
    return _Constant(
        name=_PYTHON.attribute(metric.name),
        arguments=", ".join(arguments),
        doc="\n".join(docstring(doc, "    ")),
    )


def _metric_name(product: str, name: str) -> str:
    return f"metrics.{_PYTHON.metric(product, name)}"


_OPTION_TYPES: Mapping[str, str] = {
    **_PARAMETER_TYPES,
    "integer": "int",
    "boolean": "bool",
    "uuid": "str | UUID",
    "list": "Sequence[str]",
}


@dataclass(frozen=True, slots=True)
class _Option:
    """A dimension as an argument by name."""

    name: str
    type: str
    doc: str


def _option(field: Field) -> _Option:
    values = f"Literal[{', '.join(map(_literal, field.values))}]"
    kind = values if field.type == "enum" else _OPTION_TYPES[field.type]
    return _Option(field.name, kind, "\n".join(docstring(field.description, "    ")))


def _row(field: Field) -> str:
    """Returns the arguments of a row of the table of dimensions; durations in milliseconds."""
    named = {
        **phrases.limits(field),
        "values": field.values,
        "excludes": field.excludes,
        "requires": field.dependent_required,
        "when_not_zero": field.when_not_zero,
        "billed": field.billed,
    }
    arguments = [_literal(field.name), _literal(field.type)]
    if "record" in field.calls and field.set_by == "caller":
        arguments.append("calls=('record',)")
    arguments += [
        f"{name}={_literal(value)}"
        for name, value in named.items()
        if value not in ((), False) and name not in phrases.DURATIONS
    ]
    return ", ".join(arguments)


@dataclass(frozen=True, slots=True)
class _Overload:
    """The overloads of the calls for one product, as whole parameter lists and docstrings."""

    record: str
    record_doc: str
    log: str
    log_doc: str


def _overload(model: Model, product: Product) -> _Overload:
    metric_types = ", ".join(_literal(metric.name) for metric in product.metric_types)
    return _call(
        model,
        f"Literal[{_literal(product.name)}]",
        f"Literal[{metric_types}]",
        product.description,
        product.title,
    )


def _checked_overload(model: Model) -> _Overload:
    """Returns the overloads for names that is_product() and is_metric_type() found."""
    return _call(model, "Product", "MetricType", "Takes names that were looked up at run time.")


def _call(model: Model, product: str, metric_type: str, about: str, summary: str = "") -> _Overload:
    event = model.event
    names = {"product": product, "metric_type": metric_type, "status": "Status"}
    positional = [event.field(name) for name in event.positional]
    required = [field for field in positional if not field.optional]
    details = [field for field in positional if field.type == "json"]
    named = [event.field(name) for name in event.named]
    record = [_parameter(model, field, names) for field in positional]
    by_name = ["*", *(_parameter(model, field, names) for field in named)] if named else []
    by_name += _more(model)
    record += by_name
    log = [_parameter(model, field, names) for field in required]
    log += ["message: str", f"level: LogLevel = {_literal(model.catalog.default_log_level)}"]
    log += [_parameter(model, field, names) for field in details]
    log += by_name
    described = {field.name: field.description for field in event.fields}
    keys = {"message": event.log_message_key, "level": event.log_level_key}
    in_log = [field.name for field in required] + list(keys)
    in_log += [field.name for field in details + named]
    kept = {name: f"Stored in the metadata, as {key}." for name, key in keys.items()}
    return _Overload(
        record=", ".join(["self", *record]),
        record_doc=_call_doc(
            about, summary, [field.name for field in positional + named], described
        ),
        log=", ".join(["self", *log]),
        log_doc=_call_doc(about, summary, in_log, {**described, **kept}),
    )


def _call_doc(about: str, summary: str, names: list[str], described: Mapping[str, str]) -> str:
    """Returns a docstring with its arguments, which editors show beside a call."""
    arguments = [(name, described[name]) for name in names]
    return "\n".join(docstring(about, " " * 8, summary=summary, Args=arguments))


def _more(model: Model) -> list[str]:
    """Returns the parameter for the dimensions, if there are any."""
    return ["**fields: Unpack[EventFields]"] if model.event.dimensions_of("record") else []


def _metric_call(model: Model) -> str:
    """Returns the parameters of the call that takes a constant of a metric type."""
    event = model.event
    names = {"status": "Status"}
    positional = [event.field(name) for name in event.positional]
    parameters = ["self"]
    for field in positional:
        if field.catalog == "product":
            parameters.append("metric: Metric")
        elif field.catalog != "metric_type":
            parameters.append(_parameter(model, field, names))
    named = [_parameter(model, event.field(name), names) for name in event.named]
    return ", ".join([*parameters, *(["*", *named] if named else []), *_more(model)])


def _parameter(model: Model, field: Field, names: Mapping[str, str]) -> str:
    kind = names.get(field.catalog or "") or _PARAMETER_TYPES[field.type]
    if not field.optional:
        return f"{field.name}: {kind}"
    if field.catalog == "status":
        return f"{field.name}: {kind} = {_literal(model.catalog.default_status.name)}"
    if field.type == "number" and field.default is not None:
        return f"{field.name}: {kind} = {field.default}"
    return f"{field.name}: {kind} | None = None"


@dataclass(frozen=True, slots=True)
class _Encoder:
    """An event as f-strings: runs of constant fields are parts, encoded once; the rest varies."""

    constants: tuple[str, ...]
    parts: tuple[str, ...]
    varying: tuple[str, ...]
    event: str


def _encoder(model: Model) -> _Encoder:
    parts: list[str] = []
    event = pending = ""
    holds_constant = False

    def flush() -> None:
        nonlocal event, pending, holds_constant
        if holds_constant:
            event += f"{{constants[{len(parts)}]}}"
            parts.append(pending)
        else:
            event += pending
        pending, holds_constant = "", False

    for index, field in enumerate(model.event.fixed):
        quote = '"' if field.type in _QUOTED else ""
        pending += f'{"," if index else "{{"}"{field.name}":{quote}'
        if field.constant_per:
            pending += f"{{{field.name}}}"
            holds_constant = True
        else:
            flush()
            event += f"{{{field.name}}}"
        pending += quote
    flush()
    pending, holds_constant = "{more}}}", True
    flush()
    constants = tuple(_argument(f) for f in model.event.fixed if f.constant_per)
    return _Encoder(
        constants=(*constants, "more: str"),
        parts=tuple(parts),
        varying=tuple(sorted(_argument(f) for f in model.event.fixed if not f.constant_per)),
        event=event,
    )


def _argument(field: Field) -> str:
    return f"{field.name}: {'int' if field.type in ('integer', 'flag') else 'str'}"


def _limits(model: Model) -> Iterator[tuple[str, str]]:
    """Yields the name and literal of every limit of every field, durations in milliseconds."""
    for field in model.event.fixed:
        name = _PYTHON.constant(field.name)
        if field.default is not None:
            yield f"{name}_DEFAULT", _literal(field.default)
        for limit, value in phrases.limits(field).items():
            if limit not in phrases.DURATIONS:
                yield f"{name}_{limit.upper()}", _literal(value)
    yield "BLANK", ascii(model.event.blank)


@dataclass(frozen=True, slots=True)
class _Error:
    """A code and its text, in which the limits of its field are filled in."""

    code: str
    row: str


def _error(model: Model, error: ErrorCode) -> _Error:
    text = error.text
    limits = model.event.field(error.field).limits if error.field else {}
    for name, value in limits.items():
        text = text.replace(f"{{{name}}}", str(value))
    row = ", ".join(map(_literal, (text, error.field, error.reason)))
    return _Error(_literal(error.name), row)


@dataclass(frozen=True, slots=True)
class _Setting:
    """One setting as a row of the table and as a typed argument of the client."""

    row: str
    argument: str
    type: str
    doc: str


def _setting(model: Model, setting: Setting) -> _Setting:
    argument = setting.arguments.get("python", setting.name)
    values = [setting.name, model.variable(setting), argument, setting.type]
    options = {
        "default": setting.default_in("python"),
        "minimum": setting.minimum,
        "maximum": setting.maximum,
        "choices": setting.choices or None,
        "required": setting.required or None,
        "secret": setting.secret or None,
        "protocol": setting.protocol,
        "librdkafka": setting.librdkafka,
        "min_length": setting.min_length,
        "max_length": setting.max_length,
    }
    row = [_literal(value) for value in values]
    row += [f"{name}={_literal(value)}" for name, value in options.items() if value is not None]
    choices = f"Literal[{', '.join(map(_literal, setting.choices))}]"
    return _Setting(
        row=", ".join(row),
        argument=argument,
        type=choices if setting.type == "choice" else _SETTING_TYPES[setting.type],
        doc="\n".join(docstring(setting.description, "    ")),
    )


def _events(model: Model) -> str:
    """Returns the event as a msgspec Struct, for readers of events."""
    # Its import takes longer than most targets.
    import datamodel_code_generator as structs
    from datamodel_code_generator.enums import DataModelType
    from datamodel_code_generator.format import DatetimeClassType, Formatter, PythonVersion
    from datamodel_code_generator.parser import LiteralType

    schema = event_schema(model)
    for field in schema["properties"].values():
        if field.get("format") == "decimal":  # msgspec cannot limit a Decimal, and warns about it
            field.pop("minimum", None)
            field.pop("maximum", None)
    code = structs.generate(
        json.dumps(schema),
        config=structs.GenerateConfig(
            input_file_type=structs.InputFileType.JsonSchema,
            output_model_type=DataModelType.MsgspecStruct,
            target_python_version=PythonVersion.PY_310,
            output_datetime_class=DatetimeClassType.Datetime,
            enum_field_as_literal=LiteralType.All,
            formatters=[Formatter.BUILTIN],
            builtin_format_line_length=100,  # otherwise that of any pyproject.toml above
            use_annotated=True,
            use_schema_description=True,
            use_single_line_docstring=True,
            custom_file_header=f"# {render.NOTICE}",
            disable_timestamp=True,
        ),
    )
    return str(code)


def _formatted(files: list[File]) -> Iterator[File]:
    """Formats the files with ruff, and removes imports that this catalog does not need."""
    ruff = find_ruff_bin()
    with tempfile.TemporaryDirectory() as folder:
        for index, file in enumerate(files):
            Path(folder, f"{index}.py").write_text(file.text, encoding="utf-8")
        for command in (["check", "--select=F401", "--fix"], ["format", "--line-length=100"]):
            options = ["--isolated", "--no-cache", "--quiet", "--target-version=py310"]
            subprocess.run([ruff, *command, *options, folder], check=True)
        for index, file in enumerate(files):
            yield File(file.path, Path(folder, f"{index}.py").read_text(encoding="utf-8"))
