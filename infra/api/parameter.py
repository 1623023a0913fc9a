"""What the generated table of queries is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a query.

    Attributes:
        type: a bound is a date or a time, and a zone the name of a time zone.
        repeated: whether it may have several values.
        default: as it would be given.
        choices: all values that it can have, if there are only some.
        minimum: of an integer.
        maximum: of an integer.
    """

    type: Literal["string", "integer", "boolean", "time", "bound", "month", "zone"]
    repeated: bool = False
    default: str | int | None = None
    choices: tuple[str, ...] = ()
    minimum: int | None = None
    maximum: int | None = None


@dataclass(frozen=True, slots=True)
class Read:
    """What GET answers for a path.

    Attributes:
        account: whether accounts can be named.
        filters: whether each dimension and each key of metadata is a parameter.
        formats: of the answer, the default first.
        parameters: the others, by their names.
    """

    account: bool
    filters: bool
    formats: tuple[str, ...]
    parameters: Mapping[str, Parameter]
