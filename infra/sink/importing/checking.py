"""Checks the events of a file as the SDK does, and encodes them into a file of messages."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import IO, Any

import msgspec
from eka_usage import EkaClient, EkaError, ErrorContext, Usage

from infra.sink._generated.fields import (
    ACCOUNT,
    FIELDS,
    FIRST_YEAR,
    ID,
    METRIC_TYPE,
    PRODUCT,
    RETENTION_SECONDS,
    TIME,
)
from infra.sink.decode import Rejection, decode, with_time
from infra.sink.importing.lines import FaultError, Line
from infra.sink.reading import reader

MOST = 1_000_000
"""How many events a file may have: they are one transaction."""

_read_time = next(read for f in FIELDS if f.name == TIME and (read := reader(f)) is not None)
_EARLIEST = datetime(FIRST_YEAR, 1, 1, tzinfo=UTC)
# Younger work is as the SDK takes it, so that its own rule applies.
_OLD = timedelta(days=1)
_DIGEST_BYTES = 16


@dataclass
class Checked:
    """What a file holds: how many events, the first and the last time, and what is wrong."""

    events: int = 0
    first: str = ""
    last: str = ""
    faults: list[str] = field(default_factory=list)


class _Messages:
    """Takes the place of Kafka, and keeps the last event."""

    key = value = b""

    def produce(
        self, *, topic: str, key: bytes, value: bytes, on_delivery: Callable[[Any, Any], None]
    ) -> None:
        self.key, self.value = key, value
        on_delivery(None, None)

    def poll(self, timeout: float) -> int:
        return 0

    def flush(self, timeout: float) -> int:
        return 0


class Encoder:
    """Encodes events of a file as a client of the SDK, whose numbers show that none is lost.

    Args:
        service: of events that name none.
        environment: of all of them.
        now: when they are imported.
    """

    def __init__(self, service: str, environment: str | None, now: datetime) -> None:
        self._messages = _Messages()
        self._degraded = ""
        given: dict[str, Any] = {} if environment is None else {"environment": environment}
        self._client = EkaClient(
            service, producer=self._messages, on_error=self._report, disabled=False, **given
        )
        retention = timedelta(seconds=RETENTION_SECONDS or 0)
        self._earliest = max(_EARLIEST, now - retention) if RETENTION_SECONDS else _EARLIEST
        self._recent = now - _OLD

    @property
    def instance_id(self) -> str:
        """The client that the events are of."""
        return self._client.instance_id

    def check(self, lines: Iterable[Line], out: IO[bytes]) -> Checked:
        """Writes the events into a file, as `messages` reads them, and returns what they are.

        After the first fault nothing is written, and the rest is only checked.
        """
        checked = Checked()
        places: dict[bytes, int] = {}
        for index, line in enumerate(lines):
            try:
                message, time = self._encode(line, places)
            except FaultError as error:
                checked.faults.append(f"line {line.number} (event {index}): {error}")
                continue
            checked.events += 1
            checked.first = min(checked.first or time, time)
            checked.last = max(checked.last, time)
            if not checked.faults:
                for part in (self._messages.key, message):
                    out.write(len(part).to_bytes(4) + part)
            if checked.events > MOST:
                checked.faults.append(f"has more than {MOST:,} events: import it in parts")
                break
        return checked

    def close(self) -> None:
        """Ends the client."""
        self._client.shutdown(0)

    def _encode(self, line: Line, places: dict[bytes, int]) -> tuple[bytes, str]:
        """Returns the message of an event, and its time.

        Raises:
            FaultError: it is not one that the SDK accepts.
        """
        if line.fault:
            raise FaultError(line.fault)
        given = dict(line.arguments)
        for name in (ID, TIME):
            if name not in given:
                raise FaultError(f"{name} is missing, which an event of a file must have")
        time = self._old(given)
        names = [given.pop(name, None) for name in (ACCOUNT, PRODUCT, METRIC_TYPE)]
        self._degraded = ""
        found = self._client._try_record(Usage(*names, **given))  # noqa: SLF001  as the API does
        if isinstance(found, EkaError):
            raise FaultError(f"{found.code}: {found}")
        if self._degraded:
            raise FaultError(self._degraded)
        message = self._messages.value
        if time is not None:
            message = with_time(message, time)
        row = decode(message)
        if isinstance(row, Rejection):
            raise FaultError(str(row))
        self._reject_repeated(line, message, places)
        return message, row.occurred

    def _report(self, error: EkaError, _: ErrorContext) -> None:
        self._degraded = f"{error.code}: {error}"

    def _old(self, given: dict[str, Any]) -> str | None:
        """Takes the time out of the arguments if it is older than what services may record.

        Raises:
            FaultError: it is older than what the store keeps.
        """
        value = given[TIME]
        try:
            text = _read_time(value) if isinstance(value, str) else ""
            time = datetime.fromisoformat(text)
        except ValueError:
            return None  # the SDK says what is wrong with it
        if time >= self._recent:
            return None
        if time < self._earliest:
            raise FaultError(f"{TIME} {text} is before what the store keeps: {self._earliest}")
        del given[TIME]
        return text

    def _reject_repeated(self, line: Line, message: bytes, places: dict[bytes, int]) -> None:
        event = msgspec.json.decode(message)
        identity = [event[name] for name in (ACCOUNT, PRODUCT, METRIC_TYPE, ID)]
        digest = hashlib.blake2b(msgspec.json.encode(identity), digest_size=_DIGEST_BYTES).digest()
        first = places.setdefault(digest, line.number)
        if first != line.number:
            raise FaultError(f"{ID} {event[ID]!r} is that of line {first}, and would not count")


def messages(file: IO[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """Yields the keys and values that `check` wrote."""
    file.seek(0)
    while length := file.read(4):
        key = file.read(int.from_bytes(length))
        yield key, file.read(int.from_bytes(file.read(4)))
