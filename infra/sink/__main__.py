"""`python -m infra.sink`: one command a module."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Protocol

from infra import sink
from infra.sink import migrate, reconcile, run, usage
from infra.sink.dlq import command as dlq
from infra.sink.errors import SinkError, UsageError

_FAILED, _WRONG_USE, _INTERRUPTED = 1, 2, 130


class Command(Protocol):
    """A module that is a command; its docstring is its help, the first line that in the list.

    `run` returns the exit status, and raises SinkError where it cannot go on: that is status 1,
    where the command sets no other default for `failed`.
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
        status = COMMANDS[options.command].run(options)
        sys.stdout.flush()
    except SinkError as problem:
        sys.stderr.write(f"sink: {problem}\n")
        return _WRONG_USE if isinstance(problem, UsageError) else int(options.failed)
    except BrokenPipeError:  # who reads has enough; the interpreter is not to say so at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return int(options.failed)
    except KeyboardInterrupt:
        return _INTERRUPTED
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="usage-sink",
        description=sink.__doc__,
        epilog="exit status: 0 fine, 1 it could not be done, 2 wrong use; of reconcile, see there",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, command in COMMANDS.items():
        text = command.__doc__ or ""
        command_parser = commands.add_parser(
            name,
            help=text.partition("\n")[0],
            description=text,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command_parser.set_defaults(failed=_FAILED)
        command.add_arguments(command_parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
