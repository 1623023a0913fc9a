"""What was read from Kafka and is not committed yet."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from operator import attrgetter
from typing import cast

from confluent_kafka import Message
from eka_usage import CATALOG_VERSION, METRIC_TYPES, STATUSES

from infra.sink import headers
from infra.sink._generated.fields import ACCEPTS_UNDECLARED, VOID_STATUS
from infra.sink.decode import Rejection, Row, decode
from infra.sink.gap import Gap
from infra.sink.skew import in_time

# The status of voids is the SDK's own: no call may pass it.
_STATUSES = {*STATUSES, VOID_STATUS}
_names = attrgetter("product", "metric_type", "is_billable")
_KNOWN = {(product, name) for product, names in METRIC_TYPES.items() for name in names}


@dataclass(frozen=True)
class Limits:
    """A batch is inserted as soon as it reaches one of these limits."""

    rows: int
    bytes: int
    seconds: float


@dataclass
class Batch:
    """Rows and gaps for the store, dead letters, and the offsets to commit once all are written.

    With `strict`, names that this catalog lacks make a dead letter.

    It is emptied step by step, so that a retry repeats only the step that failed.
    """

    limits: Limits
    strict: bool = False
    rows: list[tuple[Row, Message]] = field(default_factory=list)
    dead: list[tuple[Rejection, Message]] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    offsets: dict[int, int] = field(default_factory=dict)
    size: int = 0
    started: float = 0.0

    def add(self, message: Message) -> None:
        """Decodes a message; the messages of a partition must be added in their order."""
        if not self.offsets:
            self.started = time.monotonic()
        self.offsets[cast("int", message.partition())] = cast("int", message.offset()) + 1
        self.size += headers.size(message)
        decoded = decode(message.value())
        if isinstance(decoded, Row):
            decoded = in_time(decoded, message)
            if self.strict and isinstance(decoded, Row):
                decoded = _declared(decoded)
        if isinstance(decoded, Row):
            self.rows.append((decoded, message))
        else:
            self.dead.append((decoded, message))

    def add_gap(self, gap: Gap) -> None:
        """Adds messages that can no longer be read, before those that follow them."""
        if not self.offsets:
            self.started = time.monotonic()
        self.gaps.append(gap)
        self.offsets[gap.partition] = gap.last + 1

    @property
    def due(self) -> bool:
        """Whether one of the limits is reached."""
        return bool(self.offsets) and (
            len(self.rows) + len(self.dead) >= self.limits.rows
            or self.size >= self.limits.bytes
            or time.monotonic() - self.started >= self.limits.seconds
        )

    def unknown(self, rejected: Collection[int]) -> tuple[Counter[str], int]:
        """Counts the rows of names that this catalog lacks, without those `rejected`.

        First those of its metric types by name, then all of event types that no catalog has.
        """
        names = Counter(
            [_names(row) for index, (row, _) in enumerate(self.rows) if index not in rejected]
            if rejected
            else [_names(row) for row, _ in self.rows]
        )
        unknown, undeclared = Counter[str](), 0
        for (product, metric_type, is_billable), count in names.items():
            if _is_undeclared(product, metric_type, is_billable):
                undeclared += count
            elif (product, metric_type) not in _KNOWN:
                unknown[f"{product}/{metric_type}"] += count
        return unknown, undeclared


def _is_undeclared(product: str, metric_type: str, is_billable: int) -> bool:
    """Reports whether an event is one that metrics.undeclared() records, which are never billed."""
    known = (product, metric_type) in _KNOWN
    return ACCEPTS_UNDECLARED and not known and not is_billable


def _declared(row: Row) -> Row | Rejection:
    """Returns a row if this catalog has its names, or accepts an event without them."""
    known = (row.product, row.metric_type) in _KNOWN or _is_undeclared(*_names(row))
    if known and row.status in _STATUSES:
        return row
    names = f"{row.product}/{row.metric_type} with status {row.status}"
    return Rejection("undeclared", f"{names} is not in the sink's catalog {CATALOG_VERSION}")
