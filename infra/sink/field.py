"""One field of an event, as a reader sees it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["string", "number", "integer", "flag", "json", "timestamp"]


@dataclass(frozen=True, slots=True)
class Field:
    """A field and its column in ClickHouse; a limit that it does not have is None.

    Lengths are in characters, `max_bytes` is of the JSON as UTF-8. What is not `required` came with
    a later version: older events lack it, and the column's default stands for it.
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
