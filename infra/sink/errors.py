"""What ends a command."""

from __future__ import annotations


class SinkError(Exception):
    """A command cannot go on; the message tells a person what to do next."""


class UsageError(SinkError):
    """What the command was told cannot be, whatever the store and the broker say."""


class UnavailableError(SinkError):
    """The store or the broker cannot be reached now; the same may work in a while."""
