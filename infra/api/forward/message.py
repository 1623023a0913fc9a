"""Reads a message of the forward protocol: its records, and whether the client waits for an ack."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from infra.api.errors import AnswerError, shown
from infra.api.forward.frames import MAX_MSGPACK_BYTES, FrameError, MsgpackFrames
from infra.api.wire.body import gunzip
from infra.api.wire.json_text import parse_json


@dataclass(frozen=True, slots=True)
class Message:
    """Records that arrived together.

    Attributes:
        records: each as it was sent, normally an object.
        chunk: what an ack names; empty if the client expects none. Attempts of one have the same.
    """

    records: list[Any]
    chunk: str


@dataclass(frozen=True, slots=True)
class Form:
    """How messages are written.

    Attributes:
        decode: raises AnswerError.
        encode: for acks.
    """

    decode: Callable[[bytes], Any]
    encode: Callable[[Any], bytes]


def read_message(frame: bytes, form: Form) -> Message:
    """Returns the message of a frame.

    Raises:
        AnswerError: it is none.
    """
    match form.decode(frame):
        case [_, bytes() as packed, *option]:
            entries = _unpacked(packed, option)
        case [_, list() as entries, *option]:
            pass
        case [_, time, record, *option]:
            entries = [[time, record]]
        case message:
            raise _invalid(f"no message of the forward protocol: {shown(message)}")
    records = [
        entry[1] if isinstance(entry, list) and len(entry) == 2 else entry for entry in entries
    ]
    return Message(records, str(_options(option).get("chunk") or ""))


def _unpacked(packed: bytes, option: list[Any]) -> list[Any]:
    if _options(option).get("compressed") == "gzip":
        packed = gunzip(packed, MAX_MSGPACK_BYTES)
    frames = MsgpackFrames()
    try:
        entries = [_decode_msgpack(frame) for frame in frames.feed(packed)]
    except FrameError as error:
        raise _invalid(str(error)) from None
    if frames.buffered:
        raise _invalid("the last entry ends early")
    return entries


def _options(option: list[Any]) -> dict[str, Any]:
    found = option[0] if option else None
    return found if isinstance(found, dict) else {}


def _decode_msgpack(frame: bytes) -> Any:
    try:
        return msgspec.msgpack.decode(frame)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise _invalid(f"not msgpack: {error}") from None


def _encode_json(value: Any) -> bytes:
    return json.dumps(value).encode()


def _invalid(hint: str) -> AnswerError:
    return AnswerError.of("body.invalid", hint=hint)


JSON = Form(parse_json, _encode_json)
MSGPACK = Form(_decode_msgpack, msgspec.msgpack.encode)
