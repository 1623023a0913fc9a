"""The types of what callers pass. Nothing here is imported at run time."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, ClassVar, Protocol, TypeAlias
from uuid import UUID

from ._metric import Metric, RequiringMetric


class Dataclass(Protocol):
    """A dataclass, whose fields are metadata."""

    __dataclass_fields__: ClassVar[dict[str, Any]]


class Model(Protocol):
    """A pydantic model, whose fields are metadata."""

    __pydantic_fields_set__: set[str]


Id: TypeAlias = str | int | UUID
"""An id: a UUID is sent as its text, an integer as its decimal digits."""
AnyMetric: TypeAlias = Metric | RequiringMetric
"""A constant of `metrics`."""

Amount: TypeAlias = (
    tuple[AnyMetric, float | Decimal] | tuple[AnyMetric, float | Decimal, float | Decimal | None]
)
"""A metric, its quantity, and what it costs if that is known."""

MetadataLike: TypeAlias = Mapping[str, object] | Dataclass | Model
"""Metadata by key."""
