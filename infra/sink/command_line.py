"""Programs of several commands, one module each: their parser, their errors, their log.

`usage-sink` and `usage-api` are such programs.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn, Protocol

from infra.sink.dsn import redact
from infra.sink.text import printable

_FAILED, _WRONG_USE, _INTERRUPTED = 1, 2, 130
_EXIT_STATUS = "exit status: 0 success, 1 failure, 2 usage error"


class Command(Protocol):
    """A module that implements a command; its docstring is the help, its first line the summary.

    `run` returns the exit status. It raises the program's error when it cannot continue, which is
    status 1 unless the command sets another default for `failed`.
    """

    __doc__: str | None

    def add_arguments(self, parser: argparse.ArgumentParser) -> None: ...
    def run(self, arguments: argparse.Namespace) -> int: ...


@dataclass(frozen=True, slots=True)
class Program:
    """A program of several commands.

    Attributes:
        name: begins each line that it writes about itself.
        description: what its help begins with.
        commands: by their names.
        error: ends a command.
        usage_error: likewise, because of arguments or settings.
        statuses: what its help adds about the exit status.
    """

    name: str
    description: str | None
    commands: Mapping[str, Command]
    error: type[Exception]
    usage_error: type[Exception]
    statuses: str = ""

    def run(self, arguments: Sequence[str] | None) -> int:
        """Runs a command and returns its exit status; results go to stdout, errors to stderr."""
        options = self._parser().parse_args(arguments)
        try:
            status = self.commands[options.command].run(options)
            sys.stdout.flush()
        except self.error as error:
            sys.stderr.write(f"{self.name}: {printable(redact(str(error)))}\n")
            return _WRONG_USE if isinstance(error, self.usage_error) else int(options.failed)
        except (
            BrokenPipeError
        ):  # the reader is gone; keep the interpreter from reporting it at exit
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return int(options.failed)
        except KeyboardInterrupt:
            return _INTERRUPTED
        return status

    def _parser(self) -> argparse.ArgumentParser:
        parser = _Parser(
            prog=f"usage-{self.name}",
            description=self.description,
            epilog=_EXIT_STATUS + self.statuses,
        )
        commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
        for name, command in self.commands.items():
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


def log_as(name: str) -> logging.Logger:
    """Returns the logger of a program, which writes a line for each record to stderr."""
    handler = logging.StreamHandler()
    handler.setFormatter(LineFormatter(f"%(asctime)s {name}: %(message)s"))
    logging.basicConfig(handlers=[handler])
    return logging.getLogger(name)


class LineFormatter(logging.Formatter):
    """Formats a record as one line: messages quote the store, Kafka and the names of events."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  the name is logging's
        record.message = printable(redact(record.message))
        return super().formatMessage(record)


class _Parser(argparse.ArgumentParser):
    """A parser whose errors, which quote arguments, show no password."""

    def error(self, message: str) -> NoReturn:
        super().error(printable(redact(message)))
