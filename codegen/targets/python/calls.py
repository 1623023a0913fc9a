"""The typed calls: the overloads for each product, the options and the arguments of the client."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from codegen.model import Field, Model, Product
from codegen.targets.python.literals import literal
from codegen.text import docstring

_PARAMETER_TYPES: Mapping[str, str] = {
    "string": "Id",
    "number": "float | Decimal",
    "json": "MetadataLike",
    "timestamp": "datetime | str",
}
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


def option(field: Field) -> _Option:
    values = f"Literal[{', '.join(map(literal, field.values))}]"
    kind = values if field.type == "enum" else _OPTION_TYPES[field.type]
    return _Option(field.name, kind, "\n".join(docstring(field.description, "    ")))


@dataclass(frozen=True, slots=True)
class _Overload:
    """The overloads of the calls for one product, as whole parameter lists and docstrings."""

    record: str
    record_doc: str
    log: str
    log_doc: str


def overload(model: Model, product: Product) -> _Overload:
    metric_types = ", ".join(literal(metric.name) for metric in product.metric_types)
    return _call(
        model,
        f"Literal[{literal(product.name)}]",
        f"Literal[{metric_types}]",
        product.description,
        product.title,
    )


def checked_overload(model: Model) -> _Overload:
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
    log += ["message: str", f"level: LogLevel = {literal(model.catalog.default_log_level)}"]
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


def metric_call(model: Model) -> str:
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
        return f"{field.name}: {kind} = {literal(model.catalog.default_status.name)}"
    if field.type == "number" and field.default is not None:
        return f"{field.name}: {kind} = {field.default}"
    return f"{field.name}: {kind} | None = None"
