"""What is asked: whose usage, and when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Query:
    """The invoice lines of a workspace for a month, which is given by its first day."""

    workspace: str
    month: date
