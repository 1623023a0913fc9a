"""The commands: each reads schema/, prints through a Printer, and returns an exit status."""

from __future__ import annotations

SUCCESS, PROBLEMS, USAGE_ERROR = 0, 1, 2
