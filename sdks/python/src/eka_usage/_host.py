"""The machine that events are recorded on."""

from __future__ import annotations

import socket

from ._generated.limits import HOSTNAME_MAX_LENGTH
from ._json_text import well_formed


def own_hostname() -> str:
    """Returns its name, truncated to what an event takes; `unknown` if it has none."""
    try:
        return well_formed(socket.gethostname())[:HOSTNAME_MAX_LENGTH] or "unknown"
    except OSError:
        return "unknown"
