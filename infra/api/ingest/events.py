"""`POST /v1/events`: one event or several, as calls of `record()`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from eka_usage import EkaError, Usage, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from infra.api._generated.calls import ID, MAX_EVENTS
from infra.api.delivery import Delivery
from infra.api.errors import AnswerError, invalid_option, shown
from infra.api.ingest import cloudevents
from infra.api.ingest.call import own_id, read_call, with_place
from infra.api.keys.access import Access
from infra.api.keys.key import Key
from infra.api.recorder import Recorder, details, invalid_events
from infra.api.wire.answers import answer
from infra.api.wire.body import BodyLimits, read_body
from infra.api.wire.headers import header
from infra.api.wire.json_text import parse_json, parse_list
from infra.api.work import Work

_OK, _ACCEPTED, _NO_CONTENT = 200, 202, 204
_DISK, _KAFKA = "disk", "kafka"
_JSON = "application/json"
# Of a batch that is refused, as looking at each costs more than accepting it.
_MOST_DETAILS = 50
_EVENTS = "events"

Read = Callable[[Any, Key], Usage]


@dataclass(frozen=True, slots=True)
class Ingest:
    """The endpoints that take events."""

    access: Access
    recorder: Recorder
    delivery: Delivery
    limits: BodyLimits
    work: Work

    async def take(self, request: Request) -> Response:
        """Takes events, all or none, or with `partial=true` those that are valid.

        With `wait=kafka` the answer is 200 once Kafka has them, or 202 as without, which says that
        they are on disk.
        """
        options = _options(request)
        ids, invalid, is_one = await self._take(request, is_partial=options.is_partial)
        document: dict[str, Any] = {"ids": ids}
        status = _ACCEPTED
        if options.waits:
            is_complete = await self.delivery.is_complete()
            document["stored"] = _KAFKA if is_complete else _DISK
            status = _OK if is_complete else _ACCEPTED
        if is_one and ids:
            document["id"] = ids[0]
        if invalid:
            document["rejected"] = details(invalid)
        return answer(request, document, status)

    async def take_cloudevents(self, request: Request) -> Response:
        """Takes CloudEvents as OpenMeter does, whose clients expect no content."""
        await self._take(request, is_partial=_options(request).is_partial)
        return Response(status_code=_NO_CONTENT)

    async def _take(self, request: Request, *, is_partial: bool) -> _Taken:
        key = self.access.admit(request, "write")
        body = await read_body(request, self.limits)
        return await self.work.do(
            len(body), lambda: self._take_body(request, key, body, is_partial)
        )

    def _take_body(self, request: Request, key: Key, body: bytes, is_partial: bool) -> _Taken:
        read, is_one, events = _reader(request, body)
        if not 1 <= len(events) <= MAX_EVENTS:
            hint = f"expected 1 to {MAX_EVENTS}, got {'more' if events else 'none'}"
            raise AnswerError.rejected(
                ValidationError.of("batch.invalid", parameter=_EVENTS, hint=hint)
            )
        self.access.spend(key, len(events))
        if len(events) == 1:
            return _Taken([self._take_one(events[0], read, key)], {}, is_one)
        return self._take_several(events, read, key, is_partial=is_partial)

    def _take_one(self, event: Any, read: Read, key: Key) -> str:
        """Takes the only event of a request, in fewer steps."""
        try:
            usage = read(event, key)
        except EkaError as error:
            raise invalid_events({0: error}) from None
        except AnswerError as error:
            raise with_place(error, 0) from None
        return self.recorder.record_one(usage, key.service)

    def _take_several(self, events: list[Any], read: Read, key: Key, *, is_partial: bool) -> _Taken:
        # What else is wrong is answered too, so that one answer is enough to mend a batch.
        most = len(events) if is_partial else _MOST_DETAILS
        usages, invalid = _read_all(events, read, key, most)
        if invalid and not is_partial:
            raise invalid_events(invalid | self.recorder.check(usages, most - len(invalid)))
        if is_partial:
            invalid |= self.recorder.check(usages, most)
            usages = {index: usage for index, usage in usages.items() if index not in invalid}
            if not usages:
                raise invalid_events(invalid)
        try:
            ids = self.recorder.record(list(usages.values()), key.service)
        except AnswerError:
            if found := self.recorder.check(usages, most):
                raise invalid_events(found) from None
            raise
        return _Taken(ids, invalid, is_one=False)


class _Taken(NamedTuple):
    """What was taken of a request.

    Attributes:
        ids: those of the events.
        invalid: what is wrong with the others, by their places.
        is_one: whether the request has one event alone, not in a list.
    """

    ids: list[str]
    invalid: dict[int, EkaError]
    is_one: bool


def _reader(request: Request, body: bytes) -> tuple[Read, bool, list[Any]]:
    """Returns how to read each event of a request, whether it has one alone, and the events."""
    media_type = header(request, b"content-type", _JSON).partition(";")[0].strip().lower()
    if media_type == cloudevents.BATCH:
        events = parse_list(body, _EVENTS, MAX_EVENTS)
        if events is None:
            raise AnswerError.of("body.invalid", hint="expected an array of CloudEvents")
        return cloudevents.read, False, events
    if media_type == cloudevents.ONE:
        return cloudevents.read, True, [parse_json(body)]
    if cloudevents.is_binary(request):
        return cloudevents.read, True, [cloudevents.from_headers(request.headers, parse_json(body))]
    if media_type != _JSON:
        raise AnswerError.of(
            "media_type.unsupported",
            parameter="content-type",
            given=shown(media_type),
            hint=f"{_JSON}, {cloudevents.ONE} or {cloudevents.BATCH}",
        )
    events = parse_list(body, _EVENTS, MAX_EVENTS)
    is_one = events is None
    found = [parse_json(body)] if events is None else events
    return read_call, is_one, _identified(request, found, is_one)


def _identified(request: Request, events: list[Any], is_one: bool) -> list[Any]:
    """Gives events without an id one from the request's idempotency key, so that it may repeat."""
    idempotency_key = header(request, b"idempotency-key")
    if not idempotency_key:
        return events
    return [
        {ID: own_id(idempotency_key, *([] if is_one else [str(place)])), **event}
        if isinstance(event, dict) and not {ID, "id", "eventId"} & event.keys()
        else event
        for place, event in enumerate(events)
    ]


