"""Sessions in this process: clocks, each of which becomes one event when it ends."""

from __future__ import annotations

import time
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from . import _shutdown_hooks
from ._describe import describe_value
from ._errors import EkaError
from ._generated.catalog import DEFAULT_STATUS, LOG_STATUS
from ._generated.limits import OCCURRED_AT_AHEAD_MS

if TYPE_CHECKING:
    from typing_extensions import Self

    from ._generated.catalog import Status

_DECIMALS: Final = 12
_MILLISECOND: Final = 1_000_000


# Bound here, as tests that freeze the time replace time.monotonic_ns().
monotonic_ns: Callable[[], int] = (
    partial(time.clock_gettime_ns, time.CLOCK_MONOTONIC)
    if hasattr(time, "clock_gettime_ns")
    else partial(time.monotonic_ns)
)


class Measured(NamedTuple):
    """What a session is at its end."""

    quantity: Decimal
    status: Status | None
    occurred_at: int


class SessionHost(NamedTuple):
    """What a session needs of its client.

    Attributes:
        clock: returns nanoseconds since 1970.
        monotonic: returns nanoseconds of a clock that nobody sets.
        unit: how many nanoseconds one unit has.
        identity: the workspace, product and metric type.
        record: records its event.
    """

    clock: Callable[[], int]
    monotonic: Callable[[], int]
    unit: int
    identity: tuple[Any, Any, Any]
    record: Callable[[Measured], str | None]


class Session:
    """A running clock that records one event when it ends: `with client.session(…):`.

    An exception inside the `with` makes it an event of status `LOG_STATUS`.
    """

    def __init__(self, open_sessions: OpenSessions, host: SessionHost | None) -> None:
        self._open = open_sessions
        self._host = host
        if host is not None:
            open_sessions.add(self, host.identity)
            self._started_at = host.clock()
            self._started = host.monotonic()

    def end(self, status: Status | None = None) -> str | None:
        """Ends the session and records its event. Never blocks, never raises.

        Args:
            status: one of `STATUSES`, in place of that of the call of `session()`.

        Returns:
            As for `record()`; None if the session has ended already, or began in another process.
        """
        host = self._host
        if host is None or not self._open.discard(self):
            return None
        elapsed, now = host.monotonic() - self._started, host.clock()
        wall = now - self._started_at
        began = self._started_at // _MILLISECOND
        # A clock that was set back far leaves the start in a future that no event may have.
        began = min(began, now // _MILLISECOND + OCCURRED_AT_AHEAD_MS)
        quantity = units_in(min(elapsed, wall) if wall > 0 else elapsed, host.unit)
        return host.record(Measured(quantity, status, began))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        self.end(None if error is None else LOG_STATUS)


class OpenSessions:
    """The sessions of one client in one process that have not ended."""

    def __init__(self) -> None:
        self._process = _shutdown_hooks.process()
        self._sessions: dict[Session, tuple[Any, Any, Any]] = {}

    def add(self, session: Session, identity: tuple[Any, Any, Any]) -> None:
        """Adds a session that begins."""
        self._sessions[session] = identity

    def discard(self, session: Session) -> bool:
        """Removes a session; False if it has ended already, or began in another process."""
        is_here = self._process is _shutdown_hooks.process()
        return self._sessions.pop(session, None) is not None and is_here

    def abandon(self, report: Callable[..., object]) -> None:
        """Removes all, and reports each: nothing is recorded of what never ended."""
        while self._sessions:
            _, (workspace_id, product, metric_type) = self._sessions.popitem()
            names = f"{product}.{metric_type} of workspace {describe_value(workspace_id)}"
            hint = f"{names}, when the client shut down"
            error = EkaError.of("session.unfinished", hint=hint)
            report(error, workspace_id, product, metric_type, DEFAULT_STATUS, None)


def units_in(nanoseconds: int, unit: int) -> Decimal:
    """Returns how many units a time has, rounded half to even to 12 decimals."""
    whole, rest = divmod(nanoseconds * 10**_DECIMALS, unit)
    if 2 * rest > unit or (2 * rest == unit and whole % 2):
        whole += 1
    return Decimal(f"{whole}e-{_DECIMALS}")
