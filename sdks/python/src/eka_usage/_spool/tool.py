"""Inspects and repairs the spool of this machine."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from .._generated.settings import SETTINGS
from .access import SpoolUnusableError, UntrustedFileError
from .directory import Directory
from .directory_handle import DirectoryHandle
from .location import existing
from .record import Damage, Record
from .segment import Segment
from .segment_name import DEAD, EVENTS, UNOWNED, SegmentName

_ROW = "{:<7}{:>8}{:>10}{:>9}{:>9}  {:<9}{}\n"
_UNLIMITED = 1 << 62
_Segments: TypeAlias = Sequence[tuple[DirectoryHandle, SegmentName]]


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code."""
    given = _parser().parse_args(arguments)
    try:
        found = _segments(existing(given.dir), given.segment)
    except SpoolUnusableError as error:
        sys.stderr.write(f"{error}; choose another directory with --dir\n")
        return 2
    if missing := set(given.segment) - {str(name) for _, name in found}:
        sys.stderr.write(f"{', '.join(sorted(missing))}: no such segment; see ls\n")
        return 2
    if given.command in {"replay", "purge"} and not given.segment:
        found = [(directory, name) for directory, name in found if name.kind == DEAD]
    return _COMMANDS[given.command](found)


def run() -> int:
    """Runs the command of this process and returns its exit code."""
    try:
        status = main()
        sys.stdout.flush()
    except BrokenPipeError:  # the reader closed the pipe; the exit must not flush into it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m eka_usage.spool", description=__doc__)
    variable = next(setting.variable for setting in SETTINGS if setting.name == "spool_dir")
    parser.add_argument(
        "--dir",
        type=Path,
        default=os.environ.get(variable) or None,
        help=f"directory of the spool (default: ${variable}, or else the SDK's own default)",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for name, command in _COMMANDS.items():
        text = (command.__doc__ or "").splitlines()[0]
        commands.add_parser(name, help=text, description=text).add_argument(
            "segment", nargs="*", help="name of a segment, as ls prints it (default: all of them)"
        )
    return parser


def _segments(directories: Iterable[DirectoryHandle], wanted: Sequence[str]) -> _Segments:
    """Returns the segments of these directories, or those of the given names."""
    return [
        (directory, name)
        for directory in directories
        for name in Directory(directory, _UNLIMITED).names()
        if not wanted or str(name) in wanted
    ]


def _ls(segments: _Segments) -> int:
    """List segments with kind, events, bytes, age, damage and owner."""
    sys.stdout.write(_ROW.format("kind", "events", "bytes", "age", "damaged", "owner", "name"))
    for name, segment in _opened(segments):
        items = segment.read()
        header = segment.header()
        age = "" if header is None else f"{time.time() - header.created_at / 1000:.0f} s"
        owner = "nobody" if name.owner == UNOWNED else name.owner[:8]
        size = segment.size()
        events = sum(isinstance(item, Record) for item in items)
        sys.stdout.write(
            _ROW.format(name.kind, events, size, age, len(items) - events, owner, name)
        )
    return 0


def _verify(segments: _Segments) -> int:
    """Check that every segment can be read; exit with 1 if one is damaged or left alone."""
    wrong = 0
    read = 0
    for name, segment in _opened(segments):
        read += 1
        header = segment.header()
        if header is not None and not header.is_sound:
            wrong += 1
            sys.stdout.write(f"{name}: the header is damaged; its events are sent nevertheless\n")
        for item in segment.read():
            if isinstance(item, Damage):
                wrong += 1
                sys.stdout.write(f"{name}: bytes {item.start} to {item.end} are damaged\n")
    sys.stdout.write(f"{read} segments, {wrong} damaged places\n")
    return 1 if wrong or read < len(segments) else 0


def _show(segments: _Segments) -> int:
    """Print the events that Kafka has not acknowledged, one per line."""
    for _, segment in _opened(segments):
        for item in segment.read():
            if isinstance(item, Record):
                sys.stdout.buffer.write(item.event + b"\n")
    return 0


def _replay(segments: _Segments) -> int:
    """Give dead letters, or the named segments, to the clients of this machine to send."""
    events = 0
    for segment in _adopted(segments):
        found = sum(isinstance(item, Record) for item in segment.read())
        if segment.rename(segment.name._replace(kind=EVENTS, owner=UNOWNED)):
            events += found
    sys.stdout.write(f"{events} events to replay; a client with the same brokers sends them\n")
    return 0


def _purge(segments: _Segments) -> int:
    """Remove dead letters, or the named segments, permanently."""
    removed = 0
    for segment in _adopted(segments):
        removed += sum(isinstance(item, Record) for item in segment.read())
        segment.remove()
    sys.stdout.write(f"{removed} events removed\n")
    return 0


def _opened(segments: _Segments, *, write: bool = False) -> Iterator[tuple[SegmentName, Segment]]:
    for directory, name in segments:
        try:
            segment = Segment.open(directory, name, write=write)
        except FileNotFoundError:  # removed a moment ago
            continue
        except (UntrustedFileError, OSError) as error:
            sys.stderr.write(f"{name}: it is left alone: {error}\n")
            continue
        yield name, segment
        segment.close()


def _adopted(segments: _Segments) -> Iterator[Segment]:
    """Takes segments as an adopter does: becomes the owner first, then fences, then reads."""
    me = os.urandom(16).hex()
    for _, segment in _opened(segments, write=True):
        if segment.transfer_to(me):
            segment.fence()
            yield segment


_COMMANDS: Mapping[str, Callable[[_Segments], int]] = {
    "ls": _ls,
    "verify": _verify,
    "show": _show,
    "replay": _replay,
    "purge": _purge,
}
