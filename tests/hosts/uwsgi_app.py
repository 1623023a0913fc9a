"""A WSGI application under uWSGI, which forks its workers after it has imported this."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from tests.hosts.service import record

EVENTS_PER_REQUEST = 25


def application(
    _: Mapping[str, object], start_response: Callable[[str, list[tuple[str, str]]], object]
) -> Iterable[bytes]:
    """Records the events of one request."""
    record(EVENTS_PER_REQUEST)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"done\n"]
