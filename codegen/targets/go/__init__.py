"""Generates the files of the Go package and of its internal packages."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from typing import Any

from codegen import naming
from codegen.model import Model
from codegen.render import File, Output, file
from codegen.targets.go import (
    catalog,
    constants,
    fields,
    literals,
    queries,
    self_metrics,
    settings,
    usages,
)
from codegen.targets.go.encoder import encoder
from codegen.targets.go.event import member


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

    products = catalog.products(model)
    by_client, by_calls, optional = (
        [fields.option(field, package.module) for field in chosen]
        for chosen in (
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
    asked = list(queries.views(model))
    if asked:
        yield source("queries", queries=asked, times=any(query.has_times for query in asked))
    partitions = next(t.partitions for t in model.catalog.topics if t.role == "usage")
    yield source("fields_test", client=by_client, fields=optional, partitions=partitions, **imports)
    yield fields.members(posixpath.join(package.path, "options.go"), optional)
    yield source(
        "fields",
        internal="encode",
        fields=by_calls,
        rows=[fields.row(field) for field in model.event.dimensions],
        client_rows=[fields.row(field) for field in model.event.client_dimensions],
        largest=fields.largest(model),
    )
    yield source("constants", constants=list(constants.constants(model)))
    yield source(
        "metrics",
        products=products,
        module=module,
        accepts_undeclared=model.catalog.accepts_undeclared,
    )
    constructors = usages.constructors(model)
    yield source(
        "usages",
        constructors=constructors,
        times=any("time.Time" in one.parameters for one in constructors),
    )
    yield source(
        "settings",
        indexes=[naming.go_unexported(f"setting_{s.name}") for s in model.sdk.settings],
        rows=[settings.setting(model, setting) for setting in model.sdk.settings],
        names=list(constants.names(model)),
    )
    yield source(
        "errors",
        codes=[settings.code(error) for error in model.sdk.errors],
        rows=[settings.error(model, error) for error in model.sdk.errors],
    )
    yield source(
        "event",
        comment=literals.comment(f"{model.event.name}: {model.event.description}"),
        type=model.event.name,
        fields=[member(field) for field in model.event.fields],
        numbers=any(field.type == "number" for field in model.event.fields),
    )
    yield source(
        "catalog",
        internal="encode",
        products=products,
        is_switch=len(model.catalog.metric_types) <= catalog.LONGEST_SWITCH,
        aliases=literals.lines(catalog.aliases(model)),
        removed=literals.lines(catalog.removed(model)),
        **catalog.statuses(model),
    )
    yield source("limits", "constants", internal="encode", constants=list(constants.limits(model)))
    yield source(
        "codes", "constants", internal="encode", constants=list(constants.rejection_codes(model))
    )
    yield source("encoder", internal="encode", encoder=encoder(model))
    yield source(
        "spool",
        internal="spool",
        constants=[*constants.names(model), *constants.spool(model)],
        final_errors=sorted(model.sdk.spool.final_errors.values()),
        final_statuses=sorted(model.sdk.spool.final_statuses),
    )
    yield source("self_metrics", internal="selfmetrics", **self_metrics.table(model))
