"""The paths that answer what was used."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from datetime import UTC, date, datetime
from functools import partial
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import Response

from infra.api._generated.reads import READS
from infra.api.answers import questions
from infra.api.answers.parameters import Parameters, accounts_of, as_instant, parse
from infra.api.answers.rejected import Rejected
from infra.api.answers.render import respond, respond_result
from infra.api.answers.turns import AT_ONCE, Turns
from infra.api.errors import RETRY_SECONDS, AnswerError, shown
from infra.api.keys.access import Access
from infra.api.keys.key import Key
from infra.api.store.pool import Asked, Question
from infra.sink._generated.fields import ACCOUNT
from infra.sink.errors import SinkError, TooLargeError, UsageError
from infra.sink.usage.complete import Completeness
from infra.sink.usage.events import Cursor, EventQuery
from infra.sink.usage.query import Dimension, Period, Query

_LOG = logging.getLogger("api")
_Found = TypeVar("_Found")
_SCOPE = "read"


class Answers:
    """The endpoints that read, on threads of their own: recording never waits for them."""

    def __init__(self, access: Access, store: Asked, rejected: Rejected) -> None:
        self._access = access
        self._store = store
        self._rejected = rejected
        self._turns = Turns()
        self._threads = ThreadPoolExecutor(AT_ONCE, "answers")
        # Lists of dead letters wait for each other, and nobody else for them.
        self._reading = ThreadPoolExecutor(1, "dead-letters")

    def paths(self) -> Iterator[tuple[str, Callable[[Request], Awaitable[Response]]]]:
        """Yields the paths of the router, with their endpoints."""
        yield "/v1/events", self.events
        yield "/v1/events/{id:path}", self.event
        yield "/v1/usage", self.usage
        yield "/v1/catalog", self.catalog
        yield "/v1/workspaces/{workspace:path}/invoice", self.invoice
        yield "/v1/completeness", self.completeness
        yield "/v1/rejected", self.rejected

    async def events(self, request: Request) -> Response:
        """Lists events."""
        key, asked = self._admit(request, "/v1/events")
        query = event_query(key, asked)
        result = await self.ask(key, questions.Events(query))
        return respond_result(request, result, asked.format, "events")

    async def event(self, request: Request) -> Response:
        """Tells what became of an event."""
        key, asked = self._admit(request, "/v1/events/{id}")
        name = request.path_params["id"]
        question = questions.Event(accounts_of(key.workspaces, asked.accounts), name)
        found, complete = await self.ask(key, question)
        if not found:
            hint = "a service may still have it, or never accepted it"
            raise AnswerError.of("event.unknown", given=shown(name), hint=hint)
        events = [
            {ACCOUNT: workspace, **asdict(each), "conflicts": each.conflicts}
            for workspace, each in found
        ]
        return respond(
            request, {"id": name, "data": events, **questions.about_completeness(complete)}
        )

    async def usage(self, request: Request) -> Response:
        """Tells what was used."""
        key, asked = self._admit(request, "/v1/usage")
        query = usage_query(key, asked)
        result = await self.ask(key, questions.Usage(query))
        return respond_result(request, result, asked.format, "usage")

    async def catalog(self, request: Request) -> Response:
        """Tells what can be recorded."""
        key, asked = self._admit(request, "/v1/catalog")
        result = await self.ask(key, questions.Catalog(key.workspaces, beginning_of(this_month())))
        return respond_result(request, result, asked.format, "catalog")

    async def invoice(self, request: Request) -> Response:
        """Tells what a month costs."""
        key, asked = self._admit(request, "/v1/workspaces/{workspace}/invoice")
        workspace = request.path_params["workspace"]
        accounts_of(key.workspaces, [workspace])
        month = asked.values["month"] or this_month()
        question = questions.Invoice(workspace, month)
        result = await self.ask(key, question)
        return respond_result(request, result, asked.format, f"invoice-{month:%Y-%m}")

    async def completeness(self, request: Request) -> Response:
        """Tells up to when usage is complete."""
        key, asked = self._admit(request, "/v1/completeness")
        since = asked.values["since"] or beginning_of(this_month())
        found = await self.ask(key, questions.Complete(key.workspaces, since))
        return respond(request, {"since": since, **questions.about_completeness(found)})

    async def rejected(self, request: Request) -> Response:
        """Lists the messages that are not events."""
        key, asked = self._admit(request, "/v1/rejected")
        result = await self.dead_letters(key, asked)
        return respond_result(request, result, asked.format, "rejected")

    async def dead_letters(self, key: Key, asked: Parameters) -> questions.Result:
        """Returns the messages that are not events, of those that a key may read."""
        workspaces = accounts_of(key.workspaces, asked.accounts)
        listing = partial(self._rejected.list, workspaces, asked.values["limit"])
        found = await self.run(key, listing, self._reading)
        since = min((row["time"] for row in found.rows), default=beginning_of(this_month()))
        try:
            complete = await self.ask(key, questions.Complete(workspaces, since))
        except AnswerError as error:  # they are in Kafka, whatever becomes of the store
            complete = Completeness(None, str(error))
        about = {**found.about, **questions.about_completeness(complete)}
        return replace(found, about=about)

    def close(self) -> None:
        """Waits for what is being answered."""
        self._threads.shutdown()
        self._reading.shutdown()

    def _admit(self, request: Request, path: str) -> tuple[Key, Parameters]:
        key = self._access.admit(request, _SCOPE)
        given = request.query_params.multi_items()
        return key, parse(READS[path], given, request.headers.get("accept", ""))

    async def ask(self, key: Key, question: Question[_Found]) -> _Found:
        """Returns what the store answers a key; an AnswerError as of `run`."""
        return await self.run(key, partial(self._store.ask, question))

    async def run(
        self, key: Key, ask: Callable[[], _Found], threads: ThreadPoolExecutor | None = None
    ) -> _Found:
        """Returns what is found for a key on another thread.

        Raises:
            AnswerError: nothing can be found, or too much is asked at once.
        """
        try:
            async with self._turns.take(key):
                loop = asyncio.get_running_loop()
                return await loop.run_in_executor(threads or self._threads, ask)
        except UsageError as error:
            raise AnswerError.of("query.invalid", hint=str(error)) from None
        except TooLargeError as error:
            raise AnswerError.of("query.too_large", hint=str(error)) from None
        except SinkError as error:
            # What the store says may tell where it is, so that only the log has it.
            _LOG.error("usage cannot be read: %s", error)
            hint = "the server's log has the cause under the request id; ask again later"
            headers = {"retry-after": str(RETRY_SECONDS)}
            raise AnswerError.of("store.unavailable", hint=hint, headers=headers) from None


def event_query(key: Key, asked: Parameters) -> EventQuery:
    """Returns the query for a page of events that a key may read."""
    values = asked.values
    with _refusing():
        after = values["after"]
        return EventQuery(
            workspaces=accounts_of(key.workspaces, asked.accounts),
            start=values["start"],
            end=values["end"],
            event=values["id"],
            where=asked.filters,
            newest_first=values["order"] == "newest",
            limit=values["limit"],
            offset=values["offset"],
            after=None if after is None else Cursor.parse(after),
        )


def usage_query(key: Key, asked: Parameters) -> Query:
    """Returns the query for the usage that a key may read."""
    values = asked.values
    with _refusing():
        return Query(
            workspaces=accounts_of(key.workspaces, asked.accounts),
            period=_period(values),
            window=values["window"],
            group_by=tuple(Dimension.parse(each) for each in values["group_by"]),
            where=asked.filters,
            billable=values["billable"],
            as_of=values["as_of"],
            limit=values["limit"],
            offset=values["offset"],
        )


def this_month() -> date:
    """Returns the first day of the month that it is in UTC."""
    return datetime.now(UTC).date().replace(day=1)


def beginning_of(day: date) -> datetime:
    """Returns the instant at which a day begins in UTC."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _period(values: Any) -> Period:
    month, zone = values["month"], values["zone"]
    start, end = (as_instant(values[name], zone) for name in ("from", "to"))
    if month is not None and (start is not None or end is not None):
        raise UsageError("month is a period: send either it, or from and to")
    if start is not None:
        return Period(start, end or datetime.now(UTC))
    if end is not None:
        raise UsageError("no period: send from as well")
    return Period.month(month or this_month())


class _refusing:  # noqa: N801  used like a function
    """Answers what a query refuses."""

    def __enter__(self) -> None:
        """Begins."""

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, UsageError):
            raise AnswerError.of("query.invalid", hint=str(error)) from None
