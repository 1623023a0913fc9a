"""Reads the body of a request within limits of size and time."""

from __future__ import annotations

import asyncio
import zlib
from dataclasses import dataclass

from starlette.requests import Request

from infra.api.errors import AnswerError, shown
from infra.api.wire.headers import header

_GZIP = zlib.MAX_WBITS | 16


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """How large a body may be, as sent and decompressed, and how long it may take to arrive."""

    max_bytes: int
    seconds: float


async def read_body(request: Request, limits: BodyLimits) -> bytes:
    """Returns the body of a request, decompressed.

    The server bounds neither the size of a body nor the time that it takes to arrive.

    Raises:
        AnswerError: it is too large, too slow, or not what its encoding says.
    """
    encoding = header(request, b"content-encoding", "identity").strip().lower()
    if encoding not in {"identity", "gzip"}:
        raise AnswerError.of(
            "media_type.unsupported",
            parameter="content-encoding",
            given=shown(encoding),
            hint="gzip or none",
        )
    declared = header(request, b"content-length")
    length = int(declared) if declared.isdecimal() else None
    if length is not None and length > limits.max_bytes:
        raise _too_large(limits.max_bytes)
    body = await _received(request, limits, length)
    return gunzip(body, limits.max_bytes) if encoding == "gzip" else body


async def _received(request: Request, limits: BodyLimits, length: int | None) -> bytes:
    body = bytearray()
    try:
        async with asyncio.timeout(limits.seconds):
            is_complete = False
            while not is_complete:
                message = await request.receive()
                if message["type"] == "http.disconnect":
                    raise AnswerError.of("body.invalid", hint="it ends early", headers=_CLOSE)
                body += message.get("body", b"")
                if len(body) > limits.max_bytes:
                    raise _too_large(limits.max_bytes)
                # To wait for the message of its end takes as long as for the body itself.
                is_complete = not message.get("more_body") or len(body) == length
    except TimeoutError:
        hint = f"it did not arrive within {limits.seconds:g} s"
        raise AnswerError.of("body.timeout", hint=hint, headers=_CLOSE) from None
    return bytes(body)


def gunzip(body: bytes, max_bytes: int) -> bytes:
    """Returns what gzip compressed.

    Raises:
        AnswerError: it is not gzip, or has more bytes.
    """
    inflater = zlib.decompressobj(_GZIP)
    try:
        found = inflater.decompress(body, max_bytes + 1)
    except zlib.error as error:
        raise AnswerError.of("body.invalid", hint=f"not gzip: {error}") from None
    if len(found) > max_bytes:
        raise _too_large(max_bytes)
    if not inflater.eof or inflater.unused_data:
        hint = "gzip that ends early, or has more after its end"
        raise AnswerError.of("body.invalid", hint=hint)
    return found


# What is left of such a body would be read as the next request.
_CLOSE = {"connection": "close"}


def _too_large(max_bytes: int) -> AnswerError:
    hint = f"at most {max_bytes:,} bytes, also decompressed; send it in several requests"
    return AnswerError.of("body.too_large", hint=hint, headers=_CLOSE)
