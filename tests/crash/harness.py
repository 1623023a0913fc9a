"""One experiment: processes record and end in some way, then the next one starts and recovers."""

from __future__ import annotations

import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
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
from tests.waiting import eventually

CALL: Mapping[str, str] = {"workspace_id": "ws-1", "product": "api", "metric_type": "api_call"}
OFF = "off"


@dataclass(frozen=True)
class Outcome:
    """What became of the events of one experiment."""

    accepted: int
    delivered: int
    reported: int
    lost: int
    duplicates: int

    @classmethod
    def of(
        cls, accepted: Sequence[str], reported: Sequence[str], events: Sequence[UsageEvent]
    ) -> Self:
        """Compares the accepted events with those in Kafka and those reported to on_error."""
        delivered = Counter(event.event_id for event in events)
        failed = set(reported) - delivered.keys()
        return cls(
            accepted=len(accepted),
            delivered=len(delivered),
            reported=len(failed),
            lost=len(set(accepted) - delivered.keys() - failed),
            duplicates=delivered.total() - len(delivered),
        )


@dataclass
class Experiment:
    """A broker, a spool directory, and every process that took part."""

    language: str
    mode: str
    broker: DevBroker
    folder: Path
    # A command to run each driver under.
    prefix: Sequence[str] = ()
    drivers: list[Driver] = field(default_factory=list)
    # The events that must arrive, where that is not every accepted one of a driver.
    expected: Sequence[str] | None = None
    # Events that programs other than drivers reported to on_error.
    reported: Sequence[str] = ()
    _stack: ExitStack = field(default_factory=ExitStack)

    def start(
        self,
        *,
        clock_offset: int = 0,
        environment: Mapping[str, str] | None = None,
        **settings: Any,
    ) -> Driver:
        """Starts a process with a client in the mode of the experiment."""
        driver = self._driver(environment)
        driver.request("new", settings=self.settings(**settings), clock_offset=clock_offset)
        return driver

    def start_by_default(self) -> Driver:
        """Starts a process whose client has no spool setting, and only /var/tmp by default."""
        unset = dict.fromkeys(("STATE_DIRECTORY", "XDG_STATE_HOME", "HOME"), "")
        unset |= variables(spool="", spool_dir="")
        driver = self._driver({**unset, "TMPDIR": str(self.folder / "none")})
        driver.request("new", settings={"kafka_brokers": self.broker.bootstrap})
        return driver

    def rejection(self) -> str:
        """Returns the error with which a client fails to start."""
        with Driver(self.language, prefix=self.prefix) as driver:
            try:
                driver.request("new", settings=self.settings())
            except Fault as fault:
                return str(fault)
        raise AssertionError("the client started")

    def _driver(self, environment: Mapping[str, str] | None = None) -> Driver:
        driver = Driver(self.language, prefix=self.prefix, **(environment or {}))
        self.drivers.append(self._stack.enter_context(driver))
        return driver

    def settings(self, **settings: Any) -> dict[str, Any]:
        """Returns the settings of a client."""
        spool = {} if self.mode == OFF else {"spool_dir": str(self.folder)}
        brokers = {"kafka_brokers": self.broker.bootstrap}
        return {**brokers, "spool": self.mode, **spool, **settings}

    def segments(self) -> list[Path]:
        """Returns the segments with undelivered events, wherever the directory is mounted."""
        folder = Path(f"/proc/{self._last.pid}/root{self.folder}") if self.prefix else self.folder
        while True:
            with suppress(FileNotFoundError):  # renamed or removed since it was listed
                return sorted(filter(_has_header, folder.glob("events-*")))

    @property
    def _last(self) -> Driver:
        return self.drivers[-1]

    def recover(self, **arguments: Any) -> None:
        """Starts the next process and waits until it has emptied the spool."""
        if self.mode == OFF:
            return
        adopter = self.start(**arguments)
        try:
            eventually(lambda: not self.segments(), "the spool is not empty")
        finally:
            adopter.request("shutdown")
            adopter.end()

    def outcome(self) -> Outcome:
        """Ends every process and compares what they accepted with what Kafka holds."""
        self.close()
        streamed = [event_id for driver in self.drivers for event_id in driver.streamed]
        accepted = streamed if self.expected is None else self.expected
        errors = [error for driver in self.drivers for error in driver.errors]
        reported = [str(error["event_id"]) for error in errors if error.get("event_id")]
        reported += self.reported
        return Outcome.of(accepted, reported, read_events(self.broker.bootstrap))

    def close(self) -> None:
        """Ends every process that still runs, once all its output has been read."""
        self._stack.close()


@contextmanager
def experiment(language: str, mode: str) -> Iterator[Experiment]:
    """Makes a new experiment, and removes everything it left behind."""
    with tempfile.TemporaryDirectory(prefix="eka-crash-") as name:
        folder = Path(name)
        with DevBroker(data_dir=folder / "broker") as broker:
            made = Experiment(language, mode, broker, folder / "spool")
            try:
                yield made
            finally:
                made.close()


@contextmanager
def small_disk(folder: Path, megabytes: int, *, read_only: bool = False) -> Iterator[Sequence[str]]:
    """Mounts a small disk at the folder, in a namespace; yields the command that enters it."""
    folder.mkdir(mode=0o700, exist_ok=True)
    options = f"size={megabytes}m,mode=0700" + (",ro" if read_only else "")
    script = f"mount -t tmpfs -o {options} tmpfs {folder} && echo ready && exec sleep 600"
    holder = subprocess.Popen(
        ("unshare", "-Urm", "sh", "-c", script), stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout is not None
        if holder.stdout.readline() != "ready\n":
            raise Unsupported("unprivileged mounts are disabled on this machine")
        yield ("nsenter", "--preserve-credentials", "-U", "-m", "-t", str(holder.pid))
    finally:
        holder.kill()
        holder.communicate()


class Unsupported(Exception):
    """This machine cannot run the experiment."""


def _has_header(segment: Path) -> bool:
    """Reports whether events were written to a segment, which a preallocated one still lacks."""
    with segment.open("rb") as file:
        return any(file.read(len(MAGIC)))
