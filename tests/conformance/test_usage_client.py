"""UsageClient, the same in every SDK, against a server with faults, on a clock without waits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from tests.conformance.drivers import COMMANDS, Driver
from tests.http_server import HANG, RESET, FaultServer, Reply, error

TOKEN = "eka_reader.0123456789abcdef"
ORIGIN = "billing"
EVENT = {"workspace_id": "ws-1", "event_type": "api.api_call", "quantity": 2, "event_id": "e-1"}
TAKEN = Reply(202, {"ids": ["e-1"], "id": "e-1", "request_id": "r"})
FAULT = error(503, "server.stopping")
LIMITED = error(429, "rate.exceeded", headers={"Retry-After": "7"})


def limited(retry_after: str | None) -> Reply:
    """Returns a 429."""
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    return error(429, "rate.exceeded", headers=headers)


@pytest.fixture(scope="module", params=[*sorted(COMMANDS), "python async"])
def usage(request: pytest.FixtureRequest) -> Iterator[UsageCalls]:
    """The client of each SDK in turn."""
    language, _, asynchronous = str(request.param).partition(" ")
    with Driver(language) as driver:
        yield UsageCalls(driver, {"asynchronous": True} if asynchronous else {})


@pytest.fixture
def server() -> Iterator[FaultServer]:
    """A server that takes events."""
    with FaultServer() as running:
        running.usual = TAKEN
        yield running


class UsageCalls:
    """Makes calls of one SDK's client."""

    def __init__(self, driver: Driver, more: dict[str, Any]) -> None:
        self.driver = driver
        self.more = more

    def call(
        self,
        url: str,
        method: str,
        given: Any,
        token: str = TOKEN,
        client: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Returns what became of one call."""
        arguments = {"base_url": url, "origin": ORIGIN, **(client or {})}
        return self.driver.request(
            "usage_client",
            client=arguments,
            method=method,
            token=token,
            given=given,
            **self.more,
        )

    def emit(self, server: FaultServer, *replies: Reply, **client: Any) -> dict[str, Any]:
        """Sends one event, to which the server replies so."""
        server.replies.extend(replies)
        return self.call(server.url, "emit", EVENT, client=client)


def test_an_event_is_sent_with_the_origin_of_the_client(
    usage: UsageCalls, server: FaultServer
) -> None:
    found = usage.call(f"{server.url}/", "emit", EVENT)
    assert found == {**found, "result": "e-1", "thrown": None, "slept": [], "logged": []}
    [request] = server.requests
    assert (request.method, request.target) == ("POST", "/v1/events")
    assert request.headers["authorization"] == f"Bearer {TOKEN}"
    assert request.headers["content-type"] == "application/json"
    assert server.bodies() == [{**EVENT, "origin": ORIGIN}]


def test_events_without_an_id_get_one_that_attempts_share(
    usage: UsageCalls, server: FaultServer
) -> None:
    named = {"workspace_id": "ws-1", "product": "api", "metric_type": "api_call", "quantity": 0.1}
    server.replies.extend([FAULT, Reply(202, {"ids": ["a", "b"], "request_id": "r"})])
    found = usage.call(server.url, "emit_many", [named, named])
    assert (found["result"], found["slept"]) == (["a", "b"], [1000])
    first, second = server.bodies()
    assert first == second
    ids = [event.pop("event_id") for event in first]
    assert len(set(ids)) == 2
    assert all(ids)
    assert first == [{**named, "origin": ORIGIN}] * 2


RETRIED: dict[str, tuple[list[Reply], list[int]]] = {
    "a fault": ([FAULT], [1000]),
    "two faults": ([FAULT, FAULT], [1000, 2000]),
    "a reset": ([RESET], [1000]),
    "half a body": ([Reply(202, TAKEN.body, part=0.5)], [1000]),
    "429": ([LIMITED], [7000]),
    "429 without a time": ([limited(None)], [5000]),
    "429 with a date": ([limited("Wed, 21 Oct 2026 07:28:00 GMT")], [5000]),
    "429 with a negative time": ([limited("-1")], [5000]),
    "429 with a fraction": ([limited("1.5")], [5000]),
    "429 with more than a week": ([limited("9999999")], [5000]),
    "429 without a body": ([Reply(429, b"", {"Retry-After": "7"})], [7000]),
    "a fault of a proxy": ([Reply(502, b"<html>no</html>"), Reply(504, b"")], [1000, 2000]),
    "429 with nothing to wait for": ([limited("0")], [0]),
    # 429 is no attempt, and any other answer resets their count.
    "429 in between": (
        [LIMITED, LIMITED, FAULT, LIMITED, LIMITED, FAULT],
        [7000, 7000, 1000, 7000, 7000, 2000],
    ),
}


@pytest.mark.parametrize("case", RETRIED)
def test_what_can_pass_is_tried_again(usage: UsageCalls, server: FaultServer, case: str) -> None:
    replies, slept = RETRIED[case]
    found = usage.emit(server, *replies)
    assert (found["result"], found["thrown"], found["logged"]) == ("e-1", None, [])
    assert found["slept"] == slept
    assert len(server.requests) == len(replies) + 1
    assert len({request.body for request in server.requests}) == 1


GIVEN_UP: dict[str, tuple[list[Reply], list[int], str]] = {
    "faults": ([FAULT] * 3, [1000, 2000], "HTTP 503"),
    "resets": ([RESET] * 3, [1000, 2000], ""),
    "three 429": ([LIMITED] * 3, [7000, 7000], "HTTP 429"),
    "three 429 after a fault": ([FAULT, *[LIMITED] * 3], [1000, 7000, 7000], "HTTP 429"),
}


@pytest.mark.parametrize("case", GIVEN_UP)
def test_events_that_are_given_up_are_logged_in_one_line(
    usage: UsageCalls, server: FaultServer, case: str
) -> None:
    replies, slept, reason = GIVEN_UP[case]
    found = usage.emit(server, *replies)
    assert (found["result"], found["thrown"], found["slept"]) == (None, None, slept)
    [line] = found["logged"]
    assert "events not sent, given up" in line
    assert reason in line
    assert "***" in line
    assert TOKEN not in line
    assert not server.replies


def test_the_number_of_attempts_is_that_of_the_client(
    usage: UsageCalls, server: FaultServer
) -> None:
    assert usage.emit(server, FAULT, max_retries=1)["slept"] == []
    assert usage.emit(server, *[FAULT] * 5, max_retries=5)["slept"] == [1000, 2000, 4000, 8000]


def test_a_server_that_hangs_is_given_up(usage: UsageCalls, server: FaultServer) -> None:
    found = usage.emit(server, HANG, HANG, timeout_ms=100, max_retries=2)
    assert (found["result"], found["thrown"], found["slept"]) == (None, None, [1000])
    assert len(found["logged"]) == 1


# Seconds long, a hundredth of a second each byte: from its first on, or of its body.
@pytest.mark.parametrize("drips", [0, 150])
def test_a_server_that_drips_is_given_up(
    usage: UsageCalls, server: FaultServer, drips: int
) -> None:
    reply = Reply(202, {**TAKEN.body, "filler": "x" * 600}, drips=drips)
    found = usage.emit(server, reply, reply, timeout_ms=200, max_retries=2)
    assert (found["result"], found["thrown"], found["slept"]) == (None, None, [1000])
    assert len(found["logged"]) == 1


DETAILS = [{"index": 0, "code": "quantity.invalid", "field": "quantity", "message": "no"}]
INVALID = {"error": {**DETAILS[0], "details": DETAILS}, "request_id": "r"}
THROWN: dict[str, tuple[Reply, int, str, list[Any]]] = {
    "invalid": (Reply(422, INVALID), 422, "quantity.invalid", DETAILS),
    "forbidden": (
        error(403, "scope.missing"),
        403,
        "scope.missing",
        [{"code": "scope.missing", "message": "the server says scope.missing"}],
    ),
    "of a proxy": (Reply(404, b"<html>no</html>"), 404, "", []),
    "quarantined": (Reply(200, {"quarantined": DETAILS}), 200, "", DETAILS),
    "rejected": (Reply(202, {"ids": [], "rejected": DETAILS}), 202, "", DETAILS),
    "quarantined, one alone": (Reply(200, {"quarantined": DETAILS[0]}), 200, "", DETAILS),
    "rejected, by name": (Reply(202, {"rejected": ["e-1"]}), 202, "", [{"message": "e-1"}]),
    "408 without a body": (Reply(408, b""), 408, "", []),
    "413 without a body": (Reply(413, b""), 413, "", []),
    "425 without a body": (Reply(425, b""), 425, "", []),
    "an error of others": (Reply(400, {"error": "no"}), 400, "", []),
    "JSON of others": (Reply(200, {"status": "ok"}), 200, "", []),
    "an id that is none": (Reply(202, {"ids": [], "id": 7}), 202, "", []),
    "not JSON": (Reply(200, b"<html>Log in</html>"), 200, "", []),
    "not an object": (Reply(200, b"[1]"), 200, "", []),
    "a redirect": (Reply(302, {}, {"Location": "http://127.0.0.1:1/"}), 302, "", []),
}


@pytest.mark.parametrize("case", THROWN)
def test_what_cannot_pass_is_thrown_at_once(
    usage: UsageCalls, server: FaultServer, case: str
) -> None:
    reply, status, code, details = THROWN[case]
    found = usage.emit(server, reply)
    assert (found["result"], found["slept"], found["logged"]) == (None, [], [])
    thrown = found["thrown"]
    assert (thrown["status"], thrown["code"]) == (status, code)
    assert list(thrown["details"] or []) == details
    assert len(server.requests) == 1


LOCAL: dict[str, tuple[dict[str, Any], str]] = {
    "another origin": ({**EVENT, "origin": "another"}, "origin"),
    "no workspace": ({"event_type": "api.api_call"}, "workspaceid"),
    "a blank workspace": ({**EVENT, "workspace_id": " "}, "workspaceid"),
    "no names": ({"workspace_id": "ws-1"}, "product"),
    "no action": ({**EVENT, "event_type": "api"}, "eventtype"),
    "no entity": ({**EVENT, "event_type": ".api_call"}, "eventtype"),
    "both names": ({**EVENT, "product": "api", "metric_type": "api_call"}, "eventtype"),
    "a long id": ({**EVENT, "event_id": "e" * 129}, "eventid"),
}


@pytest.mark.parametrize("case", LOCAL)
def test_mistakes_cost_no_request(usage: UsageCalls, server: FaultServer, case: str) -> None:
    event, field = LOCAL[case]
    thrown = usage.call(server.url, "emit", event)["thrown"]
    assert thrown["status"] == 0
    [detail] = thrown["details"]
    assert detail["field"].replace("_", "").lower() == field
    thrown = usage.call(server.url, "emit_many", [EVENT, event])["thrown"]
    assert [detail["index"] for detail in thrown["details"]] == [1]
    assert server.requests == []


def test_the_number_of_events_is_checked(usage: UsageCalls, server: FaultServer) -> None:
    for events in ([], [EVENT] * 501):
        thrown = usage.call(server.url, "emit_many", events)["thrown"]
        assert "1 to 500" in thrown["message"]
    assert server.requests == []


CLIENTS: list[dict[str, Any]] = [
    {"base_url": "usage.example.com"},
    {"origin": " "},
    {"base_url": "http://"},
    {"base_url": "http://[::1"},
    {"base_url": "http://127.0.0.1:99999"},
    {"base_url": "http://user:secret@127.0.0.1"},
    {"base_url": "http://127.0.0.1?a=b"},
    {"base_url": "http://127.0.0.1 "},
    {"timeout_ms": -1},
    {"timeout_ms": 2**31},
    {"max_retries": -1},
]


@pytest.mark.parametrize("client", CLIENTS, ids=str)
def test_the_arguments_of_the_client_are_checked(usage: UsageCalls, client: dict[str, Any]) -> None:
    [name] = client
    thrown = usage.call("http://127.0.0.1:1", "emit", EVENT, client=client)["thrown"]
    [detail] = thrown["details"]
    assert detail["field"].replace("_", "").lower() in {name.replace("_", ""), "timeout"}
    assert "secret" not in thrown["message"]


# In Go 0 is the default, and no duration is infinite.
@pytest.mark.parametrize("usage", ["python", "python async", "typescript"], indirect=True)
@pytest.mark.parametrize("client", [{"timeout_ms": 0}, {"max_retries": 0}], ids=str)
def test_zero_is_not_the_default(usage: UsageCalls, client: dict[str, Any]) -> None:
    test_the_arguments_of_the_client_are_checked(usage, client)


@pytest.mark.parametrize("usage", ["python", "python async"], indirect=True)
@pytest.mark.parametrize("number", [float("inf"), float("nan")])
def test_a_timeout_is_finite(usage: UsageCalls, number: float) -> None:
    test_the_arguments_of_the_client_are_checked(usage, {"timeout_ms": number})


def test_ids_of_several_events_are_a_list(usage: UsageCalls, server: FaultServer) -> None:
    server.replies.append(Reply(202, {"ids": "e-1"}))
    thrown = usage.call(server.url, "emit_many", [EVENT])["thrown"]
    assert (thrown["status"], thrown["details"] or []) == (202, [])


def test_a_token_is_checked_and_not_shown(usage: UsageCalls, server: FaultServer) -> None:
    thrown = usage.call(server.url, "emit", EVENT, token=f"{TOKEN}\nX: y")["thrown"]
    assert thrown["details"] == [{"field": "token", "message": "expected an API key"}]
    assert TOKEN not in thrown["message"]
    assert server.requests == []


PATHS = {"list_events": "/v1/events", "usage": "/v1/usage"}
# A query by the names of the wire, and the parameters that are sent. A comma is part of a value,
# of which the API makes two unless it is quoted, or there are several.
ASKED: dict[str, tuple[str, dict[str, Any], list[tuple[str, str]]]] = {
    "events": (
        "list_events",
        {
            "id": "a,b",
            "event_type": ["api.api_call", "chat.active"],
            "workspace_id": ["ws-1"],
            "start": "2026-03-01T05:30:00Z",
            "order": "oldest",
            "limit": 10,
            "tags": ['a,"b"'],
            "metadata": {"region": ["a,b", "c"], "camelCase": ["x"]},
        },
        [
            ("event_type", "api.api_call"),
            ("event_type", "chat.active"),
            ("id", "a,b"),
            ("limit", "10"),
            ("metadata.camelCase", "x"),
            ("metadata.region", "a,b"),
            ("metadata.region", "c"),
            ("order", "oldest"),
            ("start", "2026-03-01T05:30:00Z"),
            ("tags", '"a,""b"""'),
            ("workspace_id", "ws-1"),
        ],
    ),
    "usage": (
        "usage",
        {
            "from": "2026-03-01",
            "to": "2026-03-02",
            "zone": "Europe/Paris",
            "group_by": ["metadata.region", "model"],
            "window": "day",
            "billable": False,
        },
        [
            ("billable", "false"),
            ("from", "2026-03-01"),
            ("group_by", "metadata.region"),
            ("group_by", "model"),
            ("to", "2026-03-02"),
            ("window", "day"),
            ("zone", "Europe/Paris"),
        ],
    ),
    "nothing": ("usage", {}, []),
}


