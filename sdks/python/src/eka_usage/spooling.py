"""An outbox with a disk behind it: what Kafka does not take now, it takes later.

While anything of its own waits on disk, each event joins the end of that queue, so that order is
kept; once the disk is empty again, events go straight to Kafka.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from .errors import EkaError, SpoolError, described
from .failure import Failed, Failure
from .outbox import Outbox, Parked
from .reporting import say
from .spool.directory import Full
from .spool.journal import Group
from .spool.origin import Origin
from .spool.plan import Plan
from .spool.spool import Counts, Host, Spool
from .spool.tuning import Tuning
from .transports.base import Transport
from .transports.kafka import refusal

_SLICE = 0.05
_Keep = Callable[[bytes, bytes], object]
TUNING = Tuning()


class SpoolingOutbox(Outbox):
    """As `Outbox`, and nothing that can still be delivered is given up.

    Args:
        connect, failed, limit: as for `Outbox`.
        told: told of what others accepted and Kafka will never take.
        calm: how many queued events leave room for those of others.
        plan: what the spool is to be.
        origin: whose it is.
        replay: makes the transport of what is replayed.
    """

    def __init__(
        self,
        connect: Callable[[Failed], Transport],
        failed: Failed,
        limit: str,
        told: Failed,
        calm: int,
        plan: Plan,
        origin: Origin,
        replay: Callable[[Failed], Transport],
    ) -> None:
        super().__init__(connect, failed, limit)
        self._told = told
        # Why there is no room on disk, and why the last event that was to wait there does not.
        self._trouble: Exception | None = None
        self._unkept: Exception | None = None
        # How many events shutdown() gave up, since the disk did not take them either.
        self._lost = 0
        host = Host(
            connect=lambda: replay(_unheard),
            report_of=self._report_of,
            refused=refusal,
            drained=lambda: self._transport is None or self._transport.queued() == 0,
            calm=lambda: super(SpoolingOutbox, self).queued() <= calm,
            caught_up=self._resume,
            trouble=self._no_room,
            buried=self._buried,
        )
        self._spool = Spool(plan, origin, host, TUNING)
        if plan.durable:
            self.refusal = self._without_room

    def begin(self) -> None:
        """Looks after what is on disk."""
        self._without_room()
        self._spool.start()

    def counts(self) -> Counts:
        """What the disk adds to the books."""
        return self._spool.counts()

    def flush(self, timeout: float) -> int:
        deadline = time.monotonic() + timeout
        self._wait(timeout)
        while self._spool.pending and (left := deadline - time.monotonic()) > 0:
            self._wait(min(left, _SLICE))
        return self.queued() + self._spool.pending

    def close(self, timeout: float) -> int:
        left = super().close(timeout)
        return self._lost if left else 0

    def outlive(self) -> None:
        super().outlive()
        self._spool.outlive()

    def _wait(self, seconds: float) -> None:
        if self._transport is None:
            time.sleep(seconds if self._spool.pending else 0)
        else:
            super().flush(seconds)
            if not self.queued() and self._spool.pending:
                time.sleep(min(seconds, _SLICE))

    def _drain(self, timeout: float) -> None:
        """As long as there is progress."""
        now = since = time.monotonic()
        deadline, best = now + timeout, 0
        while left := self.queued() + self._spool.pending:
            self._wait(max(0.0, min(deadline - now, _SLICE)))
            now = time.monotonic()
            if not best or left < best:
                best, since = left, now
            if now >= deadline or now - since > self._spool.patience:
                return

    def _give_up(self) -> None:
        super()._give_up()
        self._spool.release()
        kept = self._spool.counts().spooled
        if kept:
            text = "%d events wait in %s: the next process on this machine sends them"
            say(logging.WARNING, text, kept, self._spool.folder)

    def _start(self, key: str, value: str) -> None:
        self.begin()
        super()._start(key, value)

    def _carrier(self, transport: Transport) -> Callable[[str, str], None]:
        if not self._spool.durable:
            return transport.send
        return partial(self._write, transport.send_reported, self._spool.append)

    def _write(
        self,
        send: Callable[[bytes, bytes, Any], None],
        append: Callable[[bytes, bytes], Group],
        key: str,
        value: str,
    ) -> None:
        """Takes an event to the disk, then to Kafka."""
        start, event = key.encode(), value.encode()
        try:
            group = append(start, event)
        except Exception as error:  # it was numbered before the disk was found full
            self._cannot_write(error)
            self._no_room(error)
            self.open().send(key, value)
            return
        try:
            send(start, event, group.report)
        except BufferError:
            self._move(self._spool.keep, start, event, group)
        except Exception as error:
            self._unsent(group, refusal(error, start, event))

    @property
    def _behind(self) -> bool:
        """Whether something of its own waits on disk, which every event has to wait behind."""
        return self._carry == self._keep

    def _keep(self, key: str, value: str) -> None:
        """Takes an event to the disk alone, as all that come after it until the disk is empty."""
        try:
            self._wait_on_disk(self._spool.keep, key.encode(), value.encode())
        except Exception as error:
            self._cannot_write(error)
            raise BufferError(str(error)) from None

    def _wait_on_disk(self, keep: _Keep, key: bytes, event: bytes) -> None:
        with self._parking:
            keep(key, event)
            self._unkept = None
            if not self._finished:
                self._carry = self._keep

    def _move(self, keep: _Keep, key: bytes, event: bytes, group: Group) -> None:
        """Takes an event that is on disk to those that wait there."""
        try:
            self._wait_on_disk(keep, key, event)
        except Exception as error:
            self._cannot_write(error)
            super()._park(key.decode(), event.decode(), group)
        else:
            group.done()

    def _park(self, key: str, value: str, group: Group | None = None) -> None:
        if not self._behind:  # otherwise it comes from there, and found no room
            try:
                self._keep(key, value)
            except BufferError:
                pass
            else:
                return
        if self._spool.durable:
            # What is kept free for events that were numbered already is free in this journal.
            with suppress(Exception):
                group = self._spool.append(key.encode(), value.encode())
        super()._park(key, value, group)

    def _again(self, parked: Parked) -> None:
        key, value, group = parked
        if group is None:
            super()._again(parked)
        elif self._behind:
            self._keep(key, value)
            group.done()
        else:
            start, event = key.encode(), value.encode()
            try:
                self.open().send_reported(start, event, group.report)
            except BufferError:
                raise
            except Exception as error:
                self._unsent(group, refusal(error, start, event))

    def _abandon(self, parked: Parked) -> None:
        if parked.group is None:
            super()._abandon(parked)
        else:
            self._spool.leave()

    def _resume(self) -> None:
        with self._parking:
            if self._behind and not self._spool.pending:
                self._carry = self._carrier(self.open())

    def _report_of(self, group: Group) -> Any:
        return self.open().reporter(group.done, partial(self._unsent, group))

    def _unsent(self, group: Group, failure: Failure) -> None:
        """An event on disk that did not reach Kafka."""
        if failure.final:
            self._spool.bury(failure)
            group.done()
        elif failure.given_up or self._finished:
            self._spool.leave()
        else:
            self._move(self._spool.take_back, failure.key, failure.event, group)

    def _undelivered(self, failure: Failure) -> None:
        if failure.final:
            self._spool.bury(failure)
            return
        try:
            self._wait_on_disk(self._spool.take_back, failure.key, failure.event)
        except Exception as error:
            self._cannot_write(error)
            self._lost += failure.given_up
            self._failed(failure)

    def _buried(self, failure: Failure, own: bool) -> None:
        if own:
            self._failed(failure)
        else:
            self._told(failure)

    def _no_room(self, trouble: Exception | None) -> None:
        with self._parking:
            self._trouble = trouble
            waiting = self.refusal in {self._out_of_room, self._without_room}
            if trouble is None:
                self.refusal = None if waiting else self.refusal
            elif self._spool.durable or self._behind:
                self.refusal = self._out_of_room if waiting else self.refusal or self._out_of_room

    def _without_room(self) -> EkaError | None:
        """Makes room on disk before the first event is numbered; says why there is none."""
        with self._parking:
            if self.refusal == self._without_room:
                try:
                    self._spool.make_room()
                except Exception as error:
                    self._no_room(error)
            refusal = self.refusal
            return None if refusal is None or refusal == self._without_room else refusal()

    def _out_of_room(self) -> EkaError:
        # Not `_full` itself, which whoever takes a parked event to the disk or to Kafka lifts.
        return self._full()

    def _full(self) -> EkaError:
        trouble = self._trouble or self._unkept
        if isinstance(trouble, Full):
            return SpoolError.of("spool.full", hint=str(trouble))
        if trouble is None or not self._spool.durable:
            return super()._full()
        return SpoolError.of("spool.failed", hint=described(trouble))

    def _cannot_write(self, error: Exception) -> None:
        self._unkept = error
        where = self._spool.folder
        text = f"the spool in {where} cannot be written: {described(error)}; make room there"
        self._log.log(logging.ERROR, "spool", text)


def _unheard(_: Failure) -> None:
    """What is replayed is reported one by one."""
