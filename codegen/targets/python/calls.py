"""The typed calls: the overloads for each product, the options and the arguments of the client."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from codegen.model import Field, MetricType, Model, Product
from codegen.targets.python.literals import literal
from codegen.targets.python.requirements import FIELD_TYPES, Key, RequiredTypes, field_type, key
from codegen.text import docstring

# The type of who is billed, which is None in calls of a client that is bound to one.
_ACCOUNT = "_Account_contra"


@dataclass(frozen=True, slots=True)
class _Option:
    """A dimension as an argument by name."""

    name: str
    type: str
    doc: str


def option(field: Field) -> _Option:
    kind = field_type(field.type, field.values)
    return _Option(field.name, kind, "\n".join(docstring(field.description, "    ")))


def options(model: Model) -> Iterator[_Option]:
    """Yields what calls take by name, besides what all events have."""
    for field in model.event.dimensions_of("record"):
        yield option(field)
    for field in model.event.fields:
        if field.per_call:
            doc = f"{field.description} In place of the client's."
            yield _Option(field.name, "str", "\n".join(docstring(doc, "    ")))


@dataclass(frozen=True, slots=True)
class _Overload:
    """The overloads of the calls for some metric types of a product, as whole parameter lists.

    Only the last has a docstring with the arguments, as every line here is there for each product.
    """

    deprecation: str
    record: str
    record_doc: str
    log: str
    log_doc: str

    @property
    def usage(self) -> str:
        """The parameters of a call as a value, which a bound client may take."""
        return self.record.replace(f": {_ACCOUNT},", ": Id | None,", 1)


@dataclass(frozen=True, slots=True)
class _MetricCall:
    deprecation: str
    parameters: str


@dataclass(frozen=True, slots=True)
class _Names:
    """The types of product and metric type, and of what the metric types require."""

    product: str
    metric_type: str
    fields: str = "EventFields"
    metadata: str = ""


def overloads(model: Model, types: Mapping[Key, RequiredTypes]) -> Iterator[_Overload]:
    """Yields an overload for the metric types of a product that require the same, then the last.

    That one is for names that is_product() and is_metric_type() found.
    """
    for product in model.catalog.products:
        for group, metrics in _groups(model, product).items():
            of_group = types.get(group)
            names = _Names(
                f"Literal[{literal(product.name)}]",
                f"Literal[{', '.join(literal(metric.name) for metric in metrics)}]",
                (of_group and of_group.fields) or "EventFields",
                of_group.metadata if of_group else "",
            )
            about = "\n".join(docstring(product.description, " " * 8, summary=product.title))
            deprecation = of_group.deprecation if of_group else ""
            yield _Overload(deprecation, _record(model, names), about, _log(model, names), about)
    names = _Names("Product", "MetricType")
    about = "Takes names that were looked up at run time."
    yield _Overload(
        "",
        _record(model, names),
        _documented(model, about, [*model.event.positional, *model.event.named]),
        _log(model, names),
        _documented(model, about, _log_arguments(model)),
    )


def _groups(model: Model, product: Product) -> Mapping[Key, list[MetricType]]:
    groups: dict[Key, list[MetricType]] = {}
    for metric in product.metric_types:
        groups.setdefault(key(model, metric), []).append(metric)
    return groups


def _record(model: Model, names: _Names) -> str:
    positional = [model.event.field(name) for name in model.event.positional]
    return _parameters(model, names, [_parameter(model, field, names) for field in positional])


def _log(model: Model, names: _Names) -> str:
    positional = [model.event.field(name) for name in model.event.positional]
    parameters = [_parameter(model, field, names) for field in positional if not field.optional]
    parameters += ["message: str", f"level: LogLevel = {literal(model.catalog.default_log_level)}"]
    parameters += [_parameter(model, field, names) for field in positional if field.type == "json"]
    return _parameters(model, names, parameters)


def _parameters(model: Model, names: _Names, positional: list[str]) -> str:
    """Returns all parameters; metadata that is required is one by name, as it has no default."""
    required = [one for one in positional if names.metadata and one.endswith(names.metadata)]
    named = [_parameter(model, model.event.field(name), names) for name in model.event.named]
    by_name = [*required, *(one for one in named if one not in required)]
    positional = [one for one in positional if one not in required]
    more = [f"**fields: Unpack[{names.fields}]"] if model.event.dimensions_of("record") else []
    return ", ".join(["self", *positional, *(["*", *by_name] if by_name else []), *more])


def _log_arguments(model: Model) -> list[str]:
    event = model.event
    positional = [event.field(name) for name in event.positional]
    names = [field.name for field in positional if not field.optional] + ["message", "level"]
    return [*names, *(field.name for field in positional if field.type == "json"), *event.named]


def _documented(model: Model, about: str, names: list[str]) -> str:
    """Returns a docstring with arguments, which editors show beside a call."""
    event = model.event
    described = {field.name: field.description for field in event.fields}
    keys = {"message": event.log_message_key, "level": event.log_level_key}
    described |= {name: f"Stored in the metadata, as {key}." for name, key in keys.items()}
    arguments = [(name, described[name]) for name in names]
    return "\n".join(docstring(about, " " * 8, Args=arguments))


def metric_calls(model: Model, types: Mapping[Key, RequiredTypes]) -> Iterator[_MetricCall]:
    """Yields the overloads of the call that takes a constant of a metric type."""
    positional = [
        field
        for field in (model.event.field(name) for name in model.event.positional)
        if field.catalog not in ("product", "metric_type")
    ]
    at = next(
        at
        for at, name in enumerate(model.event.positional)
        if model.event.field(name).catalog == "product"
    )
    for each in (*types.values(), None):
        fields = (each and each.fields) or "EventFields"
        names = _Names("", "", fields, each.metadata if each else "")
        parameters = [_parameter(model, field, names) for field in positional]
        parameters.insert(at, f"metric: {each.metric if each else 'Metric'}")
        deprecation = each.deprecation if each else ""
        yield _MetricCall(deprecation, _parameters(model, names, parameters))


def _parameter(model: Model, field: Field, names: _Names) -> str:
    of_role = {"product": names.product, "metric_type": names.metric_type, "status": "Status"}
    kind = of_role.get(field.catalog or "") or FIELD_TYPES[field.type]
    if field.type == "string" and not field.catalog and not field.optional:
        kind = _ACCOUNT
    if field.catalog == "metadata" and names.metadata:
        return f"{field.name}: {names.metadata}"
    if not field.optional:
        return f"{field.name}: {kind}"
    if field.catalog == "status":
        return f"{field.name}: {kind} = {literal(model.catalog.default_status.name)}"
    if field.type == "number" and field.default is not None:
        return f"{field.name}: {kind} = {field.default}"
    return f"{field.name}: {kind} | None = None"
