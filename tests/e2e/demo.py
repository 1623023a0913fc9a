"""The whole line in one window: catalog, a service in each language, Kafka, and what it comes to.

Three services record the same day, mistakes and all. What they sent is read back from the broker,
compared with what each says it delivered, and laid side by side.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

from eka_usage import CATALOG_VERSION, METRIC_TYPES, UsageEvent

from tests.broker import DevBroker
from tests.e2e.comparison import differences, refusals, table, totals
from tests.e2e.day import mistakes, usage
from tests.e2e.reader import read_events
from tests.e2e.services import Books, work


def incomplete(books: Mapping[str, Books], events: Sequence[UsageEvent]) -> list[str]:
    """What is lost or doubled, in words; nothing if all that was accepted was read exactly once."""
    faults = []
    if doubled := len(events) - len({event.event_id for event in events}):
        faults.append(f"{doubled} events were read twice")
    for language, book in books.items():
        read = [event for event in events if event.sdk_language == language]
        if not book.accepted == book.delivered == len(read):
            faults.append(
                f"{language}: {book.accepted} accepted, {book.delivered} delivered, "
                f"{len(read)} read"
            )
        for instance in {event.instance_id for event in read}:
            numbers = sorted(event.seq for event in read if event.instance_id == instance)
            if numbers != list(range(1, len(numbers) + 1)):
                faults.append(f"{language}: instance {instance} has gaps in its numbers")
    return faults


def main() -> int:
    """Tell the story; 0 if nothing was lost or doubled, and the languages agree."""
    print(f"catalog   {CATALOG_VERSION}: {sum(map(len, METRIC_TYPES.values()))} metric types")
    with DevBroker() as broker:
        print(f"broker    {broker.bootstrap}, topics {', '.join(broker.topics)}")
        books = work(broker.bootstrap, [*usage(), *mistakes()])
        for language, book in books.items():
            print(f"service   {language}: {book.accepted} accepted, {len(book.refused)} refused")
        events = read_events(broker.bootstrap)
    print(f"read      {len(events)} events\n")

    found, refused = totals(events), refusals(books)
    print(table(found, refused))

    language, book = next(iter(books.items()))
    print(f"\nrefused   as {language} says it")
    for call in book.refused:
        print(f"  {call.code:22} {call.text}")

    lost, apart = incomplete(books, events), differences(found, refused)
    print("\ncomplete  ", end="")
    print("; ".join(lost) or "every seq of every instance is there, each once")
    print("agreed    ", end="")
    print("\n          ".join(apart) or f"{', '.join(books)} say the same in every row")
    return 1 if lost or apart else 0


if __name__ == "__main__":
    sys.exit(main())
