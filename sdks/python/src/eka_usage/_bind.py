"""A client with defaults: what its calls have in common, such as the workspace of a request."""

# ruff: noqa: SLF001  a bound client is a part of its client

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from ._batch import Call, Rejection
from ._batch_encoder import BatchEncoder
from ._fields import PER_CALL, check_names
from ._generated.catalog import DEFAULT_STATUS, VOID_STATUS
from ._generated.limits import QUANTITY_DEFAULT
from ._instance import Instance
from ._ledger import Stats
from ._metadata import merged_metadata
from ._outcomes import Outcomes
from ._recording import called
from ._sessions import SessionRecording

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ._client import EkaClient
    from ._generated.calls import EventFields, Log, Record, RecordMetric
    from ._values import Id, MetadataLike


class Defaults(NamedTuple):
    """What a call has unless it is given itself.

    Attributes:
        workspace_id: in place of None.
        metadata: below that of the call, which wins key by key.
        fields: all others, by name.
    """

    workspace_id: Any
    metadata: Any
    fields: Mapping[str, Any]

    def under(self, given: Defaults) -> Defaults:
        """Returns these with others on top."""
        return Defaults(
            self.workspace_of(given.workspace_id),
            self.metadata_of(given.metadata),
            self.fields_of(given.fields),
        )

    def workspace_of(self, given: Any) -> Any:
        """Returns the workspace of a call."""
        return self.workspace_id if given is None else given

    def metadata_of(self, given: Any) -> Any:
        """Returns the metadata of a call."""
        return given if self.metadata is None else merged_metadata(self.metadata, given)

    def fields_of(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Returns the fields of a call."""
        own = {name: value for name, value in given.items() if value is not None}
        return {**self.fields, **own}

    def call_of(self, call: Call) -> Call:
        """Returns the arguments of a call; a void has no fields but those of the client."""
        workspace_id, *between, metadata, event_id, occurred_at, fields = call
        if call[4] == VOID_STATUS:
            own = {name: value for name, value in self.fields.items() if name in PER_CALL}
            fields = {**own, **fields}
        else:
            metadata, fields = self.metadata_of(metadata), self.fields_of(fields)
        start = self.workspace_of(workspace_id)
        return (start, *between, metadata, event_id, occurred_at, fields)


class BoundClient(SessionRecording):
    """A client whose calls have defaults, made by `EkaClient.bind()`.

    It takes no time to make, and shares everything else with that client: its queue, its spool, its
    counters and its end. Its calls take None as the workspace id, for the one that is bound.
    """

    def __init__(self, client: EkaClient, defaults: Defaults) -> None:
        self._client = client
        self._defaults = defaults
        self._monotonic = client._monotonic

    def bind(
        self,
        workspace_id: Id | None = None,
        *,
        metadata: MetadataLike | None = None,
        **fields: Unpack[EventFields],
    ) -> BoundClient:
        """Returns a client with further defaults, which win; see `EkaClient.bind()`."""
        check_names(fields)
        given = Defaults(workspace_id, metadata, dict(fields))
        return BoundClient(self._client, self._defaults.under(given))

    def _record(
        self,
        workspace_id: Any,
        product: str,
        metric_type: str,
        quantity: float | Decimal = QUANTITY_DEFAULT,
        status: str = DEFAULT_STATUS,
        unit_cost: float | Decimal | None = None,
        metadata: MetadataLike | None = None,
        *,
        event_id: Id | None = None,
        occurred_at: datetime | str | int | None = None,
        **fields: Unpack[EventFields],
    ) -> str | None:
        """Records one usage event with the defaults; see `EkaClient.record()`."""
        bound = self._defaults
        return self._client._record(
            bound.workspace_of(workspace_id),
            product,
            metric_type,
            quantity,
            status,
            unit_cost,
            bound.metadata_of(metadata),
            event_id=event_id,
            occurred_at=occurred_at,
            **cast("EventFields", bound.fields_of(fields)),
        )

    record = cast("Record[Id | None]", called("record", _record))
    record_metric = cast("RecordMetric[Id | None]", SessionRecording.record_metric)
    log = cast("Log[Id | None]", SessionRecording.log)

    def flush(self, timeout: float | None = None) -> int:
        """Flushes the client; see `EkaClient.flush()`."""
        return self._client.flush(timeout)

    def stats(self) -> Stats:
        """Returns the counters of the client, those of this one among them."""
        return self._client.stats()

    def shutdown(self, timeout: float | None = None) -> int:
        """Shuts the client down, and all that are bound to it; see `EkaClient.shutdown()`."""
        return self._client.shutdown(timeout)

    def _accept(
        self,
        calls: Sequence[Call],
        fault: Rejection | None = None,
        encoder_of: Callable[[BatchEncoder], BatchEncoder] = lambda encoder: encoder,
    ) -> list[str] | Rejection:
        bound = [self._defaults.call_of(call) for call in calls]
        return self._client._accept(bound, fault, encoder_of)

    def _current(self) -> Instance:
        return self._client._current()

    def _workspace_of(self, given: Any) -> Any:
        return self._defaults.workspace_of(given)

    @property
    def _outcomes(self) -> Outcomes:  # type: ignore[override]
        return self._current().outcomes
