"""Classes whose constructor type checkers see with the generated overloads."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._generated.calls import Usage
else:
    from ._usage import Usage

__all__ = ["Usage"]
