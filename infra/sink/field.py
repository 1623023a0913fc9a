"""One field of an event, as the sink decodes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "string", "number", "integer", "flag", "boolean", "json", "timestamp", "uuid", "enum", "list"
]


@dataclass(frozen=True, slots=True)
class Field:
    """A field and its column in ClickHouse; None is the absence of a limit.

    Lengths are in characters, of a list's items too; `max_bytes` limits JSON as UTF-8; a `pattern`
    is one of names. An event may lack a field that is not `required`, as it was not given or the
    event is older: it gets the column's default. An enum has one of its `values`. Events that have
    another value than those `billed`, if there are any, are not billed.
    """

    name: str
    kind: Kind
    column: str
    nullable: bool = False
    required: bool = True
    min_length: int | None = None
    max_length: int | None = None
    minimum: int | float | None = None
    maximum: int | float | None = None
    max_bytes: int | None = None
    pattern: str | None = None
    min_items: int | None = None
    max_items: int | None = None
    values: tuple[str, ...] = ()
    billed: tuple[str, ...] = ()
