"""Clients of the HTTP API, by httpx: `pip install 'eka-usage-sdk[http]'`."""

from __future__ import annotations

from . import _public
from ._generated.queries import ListEventsQuery, UsageQuery
from ._usage_answer import UsageError
from ._usage_client import AsyncUsageClient, UsageClient
from ._usage_event import UsageEventInput

__all__ = [
    "AsyncUsageClient",
    "ListEventsQuery",
    "UsageClient",
    "UsageError",
    "UsageEventInput",
    "UsageQuery",
]

_public.move_to_package(__name__, ["AsyncUsageClient", "UsageClient", "UsageError"], globals())
