"""The ways in which a process, a broker or a disk ends, each as an experiment.

What may be lost in each is said in docs/durability.md, and read from there.
"""

from __future__ import annotations

import random
import resource
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.conformance.drivers import COMMANDS, Driver
from tests.crash.damage import damaged
from tests.crash.lab import CALL, OFF, Lab, small_disk, wait_until

SPILL, DURABLE = "spill", "durable"
MODES = (OFF, SPILL, DURABLE)
LANGUAGES = tuple(COMMANDS)
_EVENTS = 2_000
_LEASE = 5.0  # seconds; what is longer is past it
_KILLS = 30
# Refusals that can pass, and some that no retry mends.
_PASSING = (
    "NOT_LEADER_FOR_PARTITION",
    "NOT_ENOUGH_REPLICAS",
    "REQUEST_TIMED_OUT",
    "KAFKA_STORAGE_ERROR",
)
_FINAL = ("MESSAGE_TOO_LARGE", "TOPIC_AUTHORIZATION_FAILED", "INVALID_RECORD")


@dataclass(frozen=True)
class Way:
    """One row of the matrix."""

    name: str
    run: Callable[[Lab], None]
    modes: tuple[str, ...] = MODES
    languages: tuple[str, ...] = LANGUAGES


def _recording(experiment: Lab, seconds: float = 0.3, pause: int = 0) -> Driver:
    """A process in the middle of recording."""
    driver = experiment.start()
    driver.send("stream", call=CALL, times=0, pause=pause)
    wait_until(lambda: driver.streamed, "an event was accepted")
    time.sleep(seconds)
    return driver


def _end_of_program(experiment: Lab) -> None:
    driver = experiment.start()
    driver.ask("stream", call=CALL, times=_EVENTS)
    driver.end()
    experiment.recover()


def _uncaught(experiment: Lab) -> None:
    driver = experiment.start()
    driver.ask("stream", call=CALL, times=_EVENTS)
    driver.send("throw")
    assert driver.wait() != 0
    experiment.recover()


def _halt(experiment: Lab) -> None:
    driver = experiment.start()
    driver.send("stream", call=CALL, times=_EVENTS)
    driver.send("halt", code=3)
    assert driver.wait() == 3
    experiment.recover()


def _signal(number: signal.Signals, *, handled: bool) -> Callable[[Lab], None]:
    def run(experiment: Lab) -> None:
        driver = experiment.start()
        if handled:
            driver.ask("handle", signal=number.name)
        driver.send("stream", call=CALL, times=0)
        wait_until(lambda: driver.streamed, "an event was accepted")
        time.sleep(0.3)
        driver.signal(number)
        experiment.recover()

    return run


def _kills(experiment: Lab) -> None:
    moments = random.Random(6)
    for _ in range(_KILLS):
        _recording(experiment, moments.uniform(0, 0.3)).signal(signal.SIGKILL)
    experiment.recover()


def _out_of_memory(experiment: Lab) -> None:
    # Node's own limit is on what JavaScript holds; the others know that of the process only.
    driver = experiment.start(environment={"NODE_OPTIONS": "--max-old-space-size=128"})
    if experiment.language != "typescript":
        limit = 2**31
        resource.prlimit(driver.pid, resource.RLIMIT_DATA, (limit, limit))
    driver.ask("stream", call=CALL, times=_EVENTS)
    driver.send("hog")
    assert driver.wait() != 0
    experiment.recover()


def _fork(experiment: Lab) -> None:
    driver = experiment.start()
    for _ in range(5):
        driver.ask("stream", call=CALL, times=200)
        answer = driver.ask("fork", call=CALL, times=100)
        driver.streamed += answer["accepted"]
    driver.end()
    experiment.recover()


def _absent_broker(experiment: Lab) -> None:
    experiment.broker.kill()
    driver = experiment.start(shutdown_timeout_ms=1_000)
    driver.ask("stream", call=CALL, times=_EVENTS)
    driver.end()
    experiment.broker.restart()
    experiment.recover()


def _long_outage(experiment: Lab) -> None:
    driver = experiment.start(delivery_timeout_ms=1_000)
    driver.ask("stream", call=CALL, times=500)
    experiment.broker.kill()
    driver.ask("stream", call=CALL, times=_EVENTS)
    time.sleep(4)
    experiment.broker.restart()
    driver.ask("stream", call=CALL, times=500)
    driver.ask("flush", timeout=60_000)
    driver.ask("shutdown")
    driver.end()
    experiment.recover()


