"""Dead letters whose events are erased: markers in their topic say of what, without its name.

So whoever reads the topic knows, also while another process has the store open. A sink writes the
markers again from time to time, so that they outlive the dead letters that came after them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from infra.sink import headers, kafka
from infra.sink._generated.fields import ACCOUNT, DEAD_LETTER_TOPIC, METADATA, TIME
from infra.sink.dlq.record import DeadLetter
from infra.sink.errors import UnavailableError
from infra.sink.headers import OWN

_ERASED = f"{OWN}erased"
_SECONDS = 20
_parse = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_encode = msgspec.json.Encoder().encode


class Marker(NamedTuple):
    """What is erased: the SHA-256 of a workspace or "" for all, a metadata key or "", and when.

    All that is of work before `before_ms`, in milliseconds.
    """

    digest: str
    key: str
    before_ms: int


def mark(connection: Mapping[str, Any], markers: Iterable[Marker]) -> None:
    """Writes markers to the dead-letter topic, and waits until Kafka has them.

    Raises:
        UnavailableError: Kafka does not take them.
    """
    producer = Producer({**connection, **kafka.PRODUCER, "enable.idempotence": True})
    errors: list[str] = []

    def on_delivery(error: KafkaError | None, _: Message) -> None:
        if error is not None:
            errors.append(error.str())

    try:
        for marker in markers:
            producer.produce(
                DEAD_LETTER_TOPIC,
                headers=[(_ERASED, json.dumps(marker))],
                on_delivery=on_delivery,
            )
        left = producer.flush(_SECONDS)
    except KafkaException as failure:
        errors, left = [failure.args[0].str()], 0
    if errors or left:
        cause = errors[0] if errors else "no acknowledgement"
        raise UnavailableError(f"cannot mark dead letters as erased: {cause}; run it again")


def read_marker(message: Message) -> Marker | None:
    """Returns the marker that a message is; None if it is none."""
    found = headers.read(message)
    if message.value() is not None or [name for name, _ in found] != [_ERASED]:
        return None
    try:
        match json.loads(headers.text(found[0][1])):
            case [str(digest), str(key), int(before_ms)]:
                return Marker(digest, key, before_ms)
    except ValueError:
        pass
    return None


class Erased:
    """What markers say is erased."""

    def __init__(self) -> None:
        self._before: dict[tuple[str, str], int] = {}

    def add(self, marker: Marker) -> None:
        """Adds what a marker says."""
        what = (marker.digest, marker.key)
        self._before[what] = max(marker.before_ms, self._before.get(what, marker.before_ms))

    def clean(self, letter: DeadLetter) -> DeadLetter | None:
        """Returns a dead letter without what is erased; None if all of it is.

        Of a message that is no JSON object only the key tells whose it is, and nothing when its
        work was: it is erased whenever that was. Its metadata stays as it is.
        """
        if not self._before:
            return letter
        event = _event(letter)
        account = event.get(ACCOUNT) if event else (letter.key or b"").decode(errors="replace")
        digest = hashlib.sha256(str(account).encode(errors="replace")).hexdigest()
        time = _milliseconds(event.get(TIME) if event else None)
        if self._has(digest, "", time):
            return None
        keys = {key for _, key in self._before if key}
        if not event or not METADATA or not keys:
            return letter
        gone = {key for key in keys if self._has(digest, key, time) or self._has("", key, time)}
        return _without(letter, event, gone)

    def _has(self, digest: str, key: str, time: int | None) -> bool:
        before = self._before.get((digest, key))
        return before is not None and (time is None or time < before)


def _event(letter: DeadLetter) -> dict[str, Any] | None:
    try:
        parsed = json.loads(letter.value or b"")
    except (ValueError, RecursionError):
        return None
    return parsed if isinstance(parsed, dict) else None


def _milliseconds(time: Any) -> int | None:
    try:
        parsed = datetime.fromisoformat(time)
        return None if parsed.tzinfo is None else int(parsed.timestamp() * 1000)
    except (OverflowError, TypeError, ValueError):
        return None


def _without(letter: DeadLetter, event: dict[str, Any], keys: set[str]) -> DeadLetter:
    """Returns a dead letter without keys of its metadata; all else keeps its bytes."""
    try:
        metadata = _parse(event.get(METADATA, ""))
        if keys.isdisjoint(metadata):
            return letter
        for key in keys & metadata.keys():
            del metadata[key]
        whole = _parse(letter.value or b"")
    except (TypeError, msgspec.DecodeError, RecursionError):
        return letter
    whole[METADATA] = msgspec.Raw(_encode(_encode(metadata).decode()))
    value = _encode(whole)
    return replace(letter, value=value, length=len(value))
