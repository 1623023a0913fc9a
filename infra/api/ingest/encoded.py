"""`POST /v1/events/encoded`: events as an SDK wrote them, a line of JSON each."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
from eka_usage import BILLABLE, METRIC_TYPES
from starlette.requests import Request
from starlette.responses import Response

from infra.api._generated.calls import (
    ACCEPTS_UNDECLARED,
    ACCOUNT,
    MAX_EVENTS,
    SERVICE,
)
from infra.api.errors import AnswerError, shown
from infra.api.keys.access import Access
from infra.api.keys.key import Key
from infra.api.relay import Relay
from infra.api.wire.answers import answer
from infra.api.wire.body import BodyLimits, read_body
from infra.api.work import Work
from infra.sink._generated.fields import VOID_STATUS
from infra.sink.decode import Rejection, Row, decode

_MEDIA_TYPE = "application/x-ndjson"
_Whose = msgspec.defstruct("_Whose", [(ACCOUNT, str), (SERVICE, str)])
_whose = msgspec.json.Decoder(_Whose).decode


@dataclass(frozen=True, slots=True)
class Encoded:
    """The endpoint; it answers once Kafka has the events."""

    access: Access
    relay: Relay
    limits: BodyLimits
    work: Work

    async def take(self, request: Request) -> Response:
        """Takes 1 to 500 lines, all or none, and writes them to Kafka byte for byte."""
        key = self.access.admit(request, "encoded")
        media_type = request.headers.get("content-type", _MEDIA_TYPE).partition(";")[0].strip()
        if media_type.lower() != _MEDIA_TYPE:
            raise AnswerError.of(
                "media_type.unsupported",
                parameter="content-type",
                given=shown(media_type),
                hint=_MEDIA_TYPE,
            )
        body = await read_body(request, self.limits)
        lines = body.removesuffix(b"\n").split(b"\n")
        if len(lines) > MAX_EVENTS:
            hint = f"it has {len(lines)} lines, and one request takes 1 to {MAX_EVENTS}"
            raise AnswerError.of("body.invalid", hint=hint)
        self.access.spend(key, len(lines))
        events = await self.work.do(
            len(body),
            lambda: [(_checked(line, index, key), line) for index, line in enumerate(lines)],
        )
        await self.relay.send(events)
        return answer(request, {"events": len(events)})


def _checked(line: bytes, index: int, key: Key) -> str:
    """Returns the workspace of an event, which is Kafka's key.

    Raises:
        AnswerError: the line is not an event, or not one that this key may send.
    """
    row = decode(line)
    if isinstance(row, Rejection):
        raise AnswerError.of("event.invalid", index=index, hint=str(row))
    if hint := _undeclared(row):
        raise AnswerError.of("event.invalid", index=index, hint=hint)
    event = _whose(line)
    workspace, service = getattr(event, ACCOUNT), getattr(event, SERVICE)
    if service != key.service:
        raise AnswerError.of(
            "origin.forbidden", index=index, given=shown(service), hint=shown(key.service)
        )
    if not key.allows(workspace):
        raise AnswerError.of("workspace.forbidden", index=index, given=shown(workspace))
    return str(workspace)


def _undeclared(row: Row) -> str:
    """Returns what the catalog says of an event's names; empty if they are its own."""
    is_known = row.metric_type in METRIC_TYPES.get(row.product, ())
    if not is_known and not (ACCEPTS_UNDECLARED and not row.is_billable):
        return f"the catalog has no {row.product}.{row.metric_type}"
    if VOID_STATUS and row.status == VOID_STATUS:
        return "" if not row.is_billable else "a void is not billable"
    billable = BILLABLE.get(row.status)
    if billable is None:
        return f"the catalog has no status {row.status}"
    if row.is_billable > billable:
        return f"status {row.status} is not billable"
    return ""
