"""The clients of the HTTP API."""

from __future__ import annotations

import asyncio
import os
import ssl
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import httpx

from ._attempt import ATTEMPT_ERRORS, AttemptTransport
from ._describe import describe_value
from ._generated.queries import LIST_EVENTS_QUERY, USAGE_QUERY, ListEventsQuery, UsageQuery
from ._generated.settings import CLIENT_NAME
from ._http_settings import is_url
from ._reporting import logger
from ._secret import TOKEN, Secret
from ._usage_answer import Answer, Attempts, UsageError, can_pass, read
from ._usage_event import UsageEventInput, encode_events
from ._usage_query import query_of

if TYPE_CHECKING:
    from typing_extensions import Self

_EVENTS, _USAGE = "/v1/events", "/v1/usage"
# What timers of every language can wait for: 24 days.
_LONGEST_MS = 2**31 - 1


class _Request(NamedTuple):
    """One request, whose token nothing prints, and what its answer has."""

    method: str
    path: str
    token: Secret
    body: bytes | None = None
    query: tuple[tuple[str, str], ...] = ()
    answers: str = ""


class _Api:
    """What both clients share: the arguments, and what becomes of an answer."""

    def __init__(
        self,
        base_url: str,
        origin: str,
        timeout_ms: int,
        max_retries: int,
        ca_location: str | os.PathLike[str] | None,
    ) -> None:
        expected = "http://host or https://host, without a user, a query or a fragment"
        _check("base_url", base_url, str, expected, _is_url)
        _check("origin", origin, str, "the name of the service", lambda name: bool(name.strip()))
        expected = f"more than 0, and at most {_LONGEST_MS}"
        _check("timeout_ms", timeout_ms, (int, float), expected, lambda ms: 0 < ms <= _LONGEST_MS)
        is_count = "an integer of at least 1"
        _check("max_retries", max_retries, int, is_count, lambda number: number >= 1)
        self._base_url = base_url.rstrip("/")
        self._origin = origin
        self._timeout = timeout_ms / 1000
        self._max_retries = max_retries
        self._trusted = _authorities(base_url, ca_location)
        self._http_options: Any = {
            "follow_redirects": False,  # the key is for this server alone
            "trust_env": False,
        }

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._base_url!r}, {self._origin!r})"

    def _post(
        self, token: str, events: Sequence[UsageEventInput], *, is_one: bool = False
    ) -> _Request:
        body = encode_events(events, self._origin, is_one=is_one)
        answers = "id" if is_one else "ids"
        return _Request("POST", _EVENTS, _checked(token), body, answers=answers)

    def _list_events(self, token: str, filters: ListEventsQuery | None) -> _Request:
        return _Request("GET", _EVENTS, _checked(token), None, query_of(filters, LIST_EVENTS_QUERY))

    def _usage(self, token: str, query: UsageQuery | None) -> _Request:
        return _Request("GET", _USAGE, _checked(token), None, query_of(query, USAGE_QUERY))

    def _arguments(self, request: _Request) -> dict[str, Any]:
        """Returns the arguments of httpx for a request; never keep them in a variable."""
        headers = {
            "authorization": f"Bearer {request.token.reveal()}",
            "user-agent": CLIENT_NAME,
            **({"content-type": "application/json"} if request.body else {}),
        }
        return {
            "method": request.method,
            "url": self._base_url + request.path,
            "params": request.query or None,
            "content": request.body,
            "headers": headers,
        }


def _check(
    name: str,
    given: Any,
    kind: type | tuple[type, ...],
    expected: str,
    is_valid: Callable[[Any], bool],
) -> None:
    if not isinstance(given, kind) or isinstance(given, bool) or not is_valid(given):
        has_password = name == "base_url" and "@" in str(given)
        hint = f"expected {expected}, got {'an address' if has_password else describe_value(given)}"
        raise UsageError.local([(name, hint, None)])


def _authorities(base_url: str, location: str | os.PathLike[str] | None) -> ssl.SSLContext:
    """Returns those that are trusted: of the file, or the system's."""
    if location is None and not base_url.startswith("https:"):
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # of nobody: the system's take long to load
    try:
        return ssl.create_default_context(cafile=location)
    except (OSError, TypeError) as error:
        hint = f"expected a PEM file of certificates, got {describe_value(location)}: {error}"
        raise UsageError.local([("ca_location", hint, None)]) from None


def _is_url(text: str) -> bool:
    try:
        httpx.URL(text)
    except httpx.InvalidURL:
        return False
    return is_url(text)


def _checked(token: object) -> Secret:
    if not isinstance(token, str) or not TOKEN.fullmatch(token):
        raise UsageError.local([("token", "expected an API key", None)])
    return Secret(token)


def _answer(response: httpx.Response) -> Answer:
    retry_after = response.headers.get("retry-after", "")
    return Answer(response.status_code, retry_after, response.content)


def _no_answer(error: Exception, request: _Request) -> Answer:
    text = f"{type(error).__name__}: {error}".replace(request.token.reveal(), "***")
    return Answer(why=text)


