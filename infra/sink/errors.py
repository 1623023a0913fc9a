"""What ends a command."""

from __future__ import annotations


class SinkError(Exception):
    """A command cannot go on; the message tells a person what to do next."""
