"""The languages whose spool follows docs/spool-format.md so far."""

from __future__ import annotations

import pytest

_LATER = pytest.mark.skip(reason="its spool does not follow this part of the format yet")
LANGUAGES = [
    pytest.param("go", marks=_LATER),
    pytest.param("python"),
    pytest.param("typescript", marks=_LATER),
]