def _give_up(answer: Answer, request: _Request) -> None:
    """Logs that events are not sent; what reads raises."""
    if request.body is None:
        raise UsageError(f"no answer: {answer.reason()}", status=answer.status)
    logger.error("events not sent, given up: %s (token ***)", answer.reason())


class UsageClient(_Api):
    """Sends events to the HTTP API, and asks it, for programs without the SDK's own delivery.

    A call waits for its answer. What cannot be sent after all attempts is logged and lost: use
    `EkaClient` with `EKA_TRANSPORT=http` where no event may be. The key is given to each call.

    Args:
        base_url: of the API, such as https://usage.example.com.
        origin: the name of the service, which each event gets.
        timeout_ms: how long one attempt may take.
        max_retries: how many attempts there are in all; those answered 429 do not count.
        ca_location: a PEM file of the certificate authorities to trust instead of the system's.
        sleep: waits so many seconds, for tests.

    Raises:
        UsageError: an argument is invalid.
    """

    def __init__(
        self,
        base_url: str,
        origin: str,
        timeout_ms: int = 5000,
        max_retries: int = 3,
        *,
        ca_location: str | os.PathLike[str] | None = None,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        super().__init__(base_url, origin, timeout_ms, max_retries, ca_location)
        self._sleep = sleep
        transport = AttemptTransport(self._timeout, self._trusted)
        self._http = httpx.Client(transport=transport, **self._http_options)

    def emit(self, token: str, event: UsageEventInput) -> str | None:
        """Sends one event, and returns its id; None if it was given up, which is logged.

        Raises:
            UsageError: the event is invalid, or the server refuses it.
        """
        answered = self._send(self._post(token, [event], is_one=True))
        return None if answered is None else answered.get("id")

    def emit_many(self, token: str, events: Sequence[UsageEventInput]) -> list[str] | None:
        """Sends 1 to 500 events, all or none, and returns their ids; None if they were given up.

        Raises:
            UsageError: an event is invalid, or the server refuses one; `details` names each.
        """
        answered = self._send(self._post(token, events))
        return None if answered is None else answered.get("ids")

    def list_events(self, token: str, filters: ListEventsQuery | None = None) -> dict[str, Any]:
        """Returns events and what became of them, as docs/http-api.md describes.

        Raises:
            UsageError: the query is invalid, or the server refuses it or does not answer.
        """
        return self._send(self._list_events(token, filters)) or {}

    def usage(self, token: str, query: UsageQuery | None = None) -> dict[str, Any]:
        """Returns what was used, as docs/http-api.md describes.

        Raises:
            UsageError: the query is invalid, or the server refuses it or does not answer.
        """
        return self._send(self._usage(token, query)) or {}

    def close(self) -> None:
        """Closes the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _send(self, request: _Request) -> dict[str, Any] | None:
        attempts = Attempts(self._max_retries)
        while can_pass(answer := self._try(request)):
            if (pause := attempts.pause(answer)) is None:
                _give_up(answer, request)
                return None
            self._sleep(pause)
        return read(answer, request.answers)

    def _try(self, request: _Request) -> Answer:
        try:
            return _answer(self._http.request(**self._arguments(request)))
        except ATTEMPT_ERRORS as error:
            return _no_answer(error, request)


class AsyncUsageClient(_Api):
    """The same for asyncio; see `UsageClient`."""

    def __init__(
        self,
        base_url: str,
        origin: str,
        timeout_ms: int = 5000,
        max_retries: int = 3,
        *,
        ca_location: str | os.PathLike[str] | None = None,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        super().__init__(base_url, origin, timeout_ms, max_retries, ca_location)
        self._sleep = sleep
        self._http = httpx.AsyncClient(
            timeout=self._timeout, verify=self._trusted, **self._http_options
        )

    async def emit(self, token: str, event: UsageEventInput) -> str | None:
        """Sends one event; see `UsageClient.emit()`."""
        answered = await self._send(self._post(token, [event], is_one=True))
        return None if answered is None else answered.get("id")

    async def emit_many(self, token: str, events: Sequence[UsageEventInput]) -> list[str] | None:
        """Sends 1 to 500 events; see `UsageClient.emit_many()`."""
        answered = await self._send(self._post(token, events))
        return None if answered is None else answered.get("ids")

    async def list_events(
        self, token: str, filters: ListEventsQuery | None = None
    ) -> dict[str, Any]:
        """Returns events and what became of them; see `UsageClient.list_events()`."""
        return await self._send(self._list_events(token, filters)) or {}

    async def usage(self, token: str, query: UsageQuery | None = None) -> dict[str, Any]:
        """Returns what was used; see `UsageClient.usage()`."""
        return await self._send(self._usage(token, query)) or {}

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def _send(self, request: _Request) -> dict[str, Any] | None:
        attempts = Attempts(self._max_retries)
        while can_pass(answer := await self._try(request)):
            if (pause := attempts.pause(answer)) is None:
                _give_up(answer, request)
                return None
            await self._sleep(pause)
        return read(answer, request.answers)

    async def _try(self, request: _Request) -> Answer:
        try:
            sent = self._http.request(**self._arguments(request))
            return _answer(await asyncio.wait_for(sent, self._timeout))
        except (httpx.HTTPError, asyncio.TimeoutError) as error:
            return _no_answer(error, request)
