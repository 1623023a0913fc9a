"""One experiment: processes that record and end somehow, then one that only starts and waits."""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from eka_usage import UsageEvent
from eka_usage._generated.spool import MAGIC

from tests.broker import DevBroker
from tests.conformance.drivers import Driver, Fault
from tests.e2e.reader import read_events
from tests.environment import variables

CALL: Mapping[str, str] = {"workspace_id": "ws-1", "product": "api", "metric_type": "api_call"}
OFF = "off"
_PATIENCE = 60


@dataclass(frozen=True)
class Outcome:
    """What became of the events of one experiment."""

    accepted: int
    delivered: int
    heard: int
    lost: int
    doubled: int

    @classmethod
    def of(
        cls, accepted: Sequence[str], heard: Sequence[str], events: Sequence[UsageEvent]
    ) -> Self:
        """Compares what was accepted with what arrived, and with what on_error heard of."""
        arrived = Counter(event.event_id for event in events)
        told = set(heard) - arrived.keys()
        return cls(
            accepted=len(accepted),
            delivered=len(arrived),
            heard=len(told),
            lost=len(set(accepted) - arrived.keys() - told),
            doubled=arrived.total() - len(arrived),
        )


@dataclass
class Lab:
    """A broker, a folder for the spool, and every process that had a part in it."""

    language: str
    mode: str
    broker: DevBroker
    folder: Path
    # A command that goes before each driver's own.
    within: Sequence[str] = ()
    drivers: list[Driver] = field(default_factory=list)
    # What must arrive, where that is not all that was accepted.
    expected: Sequence[str] | None = None
    _stack: ExitStack = field(default_factory=ExitStack)

    def start(
        self,
        *,
        clock_offset: int = 0,
        environment: Mapping[str, str] | None = None,
        **settings: Any,
    ) -> Driver:
        """A process with a client in the mode of the experiment."""
        driver = self._driver(environment)
        driver.ask("new", settings=self.settings(**settings), clock_offset=clock_offset)
        return driver

    def start_by_default(self) -> Driver:
        """A process whose client was told nothing of a spool."""
        driver = self._driver(variables(spool="", spool_dir=""))
        driver.ask("new", settings={"kafka_brokers": self.broker.bootstrap})
        return driver

    def refused(self) -> str:
        """Why no client is made."""
        with Driver(self.language, within=self.within) as driver:
            try:
                driver.ask("new", settings=self.settings())
            except Fault as fault:
                return str(fault)
        raise AssertionError("a client was made")

    def _driver(self, environment: Mapping[str, str] | None = None) -> Driver:
        driver = Driver(self.language, within=self.within, **(environment or {}))
        self.drivers.append(self._stack.enter_context(driver))
        return driver

    def settings(self, **settings: Any) -> dict[str, Any]:
        """What a client is told."""
        spool = {} if self.mode == OFF else {"spool_dir": str(self.folder)}
        brokers = {"kafka_brokers": self.broker.bootstrap}
        return {**brokers, "spool": self.mode, **spool, **settings}

    def segments(self) -> list[Path]:
        """The segments that hold events nobody has delivered, wherever the folder is mounted."""
        seen = Path(f"/proc/{self._last.pid}/root{self.folder}") if self.within else self.folder
        while True:
            with suppress(FileNotFoundError):  # one was named anew or removed a moment ago
                return sorted(filter(_was_begun, seen.glob("events-*")))

    @property
    def _last(self) -> Driver:
        return self.drivers[-1]

    def recover(self, **arguments: Any) -> None:
        """The next process: it starts and waits, until nothing is left to do."""
        if self.mode == OFF:
            return
        heir = self.start(**arguments)
        try:
            wait_until(lambda: not self.segments(), "the spool is empty")
        finally:
            heir.ask("shutdown")
            heir.end()

    def outcome(self) -> Outcome:
        """Compares, once every process has ended."""
        self.close()
        streamed = [event_id for driver in self.drivers for event_id in driver.streamed]
        accepted = streamed if self.expected is None else self.expected
        errors = [error for driver in self.drivers for error in driver.errors]
        heard = [str(error["event_id"]) for error in errors if error.get("event_id")]
        return Outcome.of(accepted, heard, read_events(self.broker.bootstrap))

    def close(self) -> None:
        """Ends what still runs, and waits until all it said is read."""
        self._stack.close()


@contextmanager
def lab(language: str, mode: str) -> Iterator[Lab]:
    """A new one, of which nothing is left afterwards."""
    with tempfile.TemporaryDirectory(prefix="eka-crash-") as name:
        folder = Path(name) / "spool"
        with DevBroker(data_dir=Path(name) / "broker") as broker:
            experiment = Lab(language, mode, broker, folder)
            try:
                yield experiment
            finally:
                experiment.close()


@contextmanager
def small_disk(folder: Path, megabytes: int, *, read_only: bool = False) -> Iterator[Sequence[str]]:
    """The folder on a disk of its own, in a mount namespace: the command that enters it."""
    folder.mkdir(mode=0o700, exist_ok=True)
    options = f"size={megabytes}m,mode=0700" + (",ro" if read_only else "")
    script = f"mount -t tmpfs -o {options} tmpfs {folder} && echo ready && exec sleep 600"
    holder = subprocess.Popen(
        ("unshare", "-Urm", "sh", "-c", script), stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout is not None
        if holder.stdout.readline() != "ready\n":
            raise Unable("this machine lets nobody mount a file system of his own")
        yield ("nsenter", "--preserve-credentials", "-U", "-m", "-t", str(holder.pid))
    finally:
        holder.kill()
        holder.communicate()


class Unable(Exception):
    """The experiment cannot be made on this machine."""


def _was_begun(segment: Path) -> bool:
    """Whether it has a header, unlike one that was only made ahead."""
    with segment.open("rb") as file:
        return any(file.read(len(MAGIC)))


def wait_until(holds: Callable[[], object], what: str, patience: float = _PATIENCE) -> None:
    """Waits, and says what it waited for in vain."""
    deadline = time.monotonic() + patience
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {patience} s in vain until {what}")
        time.sleep(0.02)
