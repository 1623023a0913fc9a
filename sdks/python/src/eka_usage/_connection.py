"""The transport of one outbox: opened by the first event, its exceptions handled."""

from __future__ import annotations

import logging
from collections.abc import Callable

from . import _shutdown_hooks
from ._describe import describe_error
from ._failure import Failed
from ._interrupts import is_interruption, shared_lock
from ._reporting import RateLimitedLog
from ._transports.transport import Transport


class Connection:
    """Opens a transport when it is first needed; an injected one may raise anything.

    Args:
        connect: opens the transport.
        failed: receives each event that the transport could not deliver.
    """

    def __init__(
        self,
        connect: Callable[[Failed], Transport],
        failed: Failed,
    ) -> None:
        self._connect = connect
        self._failed = failed
        self._lock = shared_lock()
        self._transport: Transport | None = None
        self._log = RateLimitedLog()

    def open(self) -> Transport:
        """Returns the transport, and opens it if it is not open."""
        with self._lock:
            if self._transport is None:
                self._transport = self._connect(self._failed)
                _shutdown_hooks.transport_opened()
            return self._transport

    @property
    def is_open(self) -> bool:
        """Whether the transport is open."""
        return self._transport is not None

    def queued(self) -> int:
        """Returns how many events the transport holds."""
        return 0 if self._transport is None else self._transport.queued()

    def poll(self) -> None:
        """Receives delivery reports."""
        if self._transport is not None:
            self._transport.poll()

    def flush(self, seconds: float) -> bool:
        """Waits for what is queued, and reports whether the transport still works."""
        try:
            if self._transport is not None:
                self._transport.flush(seconds)
        except Exception as error:
            if is_interruption(error):
                raise
            self.report(error)
            return False
        return True

    def purge(self) -> None:
        """Gives up what is queued."""
        try:
            if self._transport is not None:
                self._transport.purge()
        except Exception as error:
            if is_interruption(error):
                raise
            self.report(error)

    def detach(self) -> None:
        """Lets the process end without waiting for what was given up."""
        if self._transport is not None:
            self._transport.detach()

    def after_fork(self) -> Callable[[Failed], Transport]:
        """Returns, in a forked child, what opens the transport of the child's own outbox."""
        carried_on = self._transport.fork() if self._transport else None
        return self._connect if carried_on is None else lambda _: carried_on

    def report(self, error: Exception) -> None:
        """Logs an exception of the transport, or why its thread could not be started."""
        self._log.log(logging.ERROR, "transport", f"the producer raised {describe_error(error)}")
