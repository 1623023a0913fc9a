"""What the three files of schema/ mean: frozen values, no positions, no I/O.

`Model.build` takes data that the JSON Schemas and the rules have accepted, so it never fails.
Durations stay text until they are read.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

Data = Mapping[str, Any]

_DURATION = re.compile(r"([1-9][0-9]*)(ms|s|m|h|d)")
_MILLISECONDS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}

# A hundred years: any date of today plus or minus that is one that every language can say.
LONGEST_DURATION = "36500d"


def milliseconds(duration: str) -> int:
    """`7d` as milliseconds; ValueError where it is no duration."""
    match = _DURATION.fullmatch(duration)
    if match is None:
        raise ValueError(f"not a duration: {duration!r}")
    return int(match[1]) * _MILLISECONDS[match[2]]


@dataclass(frozen=True, slots=True)
class Topic:
    role: str
    name: str
    partitions: int
    retention: str
    key: str | None


@dataclass(frozen=True, slots=True)
class Status:
    name: str
    billable: bool
    default: bool
    log: bool
    description: str


@dataclass(frozen=True, slots=True)
class Unit:
    name: str
    title: str
    dimension: str


@dataclass(frozen=True, slots=True)
class QuantityRule:
    """What one metric type asks of a quantity beyond the limits of the field."""

    integer: bool
    minimum: int | float | None
    maximum: int | float | None


@dataclass(frozen=True, slots=True)
class MetadataKey:
    """One key that a metric type declares; a subset of JSON Schema."""

    name: str
    required: bool
    type: str | None
    allowed: tuple[Any, ...] | None


@dataclass(frozen=True, slots=True)
class Deprecation:
    since: str
    replaced_by: str | None
    remove_in: str | None


@dataclass(frozen=True, slots=True)
class MetricType:
    product: str
    name: str
    title: str
    description: str
    unit: str
    owner: str
    aggregation: str
    quantity: QuantityRule | None
    metadata: tuple[MetadataKey, ...]
    deprecated: Deprecation | None


@dataclass(frozen=True, slots=True)
class Product:
    name: str
    title: str
    description: str
    owner: str
    metric_types: tuple[MetricType, ...]


@dataclass(frozen=True, slots=True)
class Catalog:
    version: str
    env_prefix: str
    topics: tuple[Topic, ...]
    log_levels: tuple[str, ...]
    default_log_level: str
    statuses: tuple[Status, ...]
    units: tuple[Unit, ...]
    products: tuple[Product, ...]

    @property
    def metric_types(self) -> tuple[MetricType, ...]:
        return tuple(metric for product in self.products for metric in product.metric_types)

    def topic(self, role: str) -> Topic:
        return next(topic for topic in self.topics if topic.role == role)

    @property
    def default_status(self) -> Status:
        return next(status for status in self.statuses if status.default)

    @property
    def log_status(self) -> Status:
        return next(status for status in self.statuses if status.log)


@dataclass(frozen=True, slots=True)
class Field:
    """One field of the event. `limits` holds what bounds it, by the name it has in event.yaml."""

    name: str
    type: str
    set_by: str
    optional: bool
    nullable: bool
    default: Any
    constant_per: str | None
    catalog: str | None
    error: str | None
    required_error: str | None
    column: str
    since: str | None
    description: str
    limits: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Table:
    """The table of events: its name, and the names of the columns that mean something there."""

    database: str
    name: str
    ingested: str
    id: str
    account: str
    time: str
    accepted: str
    cost: str | None
    instance: str
    number: str


@dataclass(frozen=True, slots=True)
class Event:
    name: str
    description: str
    positional: tuple[str, ...]
    named: tuple[str, ...]
    fields: tuple[Field, ...]
    table: Table | None
    blank: str
    log_level_key: str
    log_message_key: str
    log_message_kept: int

    def field(self, name: str) -> Field:
        return next(field for field in self.fields if field.name == name)

    @property
    def roles(self) -> Mapping[str, Field]:
        """The fields by the part of the catalog that they carry, whatever their names.

        Only `quantity` and `metadata` may be absent, where no metric type has a rule on them.
        """
        return {field.catalog: field for field in self.fields if field.catalog is not None}


@dataclass(frozen=True, slots=True)
class Package:
    name: str
    module: str
    path: str


@dataclass(frozen=True, slots=True)
class Setting:
    name: str
    type: str
    required: bool
    default: Any
    minimum: int | None
    maximum: int | None
    choices: tuple[str, ...]
    unit: str | None
    secret: bool
    librdkafka: str | None
    arguments: Mapping[str, str]
    description: str


@dataclass(frozen=True, slots=True)
class ErrorCode:
    name: str
    outcome: str
    field: str | None
    reason: str | None
    text: str
    description: str


@dataclass(frozen=True, slots=True)
class SpoolConstant:
    name: str
    value: int | str
    description: str


@dataclass(frozen=True, slots=True)
class Spool:
    """How accepted events are kept on disk; `final_errors` are numbers in Kafka's protocol."""

    constants: tuple[SpoolConstant, ...]
    final_errors: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Sdk:
    packages: Mapping[str, Package]
    settings: tuple[Setting, ...]
    spool: Spool
    errors: tuple[ErrorCode, ...]


