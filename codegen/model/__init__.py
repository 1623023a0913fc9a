"""The model of the three files of schema/: frozen values without positions and I/O.

`Model.build` receives data that passed the JSON Schemas and the rules, so it never fails.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from codegen.model.catalog import (
    Catalog,
    Deprecation,
    Included,
    KeyRule,
    MetricType,
    Product,
    QuantityRule,
    Removal,
    Status,
    Team,
    Topic,
    Total,
    Unit,
    narrowed,
    read_catalog,
)
from codegen.model.data import LONGEST_DURATION, Data, milliseconds
from codegen.model.derived import completed
from codegen.model.event import (
    DEFAULT_CALLS,
    Batch,
    Event,
    Field,
    Session,
    Table,
    Void,
    is_dimension,
    read_event,
)
from codegen.model.metrics import Alert, Label, SelfMetric, SelfMetrics
from codegen.model.sdk import (
    UNPROCESSABLE,
    Endpoint,
    ErrorCode,
    Http,
    HttpError,
    Package,
    Parameter,
    Read,
    Sdk,
    Setting,
    Spool,
    SpoolConstant,
    read_sdk,
)

__all__ = [
    "DEFAULT_CALLS",
    "LONGEST_DURATION",
    "UNPROCESSABLE",
    "Alert",
    "Batch",
    "Catalog",
    "Data",
    "Deprecation",
    "Endpoint",
    "ErrorCode",
    "Event",
    "Field",
    "Http",
    "HttpError",
    "KeyRule",
    "Label",
    "MetricType",
    "Model",
    "Package",
    "Parameter",
    "Product",
    "QuantityRule",
    "Read",
    "Removal",
    "Sdk",
    "SelfMetric",
    "SelfMetrics",
    "Session",
    "Setting",
    "Spool",
    "SpoolConstant",
    "Status",
    "Table",
    "Team",
    "Topic",
    "Total",
    "Unit",
    "Void",
    "is_dimension",
    "milliseconds",
    "narrowed",
]


@dataclass(frozen=True)
class Model:
    catalog: Catalog
    event: Event
    sdk: Sdk

    @classmethod
    def build(
        cls, catalog: Data, event: Data, sdk: Data, *, included: Included | None = None
    ) -> Model:
        """Builds the model; `included` are the paths of what catalog.yaml includes."""
        fields = read_event(event)
        read = read_catalog(catalog, included or {})
        return cls(read, fields, completed(read_sdk(sdk), fields, read))

    @cached_property
    def catalog_version(self) -> str:
        """Returns the version with a digest of the catalog's meaning, descriptions left out."""
        catalog = self.catalog
        meaning = {
            "topics": {t.role: [t.name, t.partitions, t.key] for t in catalog.topics},
            "log_levels": [catalog.log_levels, catalog.default_log_level],
            "statuses": {s.name: [s.billable, s.default, s.log] for s in catalog.statuses},
            "metric_types": {
                f"{m.product}/{m.name}": [m.unit, m.aggregation, _meaning(m)]
                for m in catalog.metric_types
            },
            **({"undeclared": "accept"} if catalog.accepts_undeclared else {}),
        }
        text = json.dumps(meaning, sort_keys=True, separators=(",", ":"))
        return f"{catalog.version}+{hashlib.sha256(text.encode()).hexdigest()[:8]}"

    @property
    def every_status(self) -> tuple[Status, ...]:
        """Returns the statuses of events, that of void() included, which no other call sets."""
        void = self.event.void
        if void is None:
            return self.catalog.statuses
        own = Status(
            void.status, billable=False, default=False, log=False, description=void.description
        )
        return (*self.catalog.statuses, own)

    def field_rules(self, metric: MetricType) -> tuple[KeyRule, ...]:
        """Returns the constraints of a metric type on fields, in the order of the event.

        What a required field needs beside it is required as well.
        """
        if not metric.fields:
            return ()
        rules = {rule.name: rule for rule in metric.fields}
        wanted = [rule.name for rule in metric.fields if rule.required]
        for name in wanted:
            field = self.event.field(name)
            if not field.when_not_zero:
                wanted += [other for other in field.dependent_required if other not in wanted]
        return tuple(
            replace(rules.get(field.name, KeyRule(field.name, True, None, None)), required=required)
            for field in self.event.dimensions
            if (required := field.name in wanted) or field.name in rules
        )

    def variable(self, setting: Setting) -> str:
        """Returns the environment variable of a setting."""
        return self.catalog.env_prefix + setting.name.upper()


def _meaning(metric: MetricType) -> list[Any]:
    rule = metric.quantity
    session = () if metric.session_timeout is None else (metric.session_timeout,)
    return [
        None if rule is None else [rule.integer, rule.minimum, rule.maximum],
        [[k.name, k.required, k.type, k.allowed] for k in metric.metadata],
        *session,
        *([[[k.name, k.required, k.allowed] for k in metric.fields]] if metric.fields else []),
        *([dict(metric.pii)] if metric.pii else []),
        *([["of", metric.of]] if metric.of else []),
        *(
            [["series", metric.series, metric.total.unit, metric.total.seconds]]
            if metric.total
            else []
        ),
    ]
