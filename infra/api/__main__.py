"""The `usage-api` command, also `python -m infra.api`: one module per subcommand."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

from infra import api
from infra.api import run
from infra.api.errors import ApiError, UsageError
from infra.api.forward import command as forward
from infra.api.keys import command as keys
from infra.sink.command_line import Command, Program

COMMANDS: Mapping[str, Command] = {"forward": forward, "keys": keys, "run": run}
PROGRAM = Program("api", api.__doc__, COMMANDS, ApiError, UsageError)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command and returns its exit status; results go to stdout, errors to stderr."""
    return PROGRAM.run(arguments)


if __name__ == "__main__":
    sys.exit(main())