def _read_all(
    events: list[Any], read: Read, key: Key, most: int
) -> tuple[dict[int, Usage], dict[int, EkaError]]:
    """Returns the calls that events ask for, and what is wrong with the others, by their places."""
    usages: dict[int, Usage] = {}
    invalid: dict[int, EkaError] = {}
    for index, event in enumerate(events):
        try:
            usages[index] = read(event, key)
        except EkaError as error:
            invalid[index] = error
            if len(invalid) >= most:
                break
        except AnswerError as error:
            raise with_place(error, index) from None
    return usages, invalid


class _Options(NamedTuple):
    """What the query of a request says.

    Attributes:
        is_partial: whether the valid events of a batch are taken if others are not.
        waits: whether the client waits for Kafka.
    """

    is_partial: bool = False
    waits: bool = False


_NO_OPTIONS = _Options()


def _options(request: Request) -> _Options:
    if not request.scope["query_string"]:
        return _NO_OPTIONS
    given = {
        "partial": request.query_params.get("partial", "false").lower(),
        "wait": request.query_params.get("wait", _DISK),
    }
    known = {"partial": ("false", "true"), "wait": (_DISK, _KAFKA)}
    for name, value in given.items():
        if value not in known[name]:
            hint = "expected " + " or ".join(known[name])
            raise AnswerError.rejected(invalid_option(name, value, hint))
    return _Options(*(given[name] == usual for name, (_, usual) in known.items()))
