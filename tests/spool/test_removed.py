"""What becomes of accepted events whose files somebody removes, renames or replaces."""

from __future__ import annotations

import json
import shutil
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from eka_usage._spool.record import Record, read_records

from tests.broker import DevBroker
from tests.conformance.drivers import COMMANDS, Driver
from tests.crash.harness import CALL
from tests.e2e.reader import read_events
from tests.waiting import eventually

_EVENTS = 50


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[DevBroker]:
    """A broker that is away until it is restarted."""
    with DevBroker(data_dir=tmp_path / "broker") as running:
        running.kill()
        yield running


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The directory of the spool."""
    return tmp_path / "spool"


@pytest.fixture(params=sorted(COMMANDS))
def driver(request: pytest.FixtureRequest) -> Iterator[Driver]:
    """The driver of each SDK in turn."""
    with Driver(request.param) as running:
        yield running


def _new(driver: Driver, broker: DevBroker, folder: Path, mode: str, **settings: Any) -> None:
    spool = {"spool": mode, "spool_dir": str(folder)}
    driver.request("new", settings={"kafka_brokers": broker.bootstrap, **spool, **settings})


def _record(driver: Driver, times: int = _EVENTS) -> list[str]:
    return list(driver.request("record", call=CALL, times=times)["accepted"])


def _segments(folder: Path) -> list[Path]:
    return list(folder.glob("events-*"))


def _on_disk(folder: Path) -> Counter[str]:
    """Returns the ids of the events that the next process would send."""
    ids: Counter[str] = Counter()
    for path in _segments(folder):
        records = read_records(path.read_bytes(), path.name.split("-")[1])
        ids.update(json.loads(r.event)["event_id"] for r in records if isinstance(r, Record))
    return ids


def _record_until_rejected(driver: Driver) -> list[str]:
    accepted: list[str] = []

    def is_rejected() -> bool:
        more = _record(driver, 1)
        accepted.extend(more)
        return not more

    eventually(is_rejected, "events are accepted that cannot be written")
    return accepted


def _delivered(broker: DevBroker) -> Counter[str]:
    return Counter(event.event_id for event in read_events(broker.bootstrap))


def _replace_directory(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.write_text("not a directory")


def _record_until_accepted(driver: Driver) -> list[str]:
    accepted: list[str] = []

    def is_accepted() -> bool:
        accepted.extend(_record(driver))
        return bool(accepted)

    eventually(is_accepted, "no event is accepted again")
    return accepted


def _remove_directory(folder: Path) -> None:
    shutil.rmtree(folder)


def _remove_segments(folder: Path) -> None:
    for segment in _segments(folder):
        segment.unlink()


@pytest.mark.parametrize("remove", [_remove_directory, _remove_segments])
@pytest.mark.parametrize("mode", ["durable", "spill"])
def test_what_is_removed_is_written_anew_for_the_next_process(
    driver: Driver,
    broker: DevBroker,
    folder: Path,
    mode: str,
    remove: Callable[[Path], None],
) -> None:
    # In spill mode all but one of the events wait on disk only.
    _new(driver, broker, folder, mode, max_queue_events=1 if mode == "spill" else 1_000)
    accepted = _record(driver)
    in_memory = driver.request("stats")["queued"] if mode == "spill" else 0
    remove(folder)
    eventually(lambda: len(_on_disk(folder)) == _EVENTS - in_memory, "nothing is written anew")
    accepted += _record(driver)
    driver.signal(signal.SIGKILL)
    assert _on_disk(folder) == Counter(accepted[in_memory:])


@pytest.mark.parametrize("mode", ["durable", "spill"])
def test_without_a_directory_accepted_events_are_delivered_or_reported(
    driver: Driver, broker: DevBroker, folder: Path, mode: str
) -> None:
    _new(driver, broker, folder, mode, max_queue_events=1_000 if mode == "durable" else 1)
    accepted = _record(driver)
    _replace_directory(folder)
    accepted += _record_until_rejected(driver)
    assert driver.codes()[-1] == ("spool.failed" if mode == "durable" else "queue.full")
    broker.restart()
    assert driver.request("flush", timeout=30_000)["queued"] == 0
    assert _delivered(broker) == Counter(accepted)

    broker.kill()
    folder.unlink()
    accepted = _record_until_accepted(driver)
    eventually(lambda: _segments(folder), "no directory is made again")
    _replace_directory(folder)
    accepted += _record_until_rejected(driver)
    driver.errors.clear()
    assert driver.request("shutdown", timeout=100)["undelivered"] == len(accepted)
    reported = Counter(error["event_id"] for error in driver.errors)
    assert set(driver.codes()) == {"shutdown.timeout"}
    assert reported == Counter(accepted)
    stats = driver.request("stats")
    assert (stats["failed"], stats["queued"], stats["spooled"]) == (len(accepted), 0, 0)


@pytest.mark.parametrize("language", sorted(COMMANDS))
def test_a_renamed_directory_keeps_the_events_and_the_log_tells_so(
    language: str, broker: DevBroker, folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with Driver(language) as driver:  # whose output is captured from its start
        _new(driver, broker, folder, "durable")
        accepted = _record(driver)
        away = folder.rename(folder.with_name("away"))
        accepted += _record(driver)
        assert driver.request("shutdown", timeout=100)["undelivered"] == 0
    assert _on_disk(away) == Counter(accepted)
    assert f"their directory is no longer at {folder}: move it back" in capfd.readouterr().err