@dataclass(frozen=True)
class Model:
    catalog: Catalog
    event: Event
    sdk: Sdk

    @classmethod
    def build(cls, catalog: Data, event: Data, sdk: Data) -> Model:
        return cls(_catalog(catalog), _event(event), _sdk(sdk))

    @cached_property
    def catalog_version(self) -> str:
        """The version and a digest of what the catalog means, words for people left out."""
        catalog = self.catalog
        meaning = {
            "topics": {t.role: [t.name, t.partitions, t.key] for t in catalog.topics},
            "log_levels": [catalog.log_levels, catalog.default_log_level],
            "statuses": {s.name: [s.billable, s.default, s.log] for s in catalog.statuses},
            "metric_types": {
                f"{m.product}/{m.name}": [m.unit, m.aggregation, _meaning(m)]
                for m in catalog.metric_types
            },
        }
        text = json.dumps(meaning, sort_keys=True, separators=(",", ":"))
        return f"{catalog.version}+{hashlib.sha256(text.encode()).hexdigest()[:8]}"

    def variable(self, setting: Setting) -> str:
        """The environment variable of a setting."""
        return self.catalog.env_prefix + setting.name.upper()


def _meaning(metric: MetricType) -> list[Any]:
    rule = metric.quantity
    return [
        None if rule is None else [rule.integer, rule.minimum, rule.maximum],
        [[k.name, k.required, k.type, k.allowed] for k in metric.metadata],
    ]


def _catalog(data: Data) -> Catalog:
    return Catalog(
        version=data["version"],
        env_prefix=data["env_prefix"],
        topics=tuple(
            Topic(role, t["name"], t["partitions"], t["retention"], t.get("key"))
            for role, t in data["topics"].items()
        ),
        log_levels=tuple(data["log_levels"]),
        default_log_level=data["default_log_level"],
        statuses=tuple(
            Status(
                name, s["billable"], s.get("default", False), s.get("log", False), s["description"]
            )
            for name, s in data["statuses"].items()
        ),
        units=tuple(Unit(name, u["title"], u["dimension"]) for name, u in data["units"].items()),
        products=tuple(_product(name, p) for name, p in data["products"].items()),
    )


def _product(name: str, data: Data) -> Product:
    return Product(
        name=name,
        title=data["title"],
        description=data["description"],
        owner=data["owner"],
        metric_types=tuple(
            _metric_type(name, data["owner"], metric, m)
            for metric, m in data["metric_types"].items()
        ),
    )


def _metric_type(product: str, owner: str, name: str, data: Data) -> MetricType:
    rule = data.get("quantity")
    deprecated = data.get("deprecated")
    return MetricType(
        product=product,
        name=name,
        title=data.get("title") or re.sub(r"[._-]", " ", name).capitalize(),
        description=data["description"],
        unit=data["unit"],
        owner=data.get("owner", owner),
        aggregation=data.get("aggregation", "sum"),
        quantity=rule
        and QuantityRule(rule.get("integer", False), rule.get("minimum"), rule.get("maximum")),
        metadata=_metadata_keys(data.get("metadata", {})),
        deprecated=deprecated
        and Deprecation(
            deprecated["since"], deprecated.get("replaced_by"), deprecated.get("remove_in")
        ),
    )


def _metadata_keys(data: Data) -> tuple[MetadataKey, ...]:
    required = data.get("required", ())
    properties = data.get("properties", {})
    return tuple(
        MetadataKey(
            name=name,
            required=name in required,
            type=properties.get(name, {}).get("type"),
            allowed=_allowed(properties.get(name, {})),
        )
        for name in dict.fromkeys((*properties, *required))
    )


def _allowed(data: Data) -> tuple[Any, ...] | None:
    if "const" in data:
        return (data["const"],)
    return tuple(data["enum"]) if "enum" in data else None


_NO_LIMITS = (
    *("type", "set_by", "optional", "nullable", "default", "constant_per", "catalog"),
    *("error", "required_error", "column", "since", "description"),
)


def _event(data: Data) -> Event:
    return Event(
        name=data["name"],
        description=data["description"],
        positional=tuple(data["call"]["positional"]),
        named=tuple(data["call"]["named"]),
        fields=tuple(
            Field(
                name=name,
                type=f["type"],
                set_by=f["set_by"],
                optional=f.get("optional", False),
                nullable=f.get("nullable", False),
                default=f.get("default"),
                constant_per=f.get("constant_per"),
                catalog=f.get("catalog"),
                error=f.get("error"),
                required_error=f.get("required_error"),
                column=f["column"],
                since=f.get("since"),
                description=f["description"],
                limits={key: value for key, value in f.items() if key not in _NO_LIMITS},
            )
            for name, f in data["fields"].items()
        ),
        table=Table(**{"cost": None, **data["table"]}) if "table" in data else None,
        blank=data["blank"],
        log_level_key=data["log"]["level_key"],
        log_message_key=data["log"]["message_key"],
        log_message_kept=data["log"]["message_kept"],
    )


def _sdk(data: Data) -> Sdk:
    return Sdk(
        packages={
            language: Package(p["name"], p["module"], p["path"])
            for language, p in data["packages"].items()
        },
        settings=tuple(
            Setting(
                name=name,
                type=s["type"],
                required=s.get("required", False),
                default=s.get("default"),
                minimum=s.get("minimum"),
                maximum=s.get("maximum"),
                choices=tuple(s.get("choices", ())),
                unit=s.get("unit"),
                secret=s.get("secret", False),
                librdkafka=s.get("librdkafka"),
                arguments=s.get("arguments", {}),
                description=s["description"],
            )
            for name, s in data["settings"].items()
        ),
        spool=Spool(
            constants=tuple(
                SpoolConstant(name, c["value"], c["description"])
                for name, c in data["spool"]["constants"].items()
            ),
            final_errors=data["spool"]["final_errors"],
        ),
        errors=tuple(
            ErrorCode(
                name, e["outcome"], e.get("field"), e.get("reason"), e["text"], e["description"]
            )
            for name, e in data["errors"].items()
        ),
    )
