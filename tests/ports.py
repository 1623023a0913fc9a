"""Ports for programs that cannot pick a free port themselves and report it."""

from __future__ import annotations

import random
import socket

# Below the ephemeral ports, which the system may assign to another process meanwhile. Each port is
# drawn once, in a random order, so that parallel test processes rarely collide.
_PORTS = range(10_000, 30_000)
_DRAWN = iter(random.SystemRandom().sample(_PORTS, len(_PORTS)))


def free_port() -> int:
    """Returns a port on which nothing listens."""
    for port in _DRAWN:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no port is free")
