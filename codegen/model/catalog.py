"""The model of catalog.yaml: products, metric types, statuses, units, topics."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from codegen.model.data import Data


@dataclass(frozen=True, slots=True)
class Topic:
    role: str
    name: str
    partitions: int
    retention: str
    key: str | None
    timestamps: str | None


@dataclass(frozen=True, slots=True)
class Store:
    """How far from its arrival a time may lie; without `retention`, any time before it."""

    retention: str | None
    ahead: str


@dataclass(frozen=True, slots=True)
class Billing:
    """The time zone in which days and months begin, and the currency of costs, if they have one."""

    time_zone: str
    currency: str | None


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
    seconds: int | float | None


@dataclass(frozen=True, slots=True)
class Team:
    """A team that owns products: whom to ask, and who approves changes of its file."""

    name: str
    contact: str | None
    code_owner: str | None


@dataclass(frozen=True, slots=True)
class QuantityRule:
    """The constraints of one metric type on the quantity, on top of the field's limits."""

    integer: bool
    minimum: int | float | None
    maximum: int | float | None


@dataclass(frozen=True, slots=True)
class KeyRule:
    """The constraints of a metric type on one metadata key or field; a subset of JSON Schema.

    Only metadata keys have a type here: a field has its own.
    """

    name: str
    required: bool
    type: str | None
    allowed: tuple[Any, ...] | None


@dataclass(frozen=True, slots=True)
class Total:
    """The unit of a time-weighted total: a quantity of 1 is 1 of it after so many seconds."""

    unit: str
    seconds: int


@dataclass(frozen=True, slots=True)
class Deprecation:
    since: str
    replaced_by: str | None
    remove_in: str | None


@dataclass(frozen=True, slots=True)
class Removal:
    """Since when a metric type is no longer accepted, and what replaces it."""

    version: str
    replaced_by: str | None


@dataclass(frozen=True, slots=True)
class MetricType:
    """A metric type of a product; `spelled` is what code says in place of the two names.

    `pii` has what becomes of each metadata key about persons: hash or drop. `of` and `series` name
    a field, or `metadata.` and a key: whose different values count, and what tells levels apart.
    """

    product: str
    name: str
    title: str
    description: str
    unit: str
    owner: str
    aggregation: str
    of: str | None
    series: str | None
    total: Total | None
    quantity: QuantityRule | None
    metadata: tuple[KeyRule, ...]
    pii: tuple[tuple[str, str], ...]
    fields: tuple[KeyRule, ...]
    deprecated: Deprecation | None
    removed: Removal | None
    aliases: tuple[str, ...]
    annotations: Mapping[str, str]
    session_timeout: str | None
    spelled: tuple[str, str]

    @property
    def event_type(self) -> str:
        """Returns product and metric type as one name, for where names come as one string."""
        return f"{self.product}.{self.name}"

    @property
    def total_unit(self) -> str:
        """Returns the unit of what invoices count."""
        return self.unit if self.total is None else self.total.unit


@dataclass(frozen=True, slots=True)
class Product:
    """A product with what may be recorded, and what no longer may."""

    name: str
    title: str
    description: str
    owner: str
    file: str
    metric_types: tuple[MetricType, ...]
    removed: tuple[MetricType, ...]
    identifier: str


@dataclass(frozen=True, slots=True)
class Catalog:
    version: str
    env_prefix: str
    topics: tuple[Topic, ...]
    store: Store
    billing: Billing
    log_levels: tuple[str, ...]
    default_log_level: str
    statuses: tuple[Status, ...]
    units: tuple[Unit, ...]
    teams: tuple[Team, ...]
    every_product: tuple[Product, ...]
    accepts_undeclared: bool

    @property
    def products(self) -> tuple[Product, ...]:
        """Returns the products with a metric type that may be recorded."""
        return tuple(product for product in self.every_product if product.metric_types)

    @property
    def metric_types(self) -> tuple[MetricType, ...]:
        """Returns what may be recorded."""
        return tuple(metric for product in self.products for metric in product.metric_types)

    @property
    def aliases(self) -> tuple[tuple[str, MetricType], ...]:
        """Returns the other names of what may be recorded."""
        return tuple((alias, metric) for metric in self.metric_types for alias in metric.aliases)

    @property
    def removed(self) -> tuple[MetricType, ...]:
        """Returns the metric types that only old events have."""
        return tuple(metric for product in self.every_product for metric in product.removed)

    def spelled(self, product: str, name: str) -> tuple[str, str]:
        """Returns what code says in place of the names of a product and its metric type."""
        found = next(each for each in self.every_product if each.name == product)
        metrics = (*found.metric_types, *found.removed)
        return next(metric.spelled for metric in metrics if metric.name == name)

    def nanoseconds(self, metric: MetricType) -> int | None:
        """Returns how many nanoseconds one unit of a metric type has; None if it is not of time."""
        seconds = next(unit.seconds for unit in self.units if unit.name == metric.unit)
        return None if seconds is None else int(Decimal(str(seconds)) * 1_000_000_000)

    def topic(self, role: str) -> Topic:
        return next(topic for topic in self.topics if topic.role == role)

    @property
    def default_status(self) -> Status:
        return next(status for status in self.statuses if status.default)

    @property
    def log_status(self) -> Status:
        return next(status for status in self.statuses if status.log)


