"""The queries of the HTTP API: their parameters, also those that follow from an event's fields."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from codegen import text
from codegen.model import Event, Model, Parameter, Read

_FILTERED = frozenset({"string", "enum", "uuid", "list"})
_KINDS = {"integer": "integer", "boolean": "boolean", "time": "time", "bound": "bound"}


@dataclass(frozen=True, slots=True)
class Asked:
    """A parameter of a call, whose `kind` is what its value is.

    One of text, integer, boolean, time, bound (a date or a time), list (of texts) and keys (a
    mapping to lists).
    """

    name: str
    kind: str
    choices: tuple[str, ...]
    description: str


@dataclass(frozen=True, slots=True)
class Query:
    """What a call of the SDKs' UsageClient asks, by the name of the call."""

    call: str
    asked: tuple[Asked, ...]

    @property
    def name(self) -> str:
        """Returns `usage_query` for `usage`."""
        return f"{self.call}_query"


def calls(model: Model) -> Iterator[Query]:
    """Yields the query of each call of UsageClient that asks; none without an HTTP API."""
    for read in () if model.sdk.http is None else model.sdk.http.reads:
        if read.call is not None:
            yield Query(read.call, tuple(_asked(model.event, read)))


def of_fields(event: Event, read: Read) -> Iterator[Parameter]:
    """Yields the parameters of a read that filter by the account and by dimensions.

    A dimension with the name of another parameter has none.
    """
    table = event.table
    account = table.account if table is not None else ""
    if read.account:
        yield Parameter(account, "string", "Only these.", repeated=True)
    if read.filters:
        left_out = {account, "" if table is None else table.id, *(p.name for p in read.parameters)}
        for field in event.fields:
            if field.type in _FILTERED and field.name not in left_out:
                yield Parameter(field.name, "string", text.flow(field.description), repeated=True)


def of_metadata(event: Event, read: Read) -> Parameter | None:
    """Returns the parameter of a read that filters by keys of metadata, if it has one."""
    if not read.filters or "metadata" not in event.roles:
        return None
    name = event.roles["metadata"].name
    return Parameter(name, "string", f"Only events whose {name} has this.", repeated=True)


def _asked(event: Event, read: Read) -> Iterator[Asked]:
    for each in (*read.parameters, *of_fields(event, read)):
        kind = "list" if each.repeated else _KINDS.get(each.type, "text")
        yield Asked(each.name, kind, each.choices, each.description)
    if (metadata := of_metadata(event, read)) is not None:
        yield Asked(metadata.name, "keys", (), metadata.description)
