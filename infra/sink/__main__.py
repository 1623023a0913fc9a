"""The `usage-sink` command, also `python -m infra.sink`: one module per subcommand."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping, Sequence

from infra import sink
from infra.sink import migrate, reconcile, run, void
from infra.sink.closing import adjustments
from infra.sink.closing import command as closing
from infra.sink.command_line import Command, Program
from infra.sink.dlq import command as dlq
from infra.sink.erasing import command as erasing
from infra.sink.errors import SinkError, UsageError
from infra.sink.importing import command as importing
from infra.sink.rollup import command as rollup
from infra.sink.trace import command as trace
from infra.sink.usage import command as usage
from infra.sink.usage import events_command as events
from infra.sink.zones import command as workspace

COMMANDS: Mapping[str, Command] = {
    "adjustments": adjustments,
    "close": closing,
    "dlq": dlq,
    "erase": erasing,
    "events": events,
    "import": importing,
    "migrate": migrate,
    "reconcile": reconcile,
    "rollup": rollup,
    "run": run,
    "trace": trace,
    "usage": usage,
    "void": void,
    "workspace": workspace,
}


PROGRAM = Program(
    name="sink",
    description=sink.__doc__,
    commands=COMMANDS,
    error=SinkError,
    usage_error=UsageError,
    statuses="; `reconcile --help` and `trace --help` have their own",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command and returns its exit status; results go to stdout, errors to stderr."""
    # The driver also logs the errors that it raises.
    logging.getLogger("clickhouse_connect").addHandler(logging.NullHandler())
    return PROGRAM.run(arguments)


if __name__ == "__main__":
    sys.exit(main())
