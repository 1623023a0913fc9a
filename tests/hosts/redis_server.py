"""A Redis server in Python; prints its port."""

from __future__ import annotations

from fakeredis import TcpFakeServer
from fakeredis.model import ClientInfo

_as_bytes = ClientInfo.as_bytes


def _addresses_in_one_word(info: ClientInfo) -> bytes:
    # It writes an address as Python does, with a space, at which a client would split it.
    return _as_bytes(info).replace(b", ", b":")


if __name__ == "__main__":
    ClientInfo.as_bytes = _addresses_in_one_word  # type: ignore[assignment]
    server = TcpFakeServer(("127.0.0.1", 0))
    print(server.server_address[1], flush=True)
    server.serve_forever()
