"""Ports for programs that cannot take one of their own and say which."""

from __future__ import annotations

import random
import socket

# Below those that a system gives to who asks for any, so that nobody is given one meanwhile. Each
# is drawn once, in an order that the processes beside this one do not share.
_PORTS = range(10_000, 30_000)
_DRAWN = iter(random.SystemRandom().sample(_PORTS, len(_PORTS)))


def free_port() -> int:
    """One that nobody listens on."""
    for port in _DRAWN:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no port is free")
