"""The errors that end a command: SinkError, and those under it."""

from __future__ import annotations


class SinkError(Exception):
    """A command cannot continue; its message states the cause and what to do."""


class UsageError(SinkError):
    """The arguments or settings are invalid, whatever the state of the store and the broker."""


class UnavailableError(SinkError):
    """The store or the broker is unavailable; a retry may succeed."""


class TooLargeError(SinkError):
    """A query takes more memory or time than it may; a smaller one does not."""


class ClusterError(SinkError):
    """The store of a cluster cannot do this; that of one server can."""
