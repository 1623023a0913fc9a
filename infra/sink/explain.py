"""Write down what is known about a finding of reconcile, so that it no longer counts.

SUBJECT names the finding as it is listed: INSTANCE:FIRST-LAST for missing,
TOPIC/PARTITION:FIRST-LAST for expired, INSTANCE:NUMBER for skewed, the subject for conflict and
session. A range covers every finding within it. A conflict counts again if one more copy arrives.
"""

from __future__ import annotations

import argparse
import re
import sys

from clickhouse_connect.driver.exceptions import ClickHouseError

from infra.sink import dsn, store
from infra.sink._generated.fields import DATABASE, EXPLAINED
from infra.sink.errors import UsageError
from infra.sink.findings import KINDS

_RANGE = re.compile(r"(.+):([0-9]{1,19})(?:-([0-9]{1,19}))?", re.DOTALL)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments of the command."""
    dsn.add_arguments(parser)
    parser.add_argument("kind", choices=[kind.word for kind in KINDS], metavar="KIND")
    parser.add_argument("subject", metavar="SUBJECT", help="explain this finding")
    parser.add_argument("--reason", required=True, help="what is known about it")


def run(arguments: argparse.Namespace) -> int:
    """Stores the reason."""
    if not arguments.reason.strip():
        raise UsageError("--reason must not be blank")
    kind = next(kind for kind in KINDS if kind.word == arguments.kind)
    subject, first, last = arguments.subject, 0, 0
    if kind.is_of_numbers:
        subject, first, last = _range(arguments.subject)
    with store.open_store(arguments.dsn, existing=True) as client:
        try:
            client.insert(
                EXPLAINED,
                [[kind.word, subject, first, last, arguments.reason]],
                ["kind", "subject", "first", "last", "reason"],
                database=DATABASE,
            )
        except ClickHouseError as failure:
            raise store.query_error(failure) from None
    sys.stdout.write(f"explained {kind.word} {arguments.subject}\n")
    return 0


def _range(text: str) -> tuple[str, int, int]:
    match = _RANGE.fullmatch(text)
    if match is None:
        raise UsageError(f"SUBJECT must be such as NAME:3-7 or NAME:3, got {text!r}")
    first = int(match[2])
    return match[1], first, int(match[3] or first)
