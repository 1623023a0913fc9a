"""Shows what is no event, and puts it back after a fix.

A dead letter is named by where its message stood: topic/partition/offset. A replay puts a message's
own bytes, key and headers back on the usage topic, once and never again; one that fails anew is a
new letter, with one replay more.
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
    """Declares what the command takes."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="list | show | replay")
    add = actions.add_parser("list", help="list the letters that wait").add_argument
    add("--all", action="store_true", help="also those that were replayed")
    add("--reason", metavar="CODE", help="only those of this kind, such as invalid")
    add = actions.add_parser("show", help="show one in full").add_argument
    add("letter", type=_origin, metavar="TOPIC/PARTITION/OFFSET")
    add = actions.add_parser("replay", help="put letters back on the usage topic").add_argument
    add("letters", nargs="*", type=_origin, metavar="TOPIC/PARTITION/OFFSET")
    add("--all", action="store_true", help="all that wait, or with --reason all of its kind")
    add("--reason", metavar="CODE", help="only those of this kind")
    for action in actions.choices.values():
        kafka.add_arguments(action)


def run(arguments: argparse.Namespace) -> int:
    """Does one of the three."""
    match arguments.action:
        case "list":
            return _list(arguments)
        case "show":
            return _show(arguments)
        case _:
            return _replay(arguments)


def _list(arguments: argparse.Namespace) -> int:
    box = reader.read(kafka.connection(arguments.brokers))
    letters = list(box.letters.values()) if arguments.all else list(box.waiting())
    letters = _of_reason(letters, arguments.reason)
    now = datetime.now(UTC)
    for letter in letters:
        state = "replayed" if letter.origin in box.replayed else f"replays {letter.replays}"
        age = str(timedelta(seconds=int((now - letter.time).total_seconds())))
        sys.stdout.write(f"{letter.origin}  {age} old  {state}  {letter.reason}\n")
    kinds = Counter(letter.code for letter in letters)
    listed = ", ".join(f"{code} {count}" for code, count in sorted(kinds.items()))
    sys.stdout.write(f"{len(letters)} dead letters{': ' if kinds else ''}{listed}\n")
    return 0


def _show(arguments: argparse.Namespace) -> int:
    box = reader.read(kafka.connection(arguments.brokers))
    [letter] = _named(box, [arguments.letter])
    lines = {
        "letter": str(letter.origin),
        "reason": letter.reason,
        "time": letter.time.isoformat(timespec="milliseconds"),
        "replays": str(letter.replays),
        "replayed": "yes" if letter.origin in box.replayed else "no",
        "key": _readable(letter.key),
        **{f"header {name}": _readable(value) for name, value in letter.headers},
        "bytes": f"{letter.length:,}"
        + ("" if letter.whole else ", cut: the rest is at its origin"),
        "value": _readable(letter.value),
    }
    for name, text in lines.items():
        sys.stdout.write(f"{name:9} {text}\n")
    return 0


def _replay(arguments: argparse.Namespace) -> int:
    if bool(arguments.letters) == (arguments.all or arguments.reason is not None):
        raise UsageError("say which: letters by name, --reason CODE, or --all")

    def choose(box: DeadLetters) -> Iterable[DeadLetter]:
        if not arguments.letters:
            return [each for each in _of_reason(box.waiting(), arguments.reason) if each.whole]
        letters = _named(box, arguments.letters)
        for letter in letters:
            if not letter.whole:
                raise SinkError(f"{letter.origin} was cut: what is left of it is no message")
        return [letter for letter in letters if letter.origin not in box.replayed]

    replayed = replay(kafka.connection(arguments.brokers), choose)
    for letter in replayed:
        sys.stdout.write(f"{letter.origin}\n")
    sys.stdout.write(f"{len(replayed)} replayed\n")
    return 0


def _of_reason(letters: Iterable[DeadLetter], code: str | None) -> list[DeadLetter]:
    return [letter for letter in letters if code in {None, letter.code}]


def _named(box: DeadLetters, origins: Sequence[Origin]) -> list[DeadLetter]:
    for origin in origins:
        if origin not in box.letters:
            raise SinkError(f"there is no dead letter {origin}; see `dlq list --all`")
    return [box.letters[origin] for origin in dict.fromkeys(origins)]


def _origin(text: str) -> Origin:
    try:
        return Origin.parse(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no topic/partition/offset, as `dlq list` shows"
        ) from None


def _readable(value: str | bytes | None) -> str:
    """Text as JSON, so that nothing of it speaks to the terminal; anything else in hex."""
    if value is None:
        return "none"
    try:
        return json.dumps(value if isinstance(value, str) else value.decode())
    except UnicodeDecodeError:
        return f"0x{value.hex()}" if isinstance(value, bytes) else value
