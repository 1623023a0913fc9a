"""How processes, brokers and disks fail, each as an experiment.

What each may lose is documented in docs/durability.md, and read from there.
"""

from __future__ import annotations

import random
import resource
import shutil
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.conformance.drivers import COMMANDS, Driver
from tests.crash.damage import damage
from tests.crash.harness import CALL, OFF, Experiment, small_disk
from tests.crash.interrupts import EXCEPTIONS, SIGNALS, interrupt, variants
from tests.e2e.reader import read_events
from tests.hosts.experiment import run as run_program
from tests.waiting import eventually

SPILL, DURABLE = "spill", "durable"
MODES = (OFF, SPILL, DURABLE)
LANGUAGES = tuple(COMMANDS)
_EVENTS = 2_000
_LEASE_SECONDS = 5.0
_HEARTBEAT_SECONDS = 1.0
_KILLS = 30
_BATCH_KILLS, _BATCHES, _BATCH_EVENTS = 3, 60, 100
_RETRIABLE = (
    "NOT_LEADER_FOR_PARTITION",
    "NOT_ENOUGH_REPLICAS",
    "REQUEST_TIMED_OUT",
    "KAFKA_STORAGE_ERROR",
)
_PERMANENT = ("MESSAGE_TOO_LARGE", "POLICY_VIOLATION", "INVALID_RECORD")


@dataclass(frozen=True)
class Scenario:
    """One row of the matrix."""

    name: str
    run: Callable[[Experiment], None]
    modes: tuple[str, ...] = MODES
    languages: tuple[str, ...] = LANGUAGES


def _recording(
    experiment: Experiment, seconds: float = 0.3, pause: int = 0, **settings: Any
) -> Driver:
    """Starts a process and returns it in the middle of recording."""
    driver = experiment.start(**settings)
    driver.send("stream", call=CALL, times=0, pause=pause)
    eventually(lambda: driver.streamed, "no event was accepted")
    time.sleep(seconds)
    return driver


def _normal_exit(experiment: Experiment) -> None:
    driver = experiment.start()
    driver.request("stream", call=CALL, times=_EVENTS)
    driver.end()
    experiment.recover()


def _unhandled_exception(experiment: Experiment) -> None:
    driver = experiment.start()
    driver.request("stream", call=CALL, times=_EVENTS)
    driver.send("throw")
    assert driver.wait() != 0
    experiment.recover()


def _immediate_exit(experiment: Experiment) -> None:
    driver = experiment.start()
    driver.send("stream", call=CALL, times=_EVENTS)
    driver.send("halt", code=3)
    assert driver.wait() == 3
    experiment.recover()


def _signal(
    number: signal.Signals, *, handled: bool, **settings: Any
) -> Callable[[Experiment], None]:
    def run(experiment: Experiment) -> None:
        driver = experiment.start(**settings)
        if handled:
            driver.request("handle", signal=number.name)
        driver.send("stream", call=CALL, times=0)
        eventually(lambda: driver.streamed, "no event was accepted")
        time.sleep(0.3)
        driver.signal(number)
        experiment.recover()

    return run


def _kills(experiment: Experiment) -> None:
    moments = random.Random(6)
    for _ in range(_KILLS):
        _recording(experiment, moments.uniform(0, 0.3)).signal(signal.SIGKILL)
    experiment.recover()


def _killed_batches(experiment: Experiment) -> None:
    """Of each batch all events arrive, or none; and all of each batch that was accepted."""
    moments = random.Random(8)
    experiment.expected = accepted = []
    for process in range(_BATCH_KILLS):
        driver = experiment.start()
        for number in range(_BATCHES):
            call = {**CALL, "metadata": {"batch": f"{process}-{number}"}}
            driver.send("record_many", calls=[call], times=_BATCH_EVENTS)
        eventually(driver.has_response, "no batch was accepted")
        time.sleep(moments.uniform(0, 0.1))
        driver.signal(signal.SIGKILL)
        accepted += [event_id for each in driver.responses() for event_id in each["accepted"]]
    experiment.recover()
    ids: dict[str, set[str]] = {}
    for event in read_events(experiment.broker.bootstrap):
        ids.setdefault(event.metadata, set()).add(event.event_id)
    parts = {name: len(found) for name, found in ids.items() if len(found) != _BATCH_EVENTS}
    assert not parts, f"of a batch of {_BATCH_EVENTS} events some arrived, and not all: {parts}"


