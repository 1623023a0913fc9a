"""The `usage-sink` command, also `python -m infra.sink`: one module per subcommand."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from typing import NoReturn, Protocol

from infra import sink
from infra.sink import migrate, reconcile, run, void
from infra.sink.closing import adjustments
from infra.sink.closing import command as closing
from infra.sink.dlq import command as dlq
from infra.sink.dsn import redact
from infra.sink.errors import SinkError, UsageError
from infra.sink.text import printable
from infra.sink.trace import command as trace
from infra.sink.usage import command as usage
from infra.sink.usage import events_command as events

_FAILED, _WRONG_USE, _INTERRUPTED = 1, 2, 130


class Command(Protocol):
    """A module that implements a command; its docstring is the help, its first line the summary.

    `run` returns the exit status. It raises SinkError when it cannot continue, which is status 1
    unless the command sets another default for `failed`.
    """

    __doc__: str | None

    def add_arguments(self, parser: argparse.ArgumentParser) -> None: ...
    def run(self, arguments: argparse.Namespace) -> int: ...


COMMANDS: Mapping[str, Command] = {
    "adjustments": adjustments,
    "close": closing,
    "dlq": dlq,
    "events": events,
    "migrate": migrate,
    "reconcile": reconcile,
    "run": run,
    "trace": trace,
    "usage": usage,
    "void": void,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command and returns its exit status; results go to stdout, errors to stderr."""
    # The driver also logs the errors that it raises.
    logging.getLogger("clickhouse_connect").addHandler(logging.NullHandler())
    options = _parser().parse_args(arguments)
    try:
        status = COMMANDS[options.command].run(options)
        sys.stdout.flush()
    except SinkError as error:
        sys.stderr.write(f"sink: {printable(redact(str(error)))}\n")
        return _WRONG_USE if isinstance(error, UsageError) else int(options.failed)
    except BrokenPipeError:  # the reader is gone; keep the interpreter from reporting it at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return int(options.failed)
    except KeyboardInterrupt:
        return _INTERRUPTED
    return status


class _Parser(argparse.ArgumentParser):
    """A parser whose errors, which quote arguments, show no password."""

    def error(self, message: str) -> NoReturn:
        super().error(printable(redact(message)))


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="usage-sink",
        description=sink.__doc__,
        epilog="exit status: 0 success, 1 failure, 2 usage error; `reconcile --help` and "
        "`trace --help` have their own",
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
