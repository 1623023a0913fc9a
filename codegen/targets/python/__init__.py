"""Generates modules of the Python package: tables, typed calls, the event encoder and Struct."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from codegen import phrases, render
from codegen.model import Model
from codegen.render import File, Output
from codegen.targets.python import calls, catalog, fields, metrics, queries, self_metrics, settings
from codegen.targets.python.encoder import encoder
from codegen.targets.python.events import struct
from codegen.targets.python.formatting import formatted
from codegen.targets.python.literals import literal
from codegen.targets.python.requirements import required_types


def outputs(model: Model) -> Iterator[Output]:
    package = f"{model.sdk.packages['python'].path}/_generated"
    types = required_types(model)
    views: dict[str, Mapping[str, Any]] = {
        "__init__": {},
        "calls": {
            "overloads": list(calls.overloads(model, types)),
            "metric_calls": list(calls.metric_calls(model, types)),
            "types": list(types.values()),
            "fields": list(calls.options(model)),
            "arguments": [settings.setting(model, s) for s in model.sdk.settings if not s.required],
        },
        "catalog": catalog.tables(model),
        "encoder": {"encoder": encoder(model)},
        "fields": {
            "fields": [fields.row(field) for field in model.event.dimensions],
            "client": [fields.row(field) for field in model.event.client_dimensions],
            "per_call": list(fields.per_call(model)),
        },
        "errors": {"errors": [settings.error(model, error) for error in model.sdk.errors]},
        "limits": {"limits": list(fields.limits(model))},
        "self_metrics": self_metrics.table(model),
        "settings": {
            "names": list(phrases.names(model)),
            "settings": [settings.setting(model, setting) for setting in model.sdk.settings],
        },
        "spool": {
            "constants": [
                (c.name.upper(), literal(c.value), c.description) for c in model.sdk.spool.constants
            ],
            "final_errors": sorted(model.sdk.spool.final_errors.values()),
            "final_statuses": sorted(model.sdk.spool.final_statuses),
        },
    }
    if asked := list(queries.views(model)):
        views["queries"] = {"queries": asked}
    files = [
        render.file(f"{package}/{name}.py", f"python/{name}.py.j2", **values)
        for name, values in views.items()
    ]
    products = [metrics.namespace(model, product, types) for product in model.catalog.products]
    files += [
        render.file(
            f"{package}/{name}",
            f"python/{name}.j2",
            products=products,
            types=types.values(),
            accepts_undeclared=model.catalog.accepts_undeclared,
        )
        for name in ("metrics.py", "metrics.pyi")
    ]
    files.append(File(f"{package}/events.py", struct(model)))
    yield from formatted(files)
