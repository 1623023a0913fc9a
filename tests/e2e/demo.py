"""The whole pipeline in one window: catalog, services, Kafka, the sink, the store, the invoice.

A service in each language records the same day, invalid calls included. Meanwhile the sink is
killed, and part of the events are sent twice. The demo then totals what the store holds, searches
for missing events, and compares the totals with the calls that the services were given.
"""

from __future__ import annotations

import shlex
import shutil
import signal
import sys
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

from eka_usage import CATALOG_VERSION, METRIC_TYPES

from infra.sink.__main__ import main as sink_command
from infra.sink._generated.fields import TIME_ZONE
from infra.sink.output import text
from tests.broker import DevBroker
from tests.e2e.comparison import (
    EXPECTED,
    Totals,
    beside,
    costs,
    differences,
    expected,
    rejections,
    table,
    totals,
)
from tests.e2e.day import WORKSPACES, mistakes, other_work, usage
from tests.e2e.invoice import arrivals, invoices, recorded
from tests.e2e.reader import read_messages
from tests.e2e.services import Report, run_services
from tests.sink.harness import Sink, produce
from tests.waiting import eventually

_WORK = {
    "amounts": "pieces of work with two amounts",
    "session": "sessions",
    "mistake": "events that are taken back",
}
_FOLDER = Path(__file__).resolve().parents[2] / ".cache/demo"


def log(step: str, text: str) -> None:
    """Prints one step of the demo."""
    print(f"{step:9} {text}", flush=True)


def incomplete(
    reports: Mapping[str, Report],
    found: Totals,
    charged: Mapping[str, Decimal],
    others: int = 0,
) -> list[str]:
    """Returns a line for each wrong total; empty if every accepted event counts exactly once.

    `others` are the events of each service that do not count by themselves.
    """
    problems = []
    for language, report in reports.items():
        counted = sum(usages[language].events for usages in found.values() if language in usages)
        if not report.accepted == report.delivered == counted + others:
            problems.append(
                f"{language}: {report.accepted} accepted, {report.delivered} delivered, "
                f"{counted} counted" + (f" beside {others} others" if others else "")
            )
    for workspace, cost in costs(found, reports).items():
        if cost != charged.get(workspace):
            problems.append(
                f"{workspace}: cost {text(cost)}, {text(charged.get(workspace))} charged"
            )
    return problems


def record_a_day(broker: DevBroker, sink: Sink) -> dict[str, Report]:
    """Runs the services while the sink is killed, sends some events again, restarts the sink."""
    with sink:
        sink.wait_for("assigned partitions")
        log("sink", "reading Kafka, writing the store")
        kinds = Counter(work["kind"] for work in other_work())
        log(
            "work",
            f"{len(usage())} events, " + ", ".join(f"{n} {_WORK[k]}" for k, n in kinds.items()),
        )
        with ThreadPoolExecutor(1) as pool:
            work = [*usage(), *other_work(), *mistakes()]
            services = pool.submit(run_services, broker.bootstrap, work)
            eventually(lambda: sink.stored > 0 or services.done(), lambda: sink.log)
            sink.stop(signal.SIGKILL)
            log("killed", f"the sink, with kill -9, after it stored {sink.stored:,} events")
            reports = services.result()
        for language, report in reports.items():
            rejected = len(report.rejected)
            log("service", f"{language}: {report.accepted:,} accepted, {rejected} rejected")
        key = WORKSPACES[0]
        sent = read_messages(broker.bootstrap)
        again = [message.value() for message in sent if message.key() == key.encode()]
        produce(broker.bootstrap, again, key=key)
        log("copies", f"all {len(again):,} events of {key} sent again")
        sink.start()
        sink.wait_for("lag 0")
        sink.stop()
        log("sink", f"restarted, stored {sink.stored:,} events, lag 0")
    return reports


def run_sink(*command: str) -> int:
    """Prints and runs a command of the sink, and returns its exit status."""
    print(f"\n$ usage-sink {shlex.join(command)}", flush=True)
    return sink_command(command)


def main(folder: Path = _FOLDER) -> int:
    """Runs the demo; returns 0 if no event is lost or duplicated and all totals agree."""
    started = datetime.now(UTC)
    log("catalog", f"{CATALOG_VERSION}: {sum(map(len, METRIC_TYPES.values()))} metric types")
    with DevBroker() as broker:
        log("broker", f"{broker.bootstrap}, topics {', '.join(broker.topics)}")
        sink = Sink(broker.bootstrap, folder).migrate()
        log("store", f"{sink.dsn}, tables and views from schema/")
        reports = record_a_day(broker, sink)
    with sink.store() as store:
        found = totals([*expected([*usage(), *other_work()]), *recorded(store)])
        charged, arrived = invoices(store), arrivals(store)
    log("table", f"{arrived:,} rows arrived; the view `usage` drops the copies:\n")
    rejected = rejections(reports)
    print(table(found, rejected))

    language, report = next(iter(reports.items()))
    print(f"\nrejected  by {language}, with these errors")
    for call in report.rejected:
        print(f"  {call.code:22} {call.text}")

    missing = run_sink("reconcile", "--dsn", sink.dsn, "--since", f"{started:%Y-%m-%dT%H:%M:%SZ}")
    wrong, different = (
        incomplete(reports, found, charged, beside(other_work())),
        differences(found, rejected),
    )
    print()
    log("complete", "; ".join(wrong) or "accepted = delivered = counted, every event once")
    log("agreed", "\n          ".join(different) or f"{', '.join((EXPECTED, *reports))} are equal")
    log("invoices", ", ".join(f"{name} {text(cost)}" for name, cost in charged.items()))
    log("try", f"usage-sink usage --dsn {sink.dsn} \\")
    month = f"{started.astimezone(ZoneInfo(TIME_ZONE)):%Y-%m}"
    print(f"            --workspace {WORKSPACES[0]} --month {month}")
    return 1 if missing or wrong or different else 0


if __name__ == "__main__":
    shutil.rmtree(_FOLDER, ignore_errors=True)
    _FOLDER.mkdir(parents=True)
    sys.exit(main())
