"""One field of an event, as the sink decodes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["string", "number", "integer", "flag", "json", "timestamp"]


@dataclass(frozen=True, slots=True)
class Field:
    """A field and its column in ClickHouse; None is the absence of a limit.

    Lengths are in characters; `max_bytes` limits JSON as UTF-8; a `pattern` is one of names. A
    field that is not `required` is newer than the oldest events, which lack it: they get the
    column's default.
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
