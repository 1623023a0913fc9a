"""Rules on the metrics and the alerts in sdk.yaml."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from codegen.diagnostics import listing, quote, suggestion
from codegen.model.metrics import BASE_UNITS, REFERENCE, SINK, metric_names
from codegen.rules.files import Files, Finding
from codegen.source import Route

_GROUPS = {"client": (), SINK: (SINK,)}
# The metrics of clients that are counted by call.
_COUNTED = ("events", "amounts")
_TIMES = ("ms", "milliseconds", "minutes", "hours", "kilobytes", "megabytes")
_ENDINGS = ("total", "count", "sum", "bucket", "info")


def metric_name(files: Files) -> Iterator[Finding]:
    """A metric's name has what is added to it, or a unit that is not a base unit."""
    for route, metric in _metrics(files):
        name, unit = str(route[-1]), metric.get("unit")
        last = name.rpartition("_")[2]
        if last in (*_ENDINGS, *BASE_UNITS):
            message = f"{quote(name)} must not end with {last}, which is added where it belongs"
            yield Finding("sdk", route, message, at_key=True)
        if unit in _TIMES:
            message = f"{unit} is not a base unit: choose {listing(list(BASE_UNITS), 'or')}"
            yield Finding("sdk", (*route, "unit"), message)


def metric_label(files: Files) -> Iterator[Finding]:
    """A metric has a label that is not described."""
    known = files.names("sdk", "metrics/labels")
    for group in _GROUPS:
        for route, label in files.each("sdk", f"metrics/{group}/*/labels/*", str):
            if label not in known:
                message = f"{quote(label)} is not a label: {suggestion(label, known)}"
                yield Finding("sdk", route, message)


def duplicate_metric(files: Files) -> Iterator[Finding]:
    """Two metrics have one name in Prometheus, or read the same counter."""
    names: dict[str, Route] = {}
    counters: dict[str, Route] = {}
    for route, metric in _metrics(files):
        name, _ = metric_names(str(route[-1]), str(metric.get("unit")), "", _GROUPS[str(route[1])])
        same = names.setdefault(name, route)
        if same != route:
            message = f"two metrics are named {name.lstrip('_')}: rename one"
            yield Finding("sdk", route, message, True, other=("the other is at", "sdk", same))
        counter = metric.get("stats")
        if isinstance(counter, str):
            same = counters.setdefault(counter, route)
            if same != route:
                message = f"two metrics read {counter}: remove one"
                at = (*route, "stats")
                yield Finding("sdk", at, message, other=("the other is at", "sdk", same))


def metric_source(files: Files) -> Iterator[Finding]:
    """A client's metric cannot be read, or one of the sink reads a client's counter."""
    for route, metric in _metrics(files):
        is_sink, counted = route[1] == SINK, str(route[-1]) in _COUNTED
        if is_sink and "stats" in metric:
            message = "stats is of clients; the sink counts by itself: remove it"
            yield Finding("sdk", (*route, "stats"), message)
        elif not is_sink and metric.get("type") == "summary":
            message = "a client has no summaries: choose counter or gauge"
            yield Finding("sdk", (*route, "type"), message)
        elif not is_sink and "stats" not in metric and not counted:
            message = f"add stats: only {listing(list(_COUNTED), 'and')} are counted by call"
            yield Finding("sdk", route, message, at_key=True)


def alert_metric(files: Files) -> Iterator[Finding]:
    """An alert's expression has no metric, or an unknown one."""
    for route, expr in files.each("sdk", "alerts/*/expr", str):
        found = REFERENCE.findall(expr)
        if not found:
            yield Finding("sdk", route, "no metric: expected one such as {sink.NAME}")
        for group, name in found:
            known = [str(at[-1]) for at, _ in _metrics(files) if at[1] == group]
            if name not in known:
                message = f"unknown metric {{{group}.{name}}}: {suggestion(name, known)}"
                yield Finding("sdk", route, message)


def _metrics(files: Files) -> Iterator[tuple[Route, dict[str, Any]]]:
    for group in _GROUPS:
        yield from files.each("sdk", f"metrics/{group}/*", dict)
