"""One call of `record()` as a value."""

from __future__ import annotations

from typing import Any

from ._fields import check_names
from ._generated.catalog import DEFAULT_STATUS
from ._generated.limits import QUANTITY_DEFAULT

_NAMES = (
    "workspace_id",
    "product",
    "metric_type",
    "quantity",
    "status",
    "unit_cost",
    "metadata",
    "event_id",
    "occurred_at",
)


class Usage:
    """One call of `record()` as a value, with the same arguments, for `record_many()`.

    Attributes:
        arguments: in the order of `record()`; the last has the fields that have no place of their
            own, by name.
    """

    __slots__ = ("arguments",)

    def __init__(
        self,
        workspace_id: Any,
        product: Any,
        metric_type: Any,
        quantity: Any = QUANTITY_DEFAULT,
        status: Any = DEFAULT_STATUS,
        unit_cost: Any = None,
        metadata: Any = None,
        *,
        event_id: Any = None,
        occurred_at: Any = None,
        **fields: Any,
    ) -> None:
        if fields:
            check_names(fields)
        self.arguments = (
            workspace_id,
            product,
            metric_type,
            quantity,
            status,
            unit_cost,
            metadata,
            event_id,
            occurred_at,
            fields,
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Usage) and self.arguments == other.arguments

    __hash__ = None  # type: ignore[assignment]  # its metadata may change

    def __repr__(self) -> str:
        *values, fields = self.arguments
        named = {**dict(zip(_NAMES, values, strict=True)), **fields}
        return f"Usage({', '.join(f'{name}={value!r}' for name, value in named.items())})"


def named_arguments(usage: Usage) -> dict[str, Any]:
    """Returns the arguments that are given, by name."""
    *values, fields = usage.arguments
    named = {**dict(zip(_NAMES, values, strict=True)), **fields}
    return {name: value for name, value in named.items() if value is not None}
