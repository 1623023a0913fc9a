"""What ends a command."""

from __future__ import annotations


class SinkError(Exception):
    """A command cannot go on; the message tells a person what to do next."""


class UnavailableError(SinkError):
    """The store or the broker cannot be reached now; the same may work in a while."""
