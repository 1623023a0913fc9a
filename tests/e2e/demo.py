"""The whole line in one window: catalog, services, Kafka, the sink, the store, the invoice.

A service in each language records the same day, mistakes and all. Meanwhile the sink is killed, and
a part of what was sent comes twice. Then the store is asked what it all comes to, whether anything
is missing, and whether that is what the services were given to record.
"""

from __future__ import annotations

import shlex
import shutil
import signal
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from eka_usage import CATALOG_VERSION, METRIC_TYPES

from infra.sink.__main__ import main as sink_command
from infra.sink.output import text
from tests.broker import DevBroker
from tests.e2e.comparison import GIVEN, Totals, costs, differences, given, refusals, table, totals
from tests.e2e.day import WORKSPACES, mistakes, usage
from tests.e2e.invoice import arrivals, invoices, recorded
from tests.e2e.reader import read_messages
from tests.e2e.services import Books, work
from tests.sink.harness import Sink, produce
from tests.waiting import eventually

_FOLDER = Path(__file__).resolve().parents[2] / ".cache/demo"


def tell(what: str, words: str) -> None:
    """One step of the story."""
    print(f"{what:9} {words}", flush=True)


def incomplete(
    books: Mapping[str, Books], found: Totals, charged: Mapping[str, Decimal]
) -> list[str]:
    """What is lost or doubled, in words; nothing if all that was accepted counts exactly once."""
    faults = []
    for language, book in books.items():
        counted = sum(usages[language].events for usages in found.values() if language in usages)
        if not book.accepted == book.delivered == counted:
            faults.append(
                f"{language}: {book.accepted} accepted, {book.delivered} delivered, "
                f"{counted} counted"
            )
    for workspace, cost in costs(found, books).items():
        if cost != charged.get(workspace):
            faults.append(f"{workspace}: cost {text(cost)}, {text(charged.get(workspace))} charged")
    return faults


def record_a_day(broker: DevBroker, sink: Sink) -> dict[str, Books]:
    """Has the services work while the sink dies, sends a part of it again, and revives the sink."""
    with sink:
        sink.until("reads partitions")
        tell("sink", "reads Kafka, writes the store")
        with ThreadPoolExecutor(1) as pool:
            services = pool.submit(work, broker.bootstrap, [*usage(), *mistakes()])
            eventually(lambda: sink.stored > 0 or services.done(), lambda: sink.said)
            sink.end(signal.SIGKILL)
            tell("killed", f"the sink, by kill -9, when it had stored {sink.stored:,} events")
            books = services.result()
        for language, book in books.items():
            tell("service", f"{language}: {book.accepted:,} accepted, {len(book.refused)} refused")
        key = WORKSPACES[0]
        sent = read_messages(broker.bootstrap)
        again = [message.value() for message in sent if message.key() == key.encode()]
        produce(broker.bootstrap, again, key=key)
        tell("copies", f"all {len(again):,} events of {key} are sent a second time")
        sink.start()
        sink.until("lag 0")
        sink.end()
        tell("sink", f"was started again, stored {sink.stored:,} events, and has no lag")
    return books


def ask(*command: str) -> int:
    """Runs a command of the sink's, shown as one would type it; its exit status."""
    print(f"\n$ python -m infra.sink {shlex.join(command)}", flush=True)
    return sink_command(command)


def main(folder: Path = _FOLDER) -> int:
    """Tells the story; 0 if nothing was lost or doubled, and all agree."""
    began = datetime.now(UTC)
    tell("catalog", f"{CATALOG_VERSION}: {sum(map(len, METRIC_TYPES.values()))} metric types")
    with DevBroker() as broker:
        tell("broker", f"{broker.bootstrap}, topics {', '.join(broker.topics)}")
        sink = Sink(broker.bootstrap, folder).migrate()
        tell("store", f"{sink.dsn}, its tables and views from schema/")
        books = record_a_day(broker, sink)
    with sink.store() as store:
        found = totals([*given(usage()), *recorded(store)])
        charged, arrived = invoices(store), arrivals(store)
    tell("table", f"{arrived:,} rows arrived; the view `usage` drops the copies:\n")
    refused = refusals(books)
    print(table(found, refused))

    language, book = next(iter(books.items()))
    print(f"\nrefused   as {language} says it")
    for call in book.refused:
        print(f"  {call.code:22} {call.text}")

    missing = ask("reconcile", "--dsn", sink.dsn, "--since", f"{began:%Y-%m-%dT%H:%M:%SZ}")
    lost, apart = incomplete(books, found, charged), differences(found, refused)
    print()
    tell("complete", "; ".join(lost) or "accepted, delivered and counted are the same, each once")
    tell("agreed", "\n          ".join(apart) or f"{', '.join((GIVEN, *books))} are the same")
    tell("invoices", ", ".join(f"{name} {text(cost)}" for name, cost in charged.items()))
    tell("look", f"python -m infra.sink usage --dsn {sink.dsn} \\")
    print(f"            --workspace {WORKSPACES[0]} --month {began:%Y-%m}")
    return 1 if missing or lost or apart else 0


if __name__ == "__main__":
    shutil.rmtree(_FOLDER, ignore_errors=True)
    _FOLDER.mkdir(parents=True)
    sys.exit(main())
