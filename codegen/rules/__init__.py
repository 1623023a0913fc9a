"""Rules that JSON Schema cannot express: one function per rule, in one table.

A rule reads the raw data instead of the model, so that it also covers a file whose other parts are
invalid: all problems appear at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from codegen.diagnostics import Diagnostic
from codegen.rules import (
    aggregations,
    calls,
    catalog,
    constraints,
    deprecations,
    dimensions,
    event,
    metrics,
    names,
    references,
    removals,
    sdk,
    table,
)
from codegen.rules.files import Files, Finding, Unsound
from codegen.source import Source

RULES: Mapping[str, Callable[[Files], Iterator[Finding]]] = {
    "name-length": names.name_length,
    "reserved-word": names.reserved_word,
    "identifier-collision": names.identifier_collision,
    "duplicate-event-type": references.duplicate_event_type,
    "unknown-owner": references.unknown_owner,
    "unknown-unit": catalog.unknown_unit,
    "unused-unit": catalog.unused_unit,
    "default-status": catalog.default_status,
    "log-status": catalog.log_status,
    "default-log-level": catalog.default_log_level,
    "topic-key": catalog.topic_key,
    "duplicate-topic": catalog.duplicate_topic,
    "duration": catalog.duration,
    "unknown-time-zone": catalog.unknown_time_zone,
    "empty-product": catalog.empty_product,
    "undeclared-name": catalog.undeclared_name,
    "quantity-limits": catalog.quantity_limits,
    "aggregation-key": aggregations.aggregation_key,
    "aggregation-value": aggregations.aggregation_value,
    "aggregation-unit": aggregations.aggregation_unit,
    "metadata-value": constraints.metadata_value,
    "pii-value": constraints.pii_value,
    "constrained-field": constraints.constrained_field,
    "field-value": constraints.field_value,
    "field-conflict": constraints.field_conflict,
    "missing-replacement": deprecations.missing_replacement,
    "unknown-replacement": deprecations.unknown_replacement,
    "replacement-cycle": deprecations.replacement_cycle,
    "version-order": deprecations.version_order,
    "removal-due": removals.removal_due,
    "removal-version": removals.removal_version,
    "replacement-removed": removals.replacement_removed,
    "replacement-unit": removals.replacement_unit,
    "nothing-recorded": removals.nothing_recorded,
    "call-field": event.call_field,
    "call-order": event.call_order,
    "catalog-field": event.catalog_field,
    "field-role": event.field_role,
    "field-limits": event.field_limits,
    "field-default": event.field_default,
    "field-error": event.field_error,
    "per-call": event.per_call,
    "log-keys": event.log_keys,
    "dimension-shape": dimensions.dimension_shape,
    "dimension-order": dimensions.dimension_order,
    "dimension-relation": dimensions.dimension_relation,
    "dimension-code": dimensions.dimension_code,
    "void-call": calls.void_call,
    "session-call": calls.session_call,
    "session-unit": calls.session_unit,
    "unit-seconds": calls.unit_seconds,
    "table-field": table.table_field,
    "table-column": table.table_column,
    "error-field": sdk.error_field,
    "error-text": sdk.error_text,
    "http-code": sdk.http_code,
    "setting-limits": sdk.setting_limits,
    "setting-default": sdk.setting_default,
    "duplicate-argument": sdk.duplicate_argument,
    "duplicate-property": sdk.duplicate_property,
    "duplicate-path": sdk.duplicate_path,
    "metric-name": metrics.metric_name,
    "metric-label": metrics.metric_label,
    "duplicate-metric": metrics.duplicate_metric,
    "metric-source": metrics.metric_source,
    "alert-metric": metrics.alert_metric,
}


def check(sources: Mapping[str, Source]) -> Iterator[Diagnostic]:
    """Runs every rule on the readable files."""
    files = Files(sources)
    for code, rule in RULES.items():
        try:
            for finding in rule(files):
                yield files.diagnostic(code, finding)
        except Unsound:
            continue
