"""The `usage-api` command, also `python -m infra.api`: one module per subcommand."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from typing import Protocol

from infra import api
from infra.api import run
from infra.api.errors import ApiError, UsageError
from infra.api.keys import command as keys
from infra.sink.text import printable

_FAILED, _WRONG_USE, _INTERRUPTED = 1, 2, 130


class Command(Protocol):
    """A module that implements a command; its docstring is the help, its first line the summary."""

    __doc__: str | None

    def add_arguments(self, parser: argparse.ArgumentParser) -> None: ...
    def run(self, arguments: argparse.Namespace) -> int: ...


COMMANDS: Mapping[str, Command] = {"keys": keys, "run": run}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command and returns its exit status; results go to stdout, errors to stderr."""
    options = _parser().parse_args(arguments)
    try:
        status = COMMANDS[options.command].run(options)
        sys.stdout.flush()
    except ApiError as error:
        sys.stderr.write(f"api: {printable(str(error))}\n")
        return _WRONG_USE if isinstance(error, UsageError) else _FAILED
    except KeyboardInterrupt:
        return _INTERRUPTED
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="usage-api",
        description=api.__doc__,
        epilog="exit status: 0 success, 1 failure, 2 usage error",
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
        command.add_arguments(command_parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
