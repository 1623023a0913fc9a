"""Kafka's REST Proxy v2 and the look-up of accounts, as clients of meter-lib use them."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from typing import Any

from eka_usage import USAGE_TOPIC, EkaError, Usage, find_event_type
from starlette.requests import Request
from starlette.responses import Response

from infra.api._generated.calls import (
    ACCOUNT,
    MAX_EVENTS,
    METADATA,
    METRIC_TYPE,
    PRODUCT,
    QUANTITY,
    SERVICE,
    TIME,
)
from infra.api.errors import AnswerError, invalid_option, shown
from infra.api.ingest.call import event_type_names, text_number, to_usage
from infra.api.keys.access import Access
from infra.api.keys.capability import Capabilities
from infra.api.keys.key import Key
from infra.api.recorder import Boundary, Recorder, invalid_events
from infra.api.wire.answers import answer, log_refused
from infra.api.wire.body import BodyLimits, read_body
from infra.api.wire.json_text import parse_list
from infra.api.work import Work

# What meter-lib writes to, and what the catalog calls it.
_TOPICS = ("usage-events", USAGE_TOPIC)
_MEDIA_TYPE = "application/vnd.kafka.v2+json"
_SESSION = "session_id"
_NAMES = frozenset(
    {
        *("meter_id", "customer_id", "metadata", "total_usage", "event_time"),
        *("ai_event", "start_time", "end_time"),
    }
)


@dataclass(frozen=True, slots=True)
class RestProxy:
    """The two endpoints."""

    access: Access
    capabilities: Capabilities
    recorder: Recorder
    limits: BodyLimits
    work: Work

    async def find_account(self, request: Request) -> Response:
        """Answers the id of a tenant's account, which the client sends with its usage."""
        key = self.access.admit(request, "write")
        tenant = request.path_params["tenant"]
        if not key.allows(tenant) or request.headers.get("x-tenant-id", tenant) != tenant:
            raise AnswerError.of("path.unknown", hint=f"the key has no tenant {shown(tenant)}")
        account = {"id": self.capabilities.issue(key, tenant), "tenant_id": tenant}
        return answer(request, account)

    async def produce(self, request: Request) -> Response:
        """Takes records, all or none, with errors as Kafka's REST Proxy words them."""
        try:
            count = await self._produce(request)
        except AnswerError as error:
            log_refused(request, error)
            document = {"error_code": error.status * 100 + 1, "message": str(error)}
            return _answer(document, error.status, error.headers)
        # Where the event will be in Kafka is not known yet.
        offset = {"partition": 0, "offset": -1, "error_code": None, "error": None}
        document = {"offsets": [offset] * count, "key_schema_id": None, "value_schema_id": None}
        return _answer(document, 200, {})

    async def _produce(self, request: Request) -> int:
        if request.path_params["topic"] not in _TOPICS:
            raise AnswerError.of("path.unknown", hint=f"the topic is {_TOPICS[0]}")
        body = await read_body(request, self.limits)
        return await self.work.do(len(body), lambda: self._take(request, body))

    def _take(self, request: Request, body: bytes) -> int:
        records = parse_list(body, "records", MAX_EVENTS)
        if records is None or not 1 <= len(records) <= MAX_EVENTS:
            hint = f"expected `records`, an array of 1 to {MAX_EVENTS}"
            raise AnswerError.of("body.invalid", hint=hint)
        events: list[Usage] = []
        for index, record in enumerate(records):
            try:
                key, workspace, value = self._opened(request, record)
                made = self._events(key, workspace, value)
            except EkaError as error:
                raise AnswerError.rejected(error, index) from None
            for event in made:
                if invalid := self.recorder.check({index: event}, 1):
                    raise invalid_events(invalid)
            events += made
        # These clients never retry, so they may use all of the disk space.
        self.recorder.record(events, None, retries=False)
        return len(records)

    def _events(self, key: Key, workspace: str, value: dict[str, Any]) -> list[Usage]:
        if value.get("ai_event"):
            return list(map(self.recorder.boundary, _boundaries(key, workspace, value)))
        return [_amount(key, workspace, value)]

    def _opened(self, request: Request, record: Any) -> tuple[Key, str, dict[str, Any]]:
        """Returns the key and the workspace of a record, and its value."""
        value = record.get("value") if isinstance(record, dict) else None
        if not isinstance(value, dict):
            raise invalid_option("record", record, "expected an object with a value")
        if unknown := value.keys() - _NAMES:
            name = min(unknown)
            raise invalid_option("argument", name, "no such argument of a meter")
        key, workspace = self.capabilities.open(value.get("customer_id"))
        request.state.key = key
        self.access.spend(key, 1)
        return key, workspace, value


def _amount(key: Key, workspace: str, value: dict[str, Any]) -> Usage:
    product, metric_type = event_type_names(value.get("meter_id"))
    arguments = {
        ACCOUNT: workspace,
        SERVICE: key.service,
        PRODUCT: product,
        METRIC_TYPE: metric_type,
        QUANTITY: text_number(value.get("total_usage")),
        METADATA: value.get("metadata") or None,
    }
    if value.get("event_time") is not None:
        arguments[TIME] = value["event_time"]
    return to_usage(arguments, key)


def _boundaries(key: Key, workspace: str, value: dict[str, Any]) -> list[Boundary]:
    """Returns the start or the end that a record is, or both of one session."""
    metadata = value.get("metadata") or {}
    session = metadata.get(_SESSION) if isinstance(metadata, dict) else None
    given = [
        (kind, value[name])
        for kind, name in (("start", "start_time"), ("end", "end_time"))
        if value.get(name) is not None
    ]
    if not given:
        raise invalid_option("ai_event", value.get("ai_event"), "expected start_time or end_time")
    if len(given) > 1 and session is None:
        session = uuid.uuid4().hex
    name = value.get("meter_id")
    event_type_names(name)
    return [
        Boundary(
            kind,
            workspace,
            find_event_type(str(name)),
            session,
            at,
            metadata or None,
            {SERVICE: key.service},
        )
        for kind, at in given
    ]


def _answer(document: dict[str, Any], status: int, headers: dict[str, str]) -> Response:
    return Response(json.dumps(document), status, headers, media_type=_MEDIA_TYPE)
