"""Inspect and replay dead letters.

A dead letter is named by the position of its message: topic/partition/offset. A replay produces the
message to the usage topic again with its own value, key and headers, at most once. A message that
fails again becomes a new dead letter with its count of replays raised by one.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from infra.sink import kafka
from infra.sink.dlq import reader
from infra.sink.dlq.reader import DeadLetters
from infra.sink.dlq.record import DeadLetter, Origin
from infra.sink.dlq.replay import replay
from infra.sink.errors import SinkError, UsageError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments of the command."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="list | show | replay")
    add = actions.add_parser("list", help="list pending dead letters").add_argument
    add("--all", action="store_true", help="include replayed dead letters")
    add("--reason", metavar="CODE", help="list only this reason, such as invalid")
    add = actions.add_parser("show", help="show one dead letter in full").add_argument
    add("letter", type=_origin, metavar="TOPIC/PARTITION/OFFSET")
    add = actions.add_parser("replay", help="replay dead letters to the usage topic").add_argument
    add("letters", nargs="*", type=_origin, metavar="TOPIC/PARTITION/OFFSET")
    add(
        "--all", action="store_true", help="replay all pending, or with --reason all of that reason"
    )
    add("--reason", metavar="CODE", help="replay only this reason")
    for action in actions.choices.values():
        kafka.add_arguments(action)


def run(arguments: argparse.Namespace) -> int:
    """Runs one of the three actions."""
    match arguments.action:
        case "list":
            return _list(arguments)
        case "show":
            return _show(arguments)
        case _:
            return _replay(arguments)


def _list(arguments: argparse.Namespace) -> int:
    found = reader.read(kafka.connection(arguments.brokers))
    letters = list(found.by_origin.values()) if arguments.all else list(found.pending())
    letters = _with_reason(letters, arguments.reason)
    now = datetime.now(UTC)
    for letter in letters:
        state = "replayed" if letter.origin in found.replayed else f"replays {letter.replays}"
        age = str(timedelta(seconds=int((now - letter.time).total_seconds())))
        sys.stdout.write(f"{letter.origin}  {age} old  {state}  {letter.reason}\n")
    codes = Counter(letter.code for letter in letters)
    listed = ", ".join(f"{code} {count}" for code, count in sorted(codes.items()))
    sys.stdout.write(f"{len(letters)} dead letters{': ' if codes else ''}{listed}\n")
    return 0


def _show(arguments: argparse.Namespace) -> int:
    found = reader.read(kafka.connection(arguments.brokers))
    [letter] = _named(found, [arguments.letter])
    lines = {
        "letter": str(letter.origin),
        "reason": letter.reason,
        "time": letter.time.isoformat(timespec="milliseconds"),
        "replays": str(letter.replays),
        "replayed": "yes" if letter.origin in found.replayed else "no",
        "key": _readable(letter.key),
        **{f"header {name}": _readable(value) for name, value in letter.headers},
        "bytes": f"{letter.length:,}"
        + ("" if letter.complete else ", truncated here: the whole message is at its origin"),
        "value": _readable(letter.value),
    }
    for name, text in lines.items():
        sys.stdout.write(f"{name:9} {text}\n")
    return 0


def _replay(arguments: argparse.Namespace) -> int:
    if bool(arguments.letters) == (arguments.all or arguments.reason is not None):
        raise UsageError("nothing selected: name dead letters, or pass --reason CODE or --all")

    def choose(found: DeadLetters) -> Iterable[DeadLetter]:
        if not arguments.letters:
            pending = _with_reason(found.pending(), arguments.reason)
            return [letter for letter in pending if letter.complete]
        letters = _named(found, arguments.letters)
        for letter in letters:
            if not letter.complete:
                raise SinkError(
                    f"cannot replay {letter.origin}: it was truncated; the whole message is at "
                    "its origin"
                )
        return [letter for letter in letters if letter.origin not in found.replayed]

    replayed = replay(kafka.connection(arguments.brokers), choose)
    for letter in replayed:
        sys.stdout.write(f"{letter.origin}\n")
    sys.stdout.write(f"{len(replayed)} replayed\n")
    return 0


def _with_reason(letters: Iterable[DeadLetter], code: str | None) -> list[DeadLetter]:
    return [letter for letter in letters if code in {None, letter.code}]


def _named(found: DeadLetters, origins: Sequence[Origin]) -> list[DeadLetter]:
    for origin in origins:
        if origin not in found.by_origin:
            raise SinkError(f"no dead letter {origin}: see `usage-sink dlq list --all`")
    return [found.by_origin[origin] for origin in dict.fromkeys(origins)]


def _origin(text: str) -> Origin:
    try:
        return Origin.parse(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"must be topic/partition/offset as `dlq list` prints it, got {text!r}"
        ) from None


def _readable(value: str | bytes | None) -> str:
    """Text as JSON, so that no control character reaches the terminal; other bytes in hex."""
    if value is None:
        return "none"
    try:
        return json.dumps(value if isinstance(value, str) else value.decode())
    except UnicodeDecodeError:
        return f"0x{value.hex()}" if isinstance(value, bytes) else value
