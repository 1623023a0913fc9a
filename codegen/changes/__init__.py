"""What changed since a release or another state of the catalog, and what that breaks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from codegen.changes import constraints, limits, meaning, names
from codegen.changes.differences import Difference, differences
from codegen.changes.pair import Break, Pair, Rule

__all__ = ["RULES", "Break", "Difference", "Pair", "Rule", "breaks", "differences"]

RULES: Mapping[str, Rule] = {
    "product-removed": Rule(
        "services that record it are rejected with product.unknown, and past months lose its title",
        names.product_removed,
    ),
    "metric-type-removed": Rule(
        "services that record it are rejected, and past months lose its title and unit",
        names.metric_type_removed,
    ),
    "removal-unannounced": Rule(
        "services that record it are rejected with metric_type.unknown, without a warning before",
        names.removal_unannounced,
    ),
    "removed-title-changed": Rule(
        "the invoices of old months show another title", names.removed_title_changed
    ),
    "alias-removed": Rule(
        "what comes from elsewhere under that name is rejected", names.alias_removed
    ),
    "identifier-changed": Rule(
        "code that names the constant no longer compiles", names.identifier_changed
    ),
    "name-reused": Rule(
        "events of old months count under a name that means something else",
        names.name_reused,
        never=True,
    ),
    "status-removed": Rule(
        "calls with it are rejected with status.unknown, and whether old events are billed is lost",
        names.status_removed,
    ),
    "unit-removed": Rule(
        "invoices of old months lose the name of what they count", names.unit_removed
    ),
    "field-removed": Rule(
        "calls that set it no longer compile, and readers of events miss it", names.field_removed
    ),
    "setting-removed": Rule("services that set it run with something else", names.setting_removed),
    "error-code-removed": Rule(
        "services that match on it no longer recognise the error", names.error_code_removed
    ),
    "log-level-removed": Rule("calls of log() with it are rejected", names.log_level_removed),
    "package-renamed": Rule(
        "services that install or import it no longer build", names.package_renamed
    ),
    "env-prefix-changed": Rule(
        "every variable that services set is ignored", names.env_prefix_changed
    ),
    "unit-changed": Rule(
        "invoices already sent change, and one total adds up two units",
        meaning.unit_changed,
        never=True,
    ),
    "aggregation-changed": Rule(
        "invoices already sent change", meaning.aggregation_changed, never=True
    ),
    "billability-changed": Rule(
        "the same work is charged, or not, depending on the SDK's version",
        meaning.billability_changed,
    ),
    "time-zone-changed": Rule(
        "every month of workspaces without a zone of their own begins elsewhere, so invoices "
        "already sent change",
        meaning.time_zone_changed,
    ),
    "currency-changed": Rule(
        "the costs of old months are read in the new currency, as none is converted",
        meaning.currency_changed,
    ),
    "default-changed": Rule(
        "calls that leave it out record something else, and are charged otherwise",
        meaning.default_changed,
    ),
    "undeclared-rejected": Rule(
        "calls that name them no longer compile, or are rejected", meaning.undeclared_rejected
    ),
    "topic-changed": Rule(
        "events of services that are not updated stay in a topic that nobody reads",
        meaning.topic_changed,
    ),
    "key-changed": Rule(
        "events move to other partitions, and lose their order", meaning.key_changed
    ),
    "partitions-lowered": Rule(
        "Kafka cannot remove partitions, so the topic has to be created again",
        meaning.partitions_lowered,
    ),
    "quantity-narrowed": Rule(
        "events that were accepted are rejected, and their usage is not charged",
        limits.quantity_narrowed,
    ),
    "values-narrowed": Rule(
        "events that were accepted are rejected, and their usage is not charged",
        constraints.values_narrowed,
    ),
    "key-required": Rule(
        "calls without it are rejected, and their usage is not charged", constraints.key_required
    ),
    "pii-weakened": Rule(
        "values about persons, or their hashes, reach the topic and the store, and stay there",
        constraints.pii_weakened,
    ),
    "limit-narrowed": Rule("values that were accepted are rejected", limits.limit_narrowed),
    "field-required": Rule(
        "calls without it are rejected, or do not compile", limits.field_required
    ),
    "field-constrained": Rule(
        "calls that were accepted are rejected, or do not compile", limits.field_constrained
    ),
    "field-changed": Rule(
        "stored events and those of older SDKs no longer match it", limits.field_changed
    ),
}


def breaks(pair: Pair) -> Iterator[tuple[str, Break]]:
    """Yields every breaking change with the name of its rule."""
    for code, rule in RULES.items():
        for found in rule.find(pair):
            yield code, found