def _out_of_memory(experiment: Experiment) -> None:
    # Node limits its own heap; the others run into the limit of the process.
    driver = experiment.start(environment={"NODE_OPTIONS": "--max-old-space-size=128"})
    if experiment.language != "typescript":
        limit = 2**31
        resource.prlimit(driver.pid, resource.RLIMIT_DATA, (limit, limit))
    driver.request("stream", call=CALL, times=_EVENTS)
    driver.send("hog")
    assert driver.wait() != 0
    experiment.recover()


def _fork(experiment: Experiment) -> None:
    driver = experiment.start()
    for _ in range(5):
        driver.request("stream", call=CALL, times=200)
        response = driver.request("fork", call=CALL, times=100)
        driver.streamed += response["accepted"]
    driver.end()
    experiment.recover()


def _broker_down(experiment: Experiment) -> None:
    experiment.broker.kill()
    driver = experiment.start(shutdown_timeout_ms=1_000)
    driver.request("stream", call=CALL, times=_EVENTS)
    driver.end()
    experiment.broker.restart()
    experiment.recover()


def _long_outage(experiment: Experiment) -> None:
    driver = experiment.start(delivery_timeout_ms=1_000)
    driver.request("stream", call=CALL, times=500)
    experiment.broker.kill()
    driver.request("stream", call=CALL, times=_EVENTS)
    time.sleep(4)
    experiment.broker.restart()
    driver.request("stream", call=CALL, times=500)
    driver.request("flush", timeout=60_000)
    driver.request("shutdown")
    driver.end()
    experiment.recover()


def _broker_errors(errors: tuple[str, ...]) -> Callable[[Experiment], None]:
    def run(experiment: Experiment) -> None:
        driver = experiment.start(kafka_retries=1, delivery_timeout_ms=2_000)
        for error in errors:
            experiment.broker.fail(error)
            driver.request("stream", call=CALL, times=200)
            time.sleep(1.5)
            experiment.broker.heal()
            driver.request("stream", call=CALL, times=200)
            driver.request("flush", timeout=60_000)
        driver.request("shutdown")
        driver.end()
        experiment.recover()

    return run


def _full_disk(experiment: Experiment) -> None:
    with small_disk(experiment.folder, 6) as experiment.prefix:
        experiment.broker.kill()
        driver = experiment.start(max_queue_events=1_000, shutdown_timeout_ms=1_000)
        driver.request("stream", call={**CALL, "metadata": {"text": "x" * 2_000}}, times=6_000)
        driver.request("shutdown")
        driver.end()
        experiment.broker.restart()
        experiment.recover()


def _read_only_disk(experiment: Experiment) -> None:
    if experiment.mode != OFF:
        with small_disk(experiment.folder, 6, read_only=True) as experiment.prefix:
            assert "eka-crash" in experiment.rejection()
    # Without a default directory that can be used, there is a warning, and events stay in memory.
    with small_disk(Path("/var/tmp"), 1, read_only=True) as experiment.prefix:
        driver = experiment.start_by_default()
        driver.request("stream", call=CALL, times=_EVENTS)
        driver.request("shutdown")
        driver.end()


def _removed_directory(experiment: Experiment) -> None:
    experiment.broker.kill()
    driver = experiment.start()
    driver.request("stream", call=CALL, times=_EVENTS)
    shutil.rmtree(experiment.folder)
    driver.request("stream", call=CALL, times=_EVENTS)
    time.sleep(2 * _HEARTBEAT_SECONDS)
    driver.signal(signal.SIGKILL)
    experiment.broker.restart()
    experiment.recover()


def _two_adopters(experiment: Experiment) -> None:
    for _ in range(4):
        _recording(experiment, 0.1).signal(signal.SIGKILL)
    adopters = [experiment.start() for _ in range(2)]
    experiment.recover()
    for adopter in adopters:
        adopter.request("shutdown")
        adopter.end()


def _paused_owner(experiment: Experiment) -> None:
    driver = _recording(experiment, pause=1, flush_on_sigterm=True)
    driver.send_signal(signal.SIGSTOP)
    adopters = [] if experiment.mode == OFF else [experiment.start()]
    time.sleep(1.5 * _LEASE_SECONDS)  # the segments are adopted by then
    driver.send_signal(signal.SIGCONT)
    time.sleep(0.5)
    driver.signal(signal.SIGTERM)
    for adopter in adopters:
        adopter.request("shutdown")
        adopter.end()
    experiment.recover()


