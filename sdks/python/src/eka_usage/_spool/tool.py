"""What an operator does with a spool: `python -m eka_usage.spool ls|verify|show|replay|purge`."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from .._generated.settings import SETTINGS
from .directory import Directory, Unusable, default_path
from .record import Damage, Record
from .segment import Segment
from .segment_name import DEAD, EVENTS, UNOWNED, SegmentName

_ROW = "{:<7}{:>8}{:>10}{:>9}{:>9}  {:<9}{}\n"
_UNLIMITED = 1 << 62


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; 0 where all is well."""
    given = _parser().parse_args(arguments)
    directory = Directory(given.dir, _UNLIMITED)
    try:
        directory.usable()
    except (OSError, Unusable) as error:
        sys.stderr.write(f"{given.dir}: {error}; --dir names another folder\n")
        return 2
    names = [name for name in directory.names() if not given.segment or str(name) in given.segment]
    if missing := set(given.segment) - set(map(str, names)):
        sys.stderr.write(f"{', '.join(sorted(missing))}: no such segment; see ls\n")
        return 2
    if given.command in {"replay", "purge"} and not given.segment:
        names = [name for name in names if name.kind == DEAD]
    return _COMMANDS[given.command](directory.path, names)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m eka_usage.spool", description=__doc__)
    variable = next(setting.variable for setting in SETTINGS if setting.name == "spool_dir")
    parser.add_argument(
        "--dir",
        type=Path,
        default=os.environ.get(variable) or default_path(),
        help=f"the folder of the spool; {variable}, or the default's",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for name, command in _COMMANDS.items():
        words = (command.__doc__ or "").splitlines()[0]
        commands.add_parser(name, help=words).add_argument("segment", nargs="*", help="its name")
    return parser


def _ls(folder: Path, names: Sequence[SegmentName]) -> int:
    """What is there: kind, events, bytes, age, damage, owner, name."""
    sys.stdout.write(_ROW.format("kind", "events", "bytes", "age", "damaged", "owner", "name"))
    for name, segment in _opened(folder, names):
        items = segment.read()
        header = segment.header()
        age = "" if header is None else f"{time.time() - header.created_at / 1000:.0f} s"
        owner = "nobody" if name.owner == UNOWNED else name.owner[:8]
        size = (folder / str(name)).stat().st_size
        events = sum(isinstance(item, Record) for item in items)
        sys.stdout.write(
            _ROW.format(name.kind, events, size, age, len(items) - events, owner, name)
        )
    return 0


def _verify(folder: Path, names: Sequence[SegmentName]) -> int:
    """Whether all of it can be read; exit code 1 where something is damaged."""
    wrong = 0
    for name, segment in _opened(folder, names):
        header = segment.header()
        if header is not None and not header.sound:
            wrong += 1
            sys.stdout.write(f"{name}: the header is damaged; its events are sent all the same\n")
        for item in segment.read():
            if isinstance(item, Damage):
                wrong += 1
                sys.stdout.write(f"{name}: bytes {item.start} to {item.end} are damaged\n")
    sys.stdout.write(f"{len(names)} segments, {wrong} damaged places\n")
    return 1 if wrong else 0


def _show(folder: Path, names: Sequence[SegmentName]) -> int:
    """The events that are not done, one a line."""
    for _, segment in _opened(folder, names):
        for item in segment.read():
            if isinstance(item, Record):
                sys.stdout.buffer.write(item.event + b"\n")
    return 0


def _replay(folder: Path, names: Sequence[SegmentName]) -> int:
    """Hands dead letters, or the segments named, to the clients of this machine."""
    handed = 0
    for segment in _seized(folder, names):
        events = sum(isinstance(item, Record) for item in segment.read())
        handed += events if segment.rename(segment.name._replace(kind=EVENTS, owner=UNOWNED)) else 0
    sys.stdout.write(f"{handed} events handed over; a client of the same brokers sends them\n")
    return 0


def _purge(folder: Path, names: Sequence[SegmentName]) -> int:
    """Removes dead letters, or the segments named, for ever."""
    removed = 0
    for segment in _seized(folder, names):
        removed += sum(isinstance(item, Record) for item in segment.read())
        segment.remove()
    sys.stdout.write(f"{removed} events removed\n")
    return 0


def _opened(
    folder: Path, names: Sequence[SegmentName], *, write: bool = False
) -> Iterator[tuple[SegmentName, Segment]]:
    for name in names:
        try:
            segment = Segment.open(folder, name, write=write)
        except FileNotFoundError:  # done a moment ago
            continue
        yield name, segment
        segment.close()


def _seized(folder: Path, names: Sequence[SegmentName]) -> Iterator[Segment]:
    """Takes segments as an adopter does: to own first, then to close, then to read."""
    me = os.urandom(16).hex()
    for _, segment in _opened(folder, names, write=True):
        if segment.hand_to(me):
            segment.end_appends()
            yield segment


_COMMANDS: Mapping[str, Callable[[Path, Sequence[SegmentName]], int]] = {
    "ls": _ls,
    "verify": _verify,
    "show": _show,
    "replay": _replay,
    "purge": _purge,
}


def run() -> int:
    """Runs the command of this process and returns its exit code."""
    try:
        status = main()
        sys.stdout.flush()
    except BrokenPipeError:  # the reader has seen enough; nor may the exit write what is left
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return status
