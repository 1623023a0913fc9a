"""The pages: each parses the parameters of the API's path beside it, and shows the same answer."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import wraps
from typing import Any
from urllib.parse import parse_qs, urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from infra.api._generated.calls import SERVICE
from infra.api._generated.reads import READS
from infra.api.answers import questions
from infra.api.answers.parameters import Parameters, accounts_of, parse
from infra.api.answers.render import respond_result
from infra.api.answers.routes import (
    Answers,
    beginning_of,
    event_query,
    this_month,
    usage_query,
)
from infra.api.errors import AnswerError
from infra.api.keys.key import Key
from infra.api.page.charts import by_day
from infra.api.page.rendering import render, static
from infra.api.page.session import Sessions, refuse_other_sites
from infra.api.wire.body import BodyLimits, read_body
from infra.sink import kafka
from infra.sink._generated.fields import ACCOUNT, METRIC_TYPE, PRODUCT
from infra.sink.lag import Lag
from infra.sink.usage.query import Dimension, Period, Query

_GROUP = "usage-sink"
_LAG_SECONDS = 3.0
_FORM = BodyLimits(4096, 10)
_DAYS = 30
_SEE_OTHER = 303

View = Callable[[Any, Request, Key], Awaitable[Response]]


def _page(view: View) -> Callable[[Any, Request], Awaitable[Response]]:
    """Returns an endpoint: whoever is not logged in is asked to, and an error is a page."""

    @wraps(view)
    async def endpoint(self: Pages, request: Request) -> Response:
        key = self.sessions.key(request)
        if key is None:
            query = f"?{request.url.query}" if request.url.query else ""
            target = urlencode({"next": f"{request.url.path}{query}"})
            return RedirectResponse(f"/login?{target}", _SEE_OTHER)
        try:
            return await view(self, request, key)
        except AnswerError as error:
            return render(request, "error.html", error.status, error=error, key=key)

    return endpoint


class Pages:
    """The pages of one worker."""

    def __init__(self, sessions: Sessions, answers: Answers) -> None:
        self.sessions = sessions
        self._answers = answers

    def paths(self) -> Iterator[tuple[str, Callable[[Request], Awaitable[Response]], list[str]]]:
        """Yields the paths of the router, with their endpoints and methods."""
        for path, endpoint in (
            ("/", self.usage),
            ("/events", self.events),
            ("/events/{id:path}", self.event),
            ("/invoice/{workspace:path}", self.invoice),
            ("/rejected", self.rejected),
            ("/completeness", self.completeness),
            ("/pipeline", self.pipeline),
            ("/catalog", self.catalog),
            ("/static/{name}", self.file),
        ):
            yield path, endpoint, ["GET"]
        yield "/login", self.login, ["GET", "POST"]
        yield "/logout", self.logout, ["POST"]

    async def file(self, request: Request) -> Response:
        """Serves a file."""
        return static(request.path_params["name"])

    async def login(self, request: Request) -> Response:
        """Asks for a key, and begins a session."""
        target = request.query_params.get("next", "/")
        if not target.startswith("/") or target.startswith(("//", "/\\")):
            target = "/"
        if request.method == "GET":
            return render(request, "login.html", error=None)
        try:
            refuse_other_sites(request)
            form = parse_qs((await read_body(request, _FORM)).decode(errors="replace"))
            response = RedirectResponse(target, _SEE_OTHER)
            self.sessions.begin(request, response, form.get("key", [""])[0].strip())
        except AnswerError as error:
            return render(request, "login.html", error.status, error=error)
        return response

    async def logout(self, request: Request) -> Response:
        """Ends a session."""
        try:
            refuse_other_sites(request)
        except AnswerError as error:
            return render(request, "login.html", error.status, error=error)
        response = RedirectResponse("/login", _SEE_OTHER)
        self.sessions.end(response)
        return response

    @_page
    async def usage(self, request: Request, key: Key) -> Response:
        """Shows what was used, by day as a chart and in lines as they are asked."""
        asked = _asked(request, "/v1/usage")
        query = usage_query(key, asked)
        result = await self._answers.ask(key, questions.Usage(query))
        if asked.format == "csv":
            return respond_result(request, result, "csv", "usage")
        days = []
        if result.rows and query.window != "hour":
            daily = Query(
                workspaces=query.workspaces,
                period=query.period,
                where=query.where,
                billable=query.billable,
                window="day",
                limit=10_000,
            )
            days = list((await self._answers.ask(key, questions.Usage(daily))).rows)
        month = asked.values["month"] or this_month()
        return render(
            request,
            "usage.html",
            key=key,
            result=result,
            asked=asked,
            month=f"{month:%Y-%m}",
            given=_given(request),
            chart=by_day(days),
            workspaces=sorted({row[ACCOUNT] for row in result.rows}),
            csv=_csv(request),
        )

    @_page
    async def events(self, request: Request, key: Key) -> Response:
        """Lists events."""
        asked = _asked(request, "/v1/events")
        result = await self._answers.ask(key, questions.Events(event_query(key, asked)))
        if asked.format == "csv":
            return respond_result(request, result, "csv", "events")
        following = result.about["meta"]["next"]
        more = urlencode([*_items(request, "after", "offset"), ("after", following or "")])
        return render(
            request,
            "events.html",
            key=key,
            result=result,
            given=_given(request),
            csv=_csv(request),
            more=f"?{more}" if following else None,
        )

    @_page
    async def event(self, request: Request, key: Key) -> Response:
        """Tells what became of an event."""
        name = request.path_params["id"]
        found, complete = await self._answers.ask(key, questions.Event(key.workspaces, name))
        status = 200 if found else 404
        return render(
            request, "event.html", status, key=key, name=name, found=found, complete=complete
        )

    @_page
    async def invoice(self, request: Request, key: Key) -> Response:
        """Shows an invoice, also on paper."""
        workspace = request.path_params["workspace"]
        asked = _asked(request, "/v1/workspaces/{workspace}/invoice")
        accounts_of(key.workspaces, [workspace])
        month = asked.values["month"] or this_month()
        result = await self._answers.ask(key, questions.Invoice(workspace, month))
        if asked.format == "csv":
            return respond_result(request, result, "csv", f"invoice-{month:%Y-%m}")
        return render(request, "invoice.html", key=key, result=result, csv=_csv(request))

    @_page
    async def rejected(self, request: Request, key: Key) -> Response:
        """Lists dead letters."""
        asked = _asked(request, "/v1/rejected")
        result = await self._answers.dead_letters(key, asked)
        if asked.format == "csv":
            return respond_result(request, result, "csv", "rejected")
        return render(request, "rejected.html", key=key, result=result, csv=_csv(request))

    @_page
    async def completeness(self, request: Request, key: Key) -> Response:
        """Tells up to when usage is complete."""
        since = beginning_of(this_month())
        found = await self._answers.ask(key, questions.Complete(key.workspaces, since))
        return render(request, "completeness.html", key=key, since=since, found=found)

    @_page
    async def pipeline(self, request: Request, key: Key) -> Response:
        """Tells which services report, since when others are quiet, and what waits in Kafka."""
        query = self._by_service(key)
        result = await self._answers.ask(key, questions.Usage(query))
        services: dict[str, dict[str, Any]] = {}
        for row in result.rows:
            name = row.get(SERVICE, "")
            own = services.setdefault(name, {"service": name, "last": "", "events": 0})
            own["last"] = max(own["last"], row["day"])
            own["events"] += row["events"]
        lag = await self._answers.run(key, _lag)
        rows = sorted(services.values(), key=lambda each: each["last"])
        return render(
            request, "pipeline.html", key=key, services=rows, lag=lag, result=result, days=_DAYS
        )

    @_page
    async def catalog(self, request: Request, key: Key) -> Response:
        """Lists metric types, and which services use them."""
        asked = _asked(request, "/v1/catalog")
        since = beginning_of(this_month())
        result = await self._answers.ask(key, questions.Catalog(key.workspaces, since))
        if asked.format == "csv":
            return respond_result(request, result, "csv", "catalog")
        used: dict[tuple[str, str], set[str]] = {}
        for row in (await self._answers.ask(key, questions.Usage(self._by_service(key)))).rows:
            used.setdefault((row[PRODUCT], row[METRIC_TYPE]), set()).add(row.get(SERVICE, ""))
        rows = [
            {**row, "used": sorted(used.get((row[PRODUCT], row[METRIC_TYPE]), ()))}
            for row in result.rows
        ]
        return render(request, "catalog.html", key=key, rows=rows, csv=_csv(request), days=_DAYS)

    def _by_service(self, key: Key) -> Query:
        today: date = datetime.now(UTC).date()
        return Query(
            workspaces=accounts_of(key.workspaces, None),
            period=Period(today - timedelta(days=_DAYS), today + timedelta(days=1)),
            window="day",
            group_by=(Dimension(SERVICE),) if SERVICE else (),
            limit=10_000,
        )


def _asked(request: Request, path: str) -> Parameters:
    return parse(READS[path], _items(request))


def _items(request: Request, *without: str) -> list[tuple[str, str]]:
    """Returns the parameters that a form sends, without the fields that were left empty."""
    items = request.query_params.multi_items()
    return [(name, text.strip()) for name, text in items if text.strip() and name not in without]


def _given(request: Request) -> Mapping[str, str]:
    return dict(_items(request))


def _csv(request: Request) -> str:
    return "?" + urlencode([*_items(request, "format"), ("format", "csv")])


def _lag() -> int | None:
    """Returns how many messages wait for the sinks; None if Kafka does not tell in time."""
    lag = Lag(kafka.connection(None), _GROUP)
    try:
        deadline = time.monotonic() + _LAG_SECONDS
        while (found := lag.measure({})) is None and time.monotonic() < deadline:
            time.sleep(0.05)
        return found
    finally:
        lag.close()
