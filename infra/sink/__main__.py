"""`python -m infra.sink`: one command a module."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Mapping, Sequence
from typing import Protocol

from infra import sink
from infra.sink import dlq, migrate, reconcile, run, usage
from infra.sink.errors import SinkError

FINE, PROBLEMS, CANNOT = 0, 1, 2


class Command(Protocol):
    """A module that is a command; its docstring is its help, the first line that in the list.

    `run` returns the exit status, and raises SinkError where it cannot go on.
    """

    __doc__: str | None

    def add_arguments(self, parser: argparse.ArgumentParser) -> None: ...
    def run(self, arguments: argparse.Namespace) -> int: ...


COMMANDS: Mapping[str, Command] = {
    "dlq": dlq,
    "migrate": migrate,
    "reconcile": reconcile,
    "run": run,
    "usage": usage,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command and returns its exit status; results go to stdout, problems to stderr."""
    # The driver logs what it also raises.
    logging.getLogger("clickhouse_connect").addHandler(logging.NullHandler())
    options = _parser().parse_args(arguments)
    try:
        return COMMANDS[options.command].run(options)
    except SinkError as problem:
        sys.stderr.write(f"sink: {problem}\n")
        return CANNOT
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m infra.sink",
        description=sink.__doc__,
        epilog="exit status: 0 fine, 1 problems found, 2 it could not be done",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, command in COMMANDS.items():
        text = command.__doc__ or ""
        command.add_arguments(
            commands.add_parser(
                name,
                help=text.partition("\n")[0],
                description=text,
                formatter_class=argparse.RawDescriptionHelpFormatter,
            )
        )
    return parser


if __name__ == "__main__":
    sys.exit(main())
