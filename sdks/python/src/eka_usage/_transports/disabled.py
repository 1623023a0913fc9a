"""The transport of a client that is disabled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .._failure import Failed


class DisabledTransport:
    """Discards events, which count as delivered."""

    needs_polling = False

    def send(self, key: str, value: str) -> None:
        pass

    def reporter(self, delivered: Callable[[], object], failed: Failed) -> Any:
        return delivered

    def send_reported(self, key: bytes, event: bytes, report: Any) -> None:
        report()

    def queued(self) -> int:
        return 0

    def poll(self) -> None:
        pass

    def flush(self, timeout: float) -> int:
        return 0

    def purge(self) -> None:
        pass

    def detach(self) -> None:
        pass

    def fork(self) -> DisabledTransport:
        return self
