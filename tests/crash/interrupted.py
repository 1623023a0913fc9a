"""Interrupts record() of the Python SDK at one bytecode after another, each time on a new client.

python -m tests.crash.interrupted CASE MODE [--first | --full] [--batch] [--bootstrap ADDRESS]
    [--every N] [--start N]

CASE is what happens between two bytecodes:

    handler    a signal handler of the host records, flushes and shuts the client down
    sigterm    the SDK's own handler of SIGTERM runs
    exception  a signal handler raises
    async      another thread sets an exception, which the interpreter raises at its next check

Without a broker, what is accepted has to be on disk or reported in the end. The program prints a
line of JSON per step, and a traceback of every thread if a step hangs.
"""

from __future__ import annotations

import argparse
import ctypes
import faulthandler
import json
import logging
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import eka_usage
from eka_usage import EkaClient, Usage, _outbox, _shutdown_hooks
from eka_usage._spool.directory import Directory
from eka_usage._spool.directory_handle import DirectoryHandle
from eka_usage._spool.record import Record
from eka_usage._spool.segment import Segment

from tests.e2e.reader import read_events
from tests.waiting import eventually

SDK = str(Path(eka_usage.__file__).parent)
CASES = ("handler", "sigterm", "exception", "async")
MODES = ("off", "spill", "durable")
NO_BROKER = "127.0.0.1:1"
# Seconds that the interrupted client may wait for its events, and how much longer a busy machine
# may take. A step that takes longer than the last of the three hangs.
BUDGET, MARGIN, HANGS = 0.1, 2.5, 30.0
# How many events a batch has.
_BATCH = 3
_FAILURES = frozenset({"delivery.failed", "shutdown.timeout"})


class HostError(Exception):
    """An exception of the host's, such as Celery's soft time limit."""


class Interrupter:
    """Traces the SDK's frames of one thread, and calls `act` before one of their bytecodes."""

    def __init__(self, step: int, act: Callable[[FrameType], object]) -> None:
        self._step = step
        self._act = act
        self._seen = 0
        self.place = ""

    def run(self, call: Callable[[], object]) -> object:
        """Returns what the call returns."""
        sys.settrace(self._trace)
        try:
            return call()
        finally:
            sys.settrace(None)

    def _trace(self, frame: FrameType, event: str, _: object) -> Any:
        if not frame.f_code.co_filename.startswith(SDK):
            return None
        frame.f_trace_lines, frame.f_trace_opcodes = False, True
        if event == "opcode":
            self._seen += 1
            if self._seen == self._step:
                sys.settrace(None)
                name = os.path.relpath(frame.f_code.co_filename, SDK)
                self.place = f"{name}:{frame.f_lineno} {frame.f_code.co_name}"
                self._act(frame)
        return self._trace


class Step:
    """One interruption of a new client."""

    def __init__(self, options: argparse.Namespace, number: int, folder: Path) -> None:
        self.options = options
        self.folder = folder
        self.problems: list[str] = []
        self.accepted: list[str | None] = []
        self.errors: list[tuple[str, str | None]] = []
        self.ended = threading.Event()
        self.kept: list[tuple[int, str]] = []
        settings: dict[str, Any] = {} if options.mode == "off" else {"spool_dir": str(folder)}
        if options.full:
            settings["max_queue_events"] = 3
        self.client = EkaClient(
            "interrupted",
            options.bootstrap,
            {"log_level": 0, "reconnect.backoff.ms": 10, "reconnect.backoff.max.ms": 20},
            on_error=lambda error, context: self.errors.append(
                (error.code, context.get("event_id"))
            ),
            linger_ms=0,
            shutdown_timeout_ms=int(BUDGET * 1000),
            spool=options.mode,
            **settings,
        )
        self.interrupter = Interrupter(number, getattr(self, f"_{options.case}"))

    @property
    def is_away(self) -> bool:
        return bool(self.options.bootstrap == NO_BROKER)

    def run(self) -> bool:
        """Runs the step, and reports whether the call had so many bytecodes."""
        if not self.options.first:
            for _ in range(6):
                self._record()
            eventually(lambda: self.client._outbox._poller._worker._thread)
        self._interrupt()
        if self.interrupter.place:
            self._check()
        else:
            self.client.shutdown(0)
        return bool(self.interrupter.place)

    def _interrupt(self) -> None:
        raises = self.options.case in {"exception", "async"}
        try:
            self.interrupter.run(self._record_many if self.options.batch else self._record)
            if self.options.case == "async" and self.interrupter.place:
                time.sleep(0)
            # CPython 3.11 sets the exception for a thread that just starts, if there is one.
            is_lost = self.options.case == "async" and "_worker.py" in self.interrupter.place
            if raises and self.interrupter.place and not is_lost:
                self.problems.append("the exception was swallowed")
        except HostError:
            if not raises:
                raise

    def _record(self) -> None:
        self.accepted.append(self.client.record("ws-1", "api", "api_call"))

    def _record_many(self) -> None:
        usage = Usage("ws-1", "api", "api_call")
        self.accepted += self.client.record_many([usage] * _BATCH) or [None]

    # What happens between two bytecodes.

    def _handler(self, _: FrameType) -> None:
        started = time.monotonic()
        self._record()
        self.client.flush(BUDGET)
        self.client.shutdown(BUDGET)
        self._took(started, 2 * BUDGET, "the handler")

    def _sigterm(self, frame: FrameType) -> None:
        _shutdown_hooks._on_sigterm(signal.SIGTERM, frame)

    def _exception(self, _: FrameType) -> None:
        raise HostError

    def _async(self, _: FrameType) -> None:
        # An operator, unlike a call, lets the interpreter raise only in the frame that is traced.
        _ = +_AsyncError()

    # What has to hold afterwards.

    def _check(self) -> None:
        case = self.options.case
        started = time.monotonic()
        if case == "sigterm" and not self.ended.wait(BUDGET + MARGIN):
            self.problems.append("the process does not end")
            self.ended.wait()
        if case in {"exception", "async"}:
            self._go_on()
        self.client.shutdown(0 if self.is_away else 10)
        self._took(started, BUDGET + 2, "the end")
        self._check_counters()
        self.kept = _on_disk(self.folder)

    def _go_on(self) -> None:
        """The client accepts further events, from this thread and from another."""
        other = threading.Thread(target=self._record, daemon=True)
        other.start()
        other.join(5)
        if other.is_alive():
            self.problems.append("another thread is blocked")
            return
        self._record()
        may_be_full = self.options.full and (self.options.mode == "off" or self.options.batch)
        if None in self.accepted and not may_be_full:
            self.problems.append("an event is rejected")
        if not self.is_away and (left := self.client.flush(10)):
            self.problems.append(f"{left} events are not delivered")

    def _took(self, started: float, allowed: float, what: str) -> None:
        if (took := time.monotonic() - started) > allowed + MARGIN:
            self.problems.append(f"{what} took {took:.1f} s")

    def _check_counters(self) -> None:
        stats = self.client.stats()
        if stats.queued:
            self.problems.append(f"after the end: {stats}")
        accepted = sum(event_id is not None for event_id in self.accepted)
        # The interrupted call returned no id, and its event may have been sent twice.
        more = 2 * _BATCH if self.options.batch else 2
        if not accepted <= stats.accepted <= accepted + more:
            self.problems.append(f"{accepted} ids were returned: {stats}")

    def check_numbers(self, delivered: Sequence[tuple[int, str]]) -> None:
        """Each accepted event is in Kafka, on disk or reported, and no number is missing."""
        found = {*self.kept, *delivered}
        numbers = Counter(number for number, _ in found)
        names = {name for _, name in found}
        failed = {name for code, name in self.errors if code in _FAILURES}
        missing = set(range(1, max(numbers, default=0) + 1)) - numbers.keys()
        if len(missing) > len(failed - names):
            self.problems.append(f"the numbers {sorted(missing)} are missing")
        if set(numbers.values()) - {1}:
            self.problems.append("a number was used twice")
        if failed & names:
            self.problems.append(f"{len(failed & names)} events are reported as lost, and are not")
        if lost := {name for name in self.accepted if name} - names - failed:
            self.problems.append(f"{len(lost)} accepted events are lost")