def _refusals(errors: tuple[str, ...]) -> Callable[[Lab], None]:
    def run(experiment: Lab) -> None:
        driver = experiment.start(kafka_retries=1, delivery_timeout_ms=2_000)
        for error in errors:
            experiment.broker.fail(error)
            driver.ask("stream", call=CALL, times=200)
            time.sleep(1.5)
            experiment.broker.heal()
            driver.ask("stream", call=CALL, times=200)
            driver.ask("flush", timeout=60_000)
        driver.ask("shutdown")
        driver.end()
        experiment.recover()

    return run


def _full_disk(experiment: Lab) -> None:
    with small_disk(experiment.folder, 6) as experiment.within:
        experiment.broker.kill()
        driver = experiment.start(max_queue_events=1_000, shutdown_timeout_ms=1_000)
        driver.ask("stream", call={**CALL, "metadata": {"text": "x" * 2_000}}, times=6_000)
        driver.ask("shutdown")
        driver.end()
        experiment.broker.restart()
        experiment.recover()


def _read_only_disk(experiment: Lab) -> None:
    if experiment.mode != OFF:
        with small_disk(experiment.folder, 6, read_only=True) as experiment.within:
            assert "eka-crash" in experiment.refused()
    # What nobody asked for does without: a warning, and memory.
    with small_disk(Path("/var/tmp"), 1, read_only=True) as experiment.within:
        driver = experiment.start_by_default()
        driver.ask("stream", call=CALL, times=_EVENTS)
        driver.ask("shutdown")
        driver.end()


def _two_heirs(experiment: Lab) -> None:
    for _ in range(4):
        _recording(experiment, 0.1).signal(signal.SIGKILL)
    heirs = [experiment.start() for _ in range(2)]
    experiment.recover()
    for heir in heirs:
        heir.ask("shutdown")
        heir.end()


def _paused_owner(experiment: Lab) -> None:
    driver = _recording(experiment, pause=1)
    driver.send_signal(signal.SIGSTOP)
    heirs = [] if experiment.mode == OFF else [experiment.start()]
    time.sleep(1.5 * _LEASE)  # the heir has taken what there is by then
    driver.send_signal(signal.SIGCONT)
    time.sleep(0.5)
    driver.signal(signal.SIGTERM)
    for heir in heirs:
        heir.ask("shutdown")
        heir.end()
    experiment.recover()


def _damage(experiment: Lab) -> None:
    driver = experiment.start()
    experiment.broker.kill()
    driver.ask("stream", call=CALL, times=20_000)
    driver.signal(signal.SIGKILL)
    experiment.broker.restart()
    whole = damaged(experiment.segments(), random.Random(7), flips=1_960, cuts=40)
    experiment.expected = whole
    experiment.recover()


def _heir_of_another_language(experiment: Lab) -> None:
    languages = LANGUAGES
    _recording(experiment).signal(signal.SIGKILL)
    experiment.broker.kill()
    driver = experiment.start(shutdown_timeout_ms=1_000)
    driver.ask("stream", call=CALL, times=_EVENTS)
    driver.ask("shutdown")
    driver.end()
    experiment.broker.restart()
    experiment.language = languages[(languages.index(experiment.language) + 1) % len(languages)]
    experiment.recover()


def _clock_set_back(experiment: Lab) -> None:
    _recording(experiment).signal(signal.SIGKILL)
    experiment.recover(clock_offset=-3_600_000)


# Two rows begin with a `kill -9`, which only durable survives; damage needs segments to be done to.
_DURABLE = (DURABLE,)
WAYS = (
    Way("end of the program", _end_of_program),
    Way("unhandled exception", _uncaught),
    Way("os._exit, os.Exit, process.exit", _halt),
    Way("SIGTERM, the host's handler", _signal(signal.SIGTERM, handled=True)),
    Way("SIGTERM, no handler", _signal(signal.SIGTERM, handled=False)),
    Way("SIGINT, no handler", _signal(signal.SIGINT, handled=False)),
    Way("kill -9, 30 times", _kills),
    Way("out of memory", _out_of_memory),
    Way("fork in the middle", _fork, languages=("python",)),
    Way("no broker until the next process", _absent_broker),
    Way("outage past the message timeout", _long_outage),
    Way("refusals that can pass", _refusals(_PASSING)),
    Way("refusals that are final", _refusals(_FINAL)),
    Way("disk full while recording", _full_disk),
    Way("read-only folder", _read_only_disk),
    Way("owner paused past its lease", _paused_owner),
    Way("two heirs at once", _two_heirs, modes=_DURABLE),
    Way("an heir in another language", _heir_of_another_language, modes=_DURABLE),
    Way("clock set back an hour", _clock_set_back, modes=_DURABLE),
    Way("2,000 flips and cuts in segments", _damage, modes=_DURABLE),
)