def _runner(name: str) -> Callable[[Experiment], None]:
    def run(experiment: Experiment) -> None:
        settings = {"kafka_brokers": experiment.broker.bootstrap, "spool": experiment.mode}
        if experiment.mode != OFF:
            settings["spool_dir"] = str(experiment.folder)
        outcomes = run_program(name, experiment.folder.parent, **settings)
        experiment.expected, experiment.reported = outcomes.accepted, outcomes.reported
        experiment.recover()

    return run


def _terminated_worker(experiment: Experiment) -> None:
    driver = experiment.start(environment={"EKA_TEST_WORKER": "1"})
    driver.send("stream", call=CALL, times=0)
    eventually(lambda: len(driver.streamed) > _EVENTS, "no event was accepted")
    driver.send("terminate")
    assert driver.wait() == 0
    experiment.recover()


def _damaged_segments(experiment: Experiment) -> None:
    driver = experiment.start()
    experiment.broker.kill()
    driver.request("stream", call=CALL, times=20_000)
    driver.signal(signal.SIGKILL)
    experiment.broker.restart()
    segments = experiment.segments()
    experiment.expected = damage(segments, random.Random(7), flips=1_960, cuts=40)
    experiment.recover()


def _adopter_in_another_language(experiment: Experiment) -> None:
    _recording(experiment).signal(signal.SIGKILL)
    experiment.broker.kill()
    driver = experiment.start(shutdown_timeout_ms=1_000)
    driver.request("stream", call=CALL, times=_EVENTS)
    driver.request("shutdown")
    driver.end()
    experiment.broker.restart()
    following = (LANGUAGES.index(experiment.language) + 1) % len(LANGUAGES)
    experiment.language = LANGUAGES[following]
    experiment.recover()


def _clock_set_back(experiment: Experiment) -> None:
    _recording(experiment).signal(signal.SIGKILL)
    experiment.recover(clock_offset=-3_600_000)


def _interruptions(cases: Sequence[str]) -> Callable[[Experiment], None]:
    def run(experiment: Experiment) -> None:
        broker = experiment.broker
        for variant in variants(cases, experiment.mode):
            report = interrupt(variant, broker)
            assert not report.problems, f"{variant}: {report.problems}"
        experiment.expected = [event.event_id for event in read_events(broker.bootstrap)]

    return run


# These begin with a `kill -9`, which leaves segments behind in durable only.
_DURABLE = (DURABLE,)
SCENARIOS = (
    Scenario("normal exit", _normal_exit),
    Scenario("unhandled exception", _unhandled_exception),
    Scenario("os._exit, os.Exit, process.exit", _immediate_exit),
    Scenario("SIGTERM, handled by the host", _signal(signal.SIGTERM, handled=True)),
    Scenario("SIGTERM, no handler", _signal(signal.SIGTERM, handled=False)),
    Scenario(
        "SIGTERM, no handler, flush_on_sigterm",
        _signal(signal.SIGTERM, handled=False, flush_on_sigterm=True),
    ),
    Scenario("SIGINT, no handler", _signal(signal.SIGINT, handled=False)),
    Scenario("kill -9, 30 times", _kills),
    Scenario("kill -9 while recording batches", _killed_batches, modes=_DURABLE),
    Scenario("out of memory", _out_of_memory),
    Scenario("signal at every instruction", _interruptions(SIGNALS), languages=("python",)),
    Scenario("exception at every instruction", _interruptions(EXCEPTIONS), languages=("python",)),
    Scenario("fork while recording", _fork, languages=("python",)),
    Scenario("uWSGI ends its workers", _runner("uWSGI"), languages=("python",)),
    Scenario("Celery ends its pool", _runner("Celery"), languages=("python",)),
    Scenario("RQ ends a job", _runner("RQ"), languages=("python",)),
    Scenario("worker.terminate()", _terminated_worker, languages=("typescript",)),
    Scenario("broker down until the next process", _broker_down),
    Scenario("outage past the delivery timeout", _long_outage),
    Scenario("retriable broker errors", _broker_errors(_RETRIABLE)),
    Scenario("permanent broker errors", _broker_errors(_PERMANENT)),
    Scenario("disk full while recording", _full_disk),
    Scenario("read-only directory", _read_only_disk),
    Scenario("directory removed, then kill -9", _removed_directory, modes=_DURABLE),
    Scenario("owner paused past its lease", _paused_owner),
    Scenario("two adopters at once", _two_adopters, modes=_DURABLE),
    Scenario("adopter in another language", _adopter_in_another_language, modes=_DURABLE),
    Scenario("clock set back an hour", _clock_set_back, modes=_DURABLE),
    Scenario("2,000 bit flips and truncations", _damaged_segments, modes=_DURABLE),
)