@pytest.mark.parametrize("case", ASKED)
def test_queries_are_sent_by_the_names_of_the_api(
    usage: UsageCalls, server: FaultServer, case: str
) -> None:
    method, query, parameters = ASKED[case]
    answer = {"data": [{"event_id": "e-1"}], "complete_until": "2026-01-01T00:00:00Z"}
    server.replies.extend([FAULT, Reply(200, answer)])
    found = usage.call(server.url, method, query)
    assert (found["result"], found["slept"]) == (answer, [1000])
    request = server.requests[-1]
    target = urlsplit(request.target)
    assert (request.method, target.path) == ("GET", PATHS[method])
    assert sorted(parse_qsl(target.query)) == parameters
    assert request.headers["authorization"] == f"Bearer {TOKEN}"


WRONG_QUERIES: list[dict[str, Any]] = [
    {"no_such": "parameter"},
    {"constructor": "a"},
    {"format": "csv"},
    {"metadata.region": "a"},
    {"limit": "10"},
    {"limit": True},
    {"id": {}},
    {"tags": []},
    {"workspace_id": ["ws-1", {}]},
    {"metadata": "region"},
    {"metadata": {"region": []}},
    {"start": {}},
    {"start": True},
]


# In Go they do not compile.
@pytest.mark.parametrize("usage", ["python", "python async", "typescript"], indirect=True)
@pytest.mark.parametrize("query", WRONG_QUERIES, ids=str)
def test_mistakes_in_queries_cost_no_request(
    usage: UsageCalls, server: FaultServer, query: dict[str, Any]
) -> None:
    thrown = usage.call(server.url, "list_events", query)["thrown"]
    [name] = query
    [detail] = thrown["details"]
    assert detail["field"].replace("_", "").lower() == name.replace("_", "")
    assert thrown["status"] == 0
    is_known = name in {"limit", "id", "tags", "workspace_id", "metadata", "start"}
    assert ("expected" if is_known else "no such parameter") in thrown["message"]
    assert server.requests == []


@pytest.mark.parametrize(
    "replies", [[FAULT] * 3, [LIMITED] * 3, [RESET] * 3], ids=["503", "429", "reset"]
)
def test_questions_without_an_answer_throw(
    usage: UsageCalls, server: FaultServer, replies: list[Reply]
) -> None:
    server.replies.extend(replies)
    found = usage.call(server.url, "usage", {})
    assert (found["result"], found["logged"]) == (None, [])
    assert "no answer" in found["thrown"]["message"]
    assert TOKEN not in found["thrown"]["message"]
