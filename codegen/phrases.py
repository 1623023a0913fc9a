"""Texts and constants that several targets share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from codegen.model import Event, Field, MetricType, Model, Setting, milliseconds
from codegen.schema import schema

# Limits of event.yaml that are durations; the rest are plain numbers and texts.
DURATIONS = frozenset({"ahead", "behind"})


@dataclass(frozen=True, slots=True)
class Constant:
    """A constant of the SDKs: its name in snake case, a noun phrase about it, its value."""

    name: str
    about: str
    value: str | int

    @property
    def description(self) -> str:
        """Returns the phrase as a sentence."""
        return f"{self.about[0].upper()}{self.about[1:]}."


def names(model: Model) -> Iterator[Constant]:
    """Yields the names that the hand-written code of every language reads."""
    about = "the client's name to Kafka, which the directory of a spool and threads have too"
    yield Constant("client_name", about, model.sdk.client_name)
    about = "what the environment variables of the settings begin with"
    yield Constant("env_prefix", about, model.catalog.env_prefix)


def constants(model: Model) -> Iterator[Constant]:
    """Yields the constants that hand-written code of Go and TypeScript reads."""
    catalog, event = model.catalog, model.event
    yield Constant("sdk_version", "the version of this package", catalog.version)
    about = "the version of the catalog, with a digest of its meaning"
    yield Constant("catalog_version", about, model.catalog_version)
    for topic in catalog.topics:
        name = f"{topic.role}_topic"
        yield Constant(name, f"a Kafka topic of {topic.partitions} partitions", topic.name)
        yield Constant(f"{name}_partitions", "the number of its partitions", topic.partitions)
    default = catalog.default_status.name
    yield Constant("default_status", "the status of events without one", default)
    yield Constant("log_status", "the status of logged events", catalog.log_status.name)
    default = catalog.default_log_level
    yield Constant("default_log_level", "the level of logged events without one", default)
    about = "the metadata key of a logged event's"
    yield Constant("log_level_key", f"{about} level", event.log_level_key)
    yield Constant("log_message_key", f"{about} message", event.log_message_key)
    about = "how many characters of the message are kept when metadata is truncated"
    yield Constant("log_message_kept", about, event.log_message_kept)
    yield from of_other_calls(event)


def of_other_calls(event: Event) -> Iterator[Constant]:
    """Yields the constants of the calls beside record(); their names are empty without them."""
    void, session, batch = event.void, event.session, event.batch
    about = "the field of the event that void() takes back"
    yield Constant("void_field", about, void.field if void else "")
    about = "the status of events that void() records"
    yield Constant("void_status", about, void.status if void else "")
    about = "the metadata key of a void's reason"
    yield Constant("void_reason_key", about, void.reason_key if void else "")
    about = "how many characters of a void's reason are kept"
    yield Constant("void_reason_kept", about, void.reason_kept if void else 0)
    about = "the field of a session's id"
    yield Constant("session_field", about, session.field if session else "")
    about = "the field of a session's start, beat or end"
    yield Constant("session_boundary_field", about, session.boundary if session else "")
    pattern, longest = name_pattern()
    about = "the pattern of the names in an event type that the catalog lacks"
    yield Constant("undeclared_name_pattern", about, pattern)
    about = "how many characters such a name may have"
    yield Constant("undeclared_name_max_length", about, longest)
    yield Constant("batch_max_events", "how many events one call may record", batch.max_events)
    about = "how many bytes the events of one call may have as sent"
    yield Constant("batch_max_bytes", about, batch.max_bytes)
    total = event.table.total if event.table else None
    is_given = any(field.name == total for field in event.dimensions_of("record"))
    about = "the field of what an amount of record_amounts() cost"
    yield Constant("batch_cost_field", about, total if total and is_given else "")


def name_pattern() -> tuple[str, int]:
    """Returns the pattern of the names in a catalog, without a look-ahead, and their longest."""
    whole = schema("catalog")["$defs"]["name"]["pattern"]
    longest, _, pattern = whole.removeprefix("^(?=.{1,").partition("}$)")
    return f"^{pattern}", int(longest)


def deprecation(metric: MetricType, spell: Callable[[str, str], str]) -> str:
    """Returns since when, what to use instead and until when; empty if not deprecated.

    `spell` turns a product and a metric type into what the reader would write.
    """
    deprecated = metric.deprecated
    if deprecated is None:
        return ""
    parts = [f"since {deprecated.since}"]
    if deprecated.replaced_by:
        *product, name = deprecated.replaced_by.split("/")
        parts.append(f"use {spell(product[0] if product else metric.product, name)} instead")
    if deprecated.remove_in:
        parts.append(f"removed in {deprecated.remove_in}")
    return "; ".join(parts) + "."


def removal(metric: MetricType) -> str:
    """Returns when a metric type was removed, and what to record instead; in every SDK's errors."""
    removed = metric.removed
    if removed is None:
        return ""
    replacement = removed.replaced_by
    if replacement is None:
        return f"removed in {removed.version}"
    if "/" not in replacement:
        replacement = f"{metric.product}/{replacement}"
    return f"removed in {removed.version}, use {replacement} instead"


def limits(field: Field) -> Mapping[str, int | float | str]:
    """Returns the limits of a field; a duration appears twice, as text and in milliseconds."""
    named: dict[str, int | float | str] = {}
    for name, value in field.limits.items():
        named[name] = value
        if name in DURATIONS:
            named[f"{name}_ms"] = milliseconds(value)
    return named


def default_text(setting: Setting, language: str) -> str | None:
    """Returns a default as written in the environment, or None if there is none."""
    default = setting.default_in(language)
    if default is None:
        return None
    if isinstance(default, bool):
        return "true" if default else "false"
    return str(default)
