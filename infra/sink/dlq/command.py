"""Inspect and replay dead letters.

A dead letter is named by the position of its message: topic/partition/offset. A replay produces the
message to the usage topic again with its own value, key and headers, at most once. A message that
fails again becomes a new dead letter with its count of replays raised by one.

Kafka Connect makes dead letters of a whole batch because of one bad message. `list` marks
those that are events all the same, and `replay --events` replays no others.

`take` is for a group that stops at a message, such as that of Kafka Connect: it makes the message a
dead letter and moves the group past it.
"""

from __future__ import annotations

import argparse
import heapq
import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from infra.sink import kafka
from infra.sink._generated.fields import USAGE_TOPIC
from infra.sink.arguments import limit
from infra.sink.dlq import reader
from infra.sink.dlq.reader import Found
from infra.sink.dlq.record import DeadLetter, Origin
from infra.sink.dlq.replay import replay
from infra.sink.dlq.take import take
from infra.sink.errors import SinkError, UsageError
from infra.sink.text import printable


class _Line(NamedTuple):
    """A line of the list; it sorts by age."""

    time: datetime
    origin: Origin
    state: str
    reason: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments of the command."""
    actions = parser.add_subparsers(
        dest="action", required=True, metavar="list | show | replay | take"
    )
    add = actions.add_parser("list", help="list pending dead letters").add_argument
    add("--all", action="store_true", help="include replayed dead letters")
    add("--reason", metavar="CODE", help="list only this reason, such as invalid")
    add(
        "--limit",
        type=limit,
        default=1000,
        help="list at most this many, the oldest; all are counted (default: %(default)s)",
    )
    add = actions.add_parser("show", help="show one dead letter in full").add_argument
    add("letter", type=_origin, metavar="TOPIC/PARTITION/OFFSET")
    add = actions.add_parser("replay", help="replay dead letters to the usage topic").add_argument
    add("letters", nargs="*", type=_origin, metavar="TOPIC/PARTITION/OFFSET")
    add(
        "--all", action="store_true", help="replay all pending, or with --reason all of that reason"
    )
    add("--reason", metavar="CODE", help="replay only this reason")
    add("--events", action="store_true", help="replay only those that decode as events")
    add = actions.add_parser(
        "take", help="take a message from the usage topic that stops a group, and move it past"
    ).add_argument
    add("message", type=_origin, metavar="TOPIC/PARTITION/OFFSET")
    add(
        "--group",
        required=True,
        help="move this consumer group, such as connect-NAME of a stopped connector NAME",
    )
    for action in actions.choices.values():
        kafka.add_arguments(action)


def run(arguments: argparse.Namespace) -> int:
    """Runs one of the actions."""
    match arguments.action:
        case "list":
            return _list(arguments)
        case "show":
            return _show(arguments)
        case "replay":
            return _replay(arguments)
        case _:
            return _take(arguments)


def _list(arguments: argparse.Namespace) -> int:
    codes: Counter[str] = Counter()
    events = 0

    def lines() -> Iterator[_Line]:
        nonlocal events
        for letter, replayed in reader.read(kafka.connection(arguments.brokers)):
            if (arguments.all or not replayed) and arguments.reason in {None, letter.code}:
                codes[letter.code] += 1
                state = "replayed" if replayed else f"replays {letter.replays}"
                if letter.is_event:
                    events += 1
                    state += ", an event"
                yield _Line(letter.time, letter.origin, state, letter.reason)

    # It keeps as many lines as it returns, and with 0 would read nothing.
    listed = heapq.nsmallest(max(1, arguments.limit), lines())[: arguments.limit]
    now = datetime.now(UTC)
    for line in listed:
        age = str(timedelta(seconds=int((now - line.time).total_seconds())))
        sys.stdout.write(f"{line.origin}  {age} old  {line.state}  {printable(line.reason)}\n")
    counts = ", ".join(f"{code} {count}" for code, count in sorted(codes.items()))
    more = f"; listed the oldest {len(listed)}, see --limit" if len(listed) < codes.total() else ""
    sound = f"; {events} are events" if events else ""
    sys.stdout.write(f"{codes.total()} dead letters{': ' if codes else ''}{counts}{sound}{more}\n")
    return 0


def _show(arguments: argparse.Namespace) -> int:
    connection = kafka.connection(arguments.brokers)
    [(letter, replayed)] = _named(connection, [arguments.letter])
    lacks = f"lacks {letter.without}: " if letter.without else ""
    lines = {
        "letter": str(letter.origin),
        "reason": letter.reason,
        "time": letter.time.isoformat(timespec="milliseconds"),
        "replays": str(letter.replays),
        "replayed": "yes" if replayed else "no",
        "key": _readable(letter.key),
        **{f"header {name}": _readable(value) for name, value in letter.headers},
        "bytes": f"{letter.length:,}"
        + (f", {lacks}the whole message is at its origin" if lacks or not letter.complete else ""),
        "value": _readable(letter.value),
    }
    for name, text in lines.items():
        sys.stdout.write(f"{printable(name):9} {printable(text)}\n")
    return 0


def _replay(arguments: argparse.Namespace) -> int:
    chosen = arguments.all or arguments.events or arguments.reason is not None
    if bool(arguments.letters) == chosen:
        raise UsageError(
            "nothing selected: name dead letters, or pass --reason CODE, --events or --all"
        )
    connection = kafka.connection(arguments.brokers)
    incomplete = 0

    def pending() -> Iterator[DeadLetter]:
        nonlocal incomplete
        for letter, replayed in reader.read(connection):
            if replayed or not _is_wanted(arguments, letter):
                continue
            if letter.complete:
                yield letter
            else:
                incomplete += 1

    def named() -> list[DeadLetter]:
        found = _named(connection, arguments.letters)
        for letter, _ in found:
            if not letter.complete:
                raise SinkError(
                    f"cannot replay {letter.origin}: it was truncated; the whole message is at "
                    "its origin"
                )
        return [letter for letter, replayed in found if not replayed]

    total = 0
    for letter in replay(connection, named if arguments.letters else pending):
        total += 1
        sys.stdout.write(f"{letter.origin}\n")
    left = f", {incomplete} truncated are left: their messages are at their origins"
    sys.stdout.write(f"{total} replayed{left if incomplete else ''}\n")
    return 0


def _is_wanted(arguments: argparse.Namespace, letter: DeadLetter) -> bool:
    """Reports whether a replay without names takes a dead letter."""
    if arguments.reason not in {None, letter.code}:
        return False
    return letter.is_event if arguments.events else True


def _take(arguments: argparse.Namespace) -> int:
    origin = arguments.message
    if origin.topic != USAGE_TOPIC:
        raise UsageError(f"must be a message of {USAGE_TOPIC}, got {origin}")
    taken = take(kafka.connection(arguments.brokers), arguments.group, origin)
    sys.stdout.write(
        f"{origin} is a dead letter: {printable(str(taken.rejection))}\n"
        f"group {arguments.group} continues after it; {taken.again} messages before it were "
        "produced again\n"
    )
    return 0


def _named(connection: Mapping[str, Any], origins: Iterable[Origin]) -> list[Found]:
    wanted = list(dict.fromkeys(origins))
    found = reader.find(connection, wanted)
    for origin in wanted:
        if origin not in found:
            raise SinkError(f"no dead letter {origin}: see `usage-sink dlq list --all`")
    return [found[origin] for origin in wanted]


def _origin(text: str) -> Origin:
    origin = Origin.parse(text)
    if origin is None:
        raise argparse.ArgumentTypeError(
            f"must be topic/partition/offset as `dlq list` prints it, got {text!r}"
        )
    return origin


def _readable(value: str | bytes | None) -> str:
    """Text as JSON, so that no control character reaches the terminal; other bytes in hex."""
    if value is None:
        return "none"
    try:
        return json.dumps(value if isinstance(value, str) else value.decode())
    except UnicodeDecodeError:
        return f"0x{value.hex()}" if isinstance(value, bytes) else value