def _on_disk(folder: Path) -> list[tuple[int, str]]:
    if not folder.exists():
        return []
    found = []
    handle = DirectoryHandle(folder)
    for name in Directory(handle, 1 << 40).names():
        segment = Segment.open(handle, name, write=False)
        records = [item.event for item in segment.read() if isinstance(item, Record)]
        segment.close()
        found += [(event["seq"], event["event_id"]) for event in map(json.loads, records)]
    return found


class _AsyncError:
    """Sets an exception for the thread that applies the operator `+` to it."""

    __pos__ = staticmethod(
        partial(
            ctypes.pythonapi.PyThreadState_SetAsyncExc,
            ctypes.c_ulong(threading.get_ident()),
            ctypes.py_object(HostError),
        )
    )


def run(options: argparse.Namespace) -> None:
    """Runs the steps, and prints the problems of each."""
    steps: list[Step] = []
    ended: list[threading.Event] = []
    real_kill = os.kill

    def kill(process: int, number: int) -> None:
        if signal.getsignal(number) is _shutdown_hooks._on_sigterm:
            real_kill(process, number)
        else:
            ended[-1].set()

    os.kill = kill
    logging.disable()
    _outbox._POLL_EVERY = 1
    # The thread that ends the process tries again later, which would end another step.
    _shutdown_hooks._STUCK = HANGS
    with tempfile.TemporaryDirectory(prefix="eka-interrupted-") as name:
        for number in range(options.start, sys.maxsize, options.every):
            faulthandler.dump_traceback_later(HANGS, exit=True)
            step = Step(options, number, Path(name) / str(number))
            ended[:] = [step.ended]
            if not step.run():
                break
            steps.append(step)
            shutil.rmtree(step.folder, ignore_errors=True)
            print(json.dumps({"number": number}), flush=True)
    faulthandler.cancel_dump_traceback_later()
    _shutdown_hooks._STUCK = 0
    delivered = defaultdict(list)
    if steps and not steps[0].is_away:
        for event in read_events(options.bootstrap):
            delivered[event.instance_id].append((event.seq, event.event_id))
    for step in steps:
        step.check_numbers(delivered[step.client.instance_id])
        if step.problems:
            problem = {"place": step.interrupter.place, "problems": step.problems}
            print(json.dumps(problem), flush=True)


def main() -> None:
    """Reads the command line, and runs the steps."""
    parser = argparse.ArgumentParser()
    parser.add_argument("case", choices=CASES)
    parser.add_argument("mode", choices=MODES)
    parser.add_argument("--first", action="store_true", help="interrupt the client's first event")
    parser.add_argument("--full", action="store_true", help="fill the client's queue first")
    parser.add_argument("--batch", action="store_true", help="interrupt record_many()")
    parser.add_argument("--bootstrap", default=NO_BROKER)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--start", type=int, default=1)
    run(parser.parse_args())


if __name__ == "__main__":
    main()