# The files of included entries by section and name, below the folder of catalog.yaml.
Included = Mapping[tuple[str, str], str]


def read_catalog(data: Data, included: Included) -> Catalog:
    return Catalog(
        version=data["version"],
        env_prefix=data["env_prefix"],
        topics=tuple(
            Topic(
                role,
                t["name"],
                t["partitions"],
                t["retention"],
                t.get("key"),
                t.get("timestamps"),
            )
            for role, t in data["topics"].items()
        ),
        store=Store(
            data.get("store", {}).get("retention"), data.get("store", {}).get("ahead", "1h")
        ),
        billing=Billing(
            data.get("billing", {}).get("time_zone", "UTC"), data.get("billing", {}).get("currency")
        ),
        log_levels=tuple(data["log_levels"]),
        default_log_level=data["default_log_level"],
        statuses=tuple(
            Status(
                name, s["billable"], s.get("default", False), s.get("log", False), s["description"]
            )
            for name, s in data["statuses"].items()
        ),
        units=tuple(
            Unit(name, u["title"], u["dimension"], u.get("seconds"))
            for name, u in data["units"].items()
        ),
        teams=tuple(
            Team(name, t.get("contact"), t.get("code_owner"))
            for name, t in data.get("teams", {}).items()
        ),
        every_product=tuple(
            _product(name, p, included.get(("products", name), "catalog.yaml"))
            for name, p in data["products"].items()
        ),
        accepts_undeclared=data.get("undeclared") == "accept",
    )


def _product(name: str, data: Data, file: str) -> Product:
    metric_types = [
        _metric_type(name, data, metric, m) for metric, m in data["metric_types"].items()
    ]
    return Product(
        name=name,
        title=data["title"],
        description=data["description"],
        owner=data["owner"],
        file=file,
        metric_types=tuple(metric for metric in metric_types if metric.removed is None),
        removed=tuple(metric for metric in metric_types if metric.removed is not None),
        identifier=data.get("identifier", name),
    )


def _metric_type(product: str, of_product: Data, name: str, data: Data) -> MetricType:
    rule = data.get("quantity")
    total = data.get("total")
    deprecated = data.get("deprecated")
    removed = data.get("removed")
    title = data.get("title") or re.sub(r"[._-]", " ", name).capitalize()
    return MetricType(
        product=product,
        name=name,
        title=title,
        description=data.get("description", f"{title}."),
        unit=data["unit"],
        owner=data.get("owner", of_product["owner"]),
        aggregation=data.get("aggregation", "sum"),
        of=data.get("of"),
        series=data.get("series"),
        total=total and Total(total["unit"], total["seconds"]),
        quantity=rule
        and QuantityRule(rule.get("integer", False), rule.get("minimum"), rule.get("maximum")),
        metadata=_key_rules(data.get("metadata", {})),
        pii=tuple(data.get("metadata", {}).get("pii", {}).items()),
        fields=_key_rules(narrowed(of_product.get("fields", {}), data.get("fields", {}))),
        deprecated=deprecated
        and Deprecation(
            deprecated["since"], deprecated.get("replaced_by"), deprecated.get("remove_in")
        ),
        removed=removed and Removal(removed["in"], removed.get("replaced_by")),
        aliases=tuple(data.get("aliases", ())),
        session_timeout=data.get("session", {}).get("timeout"),
        spelled=(of_product.get("identifier", product), data.get("identifier", name)),
        annotations={**_annotations(of_product), **_annotations(data)},
    )


def _annotations(data: Data) -> dict[str, str]:
    """Returns the keys that begin with `x-`, which mean something to other systems alone."""
    texts = {True: "true", False: "false"}
    return {
        key: texts[value] if isinstance(value, bool) else str(value)
        for key, value in data.items()
        if key.startswith("x-")
    }


def narrowed(product: Data, metric_type: Data) -> Data:
    """Returns the constraints of a product and those of one of its metric types as one."""
    rules = {**product.get("properties", {})}
    for name, rule in metric_type.get("properties", {}).items():
        if name not in rules or "const" in rule or "enum" in rule:
            rules[name] = rule
    return {
        "properties": rules,
        "required": [*product.get("required", ()), *metric_type.get("required", ())],
    }


def _key_rules(data: Data) -> tuple[KeyRule, ...]:
    required = data.get("required", ())
    properties = data.get("properties", {})
    return tuple(
        KeyRule(
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
