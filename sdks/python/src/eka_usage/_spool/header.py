"""The header of a segment, as docs/spool-format.md specifies it."""

from __future__ import annotations

import struct
from typing import Final, NamedTuple
from zlib import crc32

from .._generated.spool import HEADER_BYTES, INSTANCE_ID_BYTES, MAGIC, VERSION

HEARTBEAT_AT: Final = 208
ACKED_AT: Final = 216
FENCED_AT: Final = 224
# What precedes never changes once it is written; several processes may write what follows.
FIXED_BYTES: Final = HEARTBEAT_AT
NUMBER: Final = struct.Struct("<Q")
FENCED: Final = b"\x01"

_START = struct.Struct(f"<{len(MAGIC)}sI")
_REST = struct.Struct(f"<16sQQ8sH{INSTANCE_ID_BYTES}s")
_CRC = struct.Struct("<I")
_CHANGING = struct.Struct("<QQB")


class Header(NamedTuple):
    """The header's fields, and whether their CRC holds."""

    origin: bytes
    first_seq: int
    created_at: int
    destination: bytes
    instance_id: str
    heartbeat: int = 0
    acked_offset: int = 0
    is_fenced: bool = False
    version: int = VERSION
    is_sound: bool = True

    def pack(self) -> bytes:
        """Returns the bytes that never change."""
        name = self.instance_id.encode()[:INSTANCE_ID_BYTES]
        start = _START.pack(MAGIC.encode(), self.version)
        rest = _REST.pack(
            self.origin, self.first_seq, self.created_at, self.destination, len(name), name
        )
        return start + _CRC.pack(crc32(rest, crc32(start))) + rest

    @classmethod
    def unpack(cls, content: bytes) -> Header | None:
        """Returns the header of a segment; None if its writer died before it wrote one."""
        fixed = content[:FIXED_BYTES].ljust(FIXED_BYTES, b"\0")
        if not any(fixed):
            return None
        changing = content[FIXED_BYTES:HEADER_BYTES].ljust(_CHANGING.size, b"\0")
        magic, version = _START.unpack_from(fixed)
        (crc,) = _CRC.unpack_from(fixed, _START.size)
        after = _START.size + _CRC.size
        origin, first_seq, created_at, destination, length, name = _REST.unpack_from(fixed, after)
        is_sound = (
            magic == MAGIC.encode()
            and crc == crc32(fixed[after:], crc32(fixed[: _START.size]))
            and length <= INSTANCE_ID_BYTES
        )
        heartbeat, acked_offset, fenced = _CHANGING.unpack_from(changing)
        return cls(
            origin,
            first_seq,
            created_at,
            destination,
            name[:length].decode(errors="replace"),
            heartbeat,
            acked_offset if is_sound else 0,
            fenced != 0,
            version,
            is_sound,
        )
