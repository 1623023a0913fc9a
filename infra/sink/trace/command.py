"""Tell what became of an event, by its id.

It looks into the store for who accepted the event, when it was stored, its copies, what took it
back, its session and the line of the invoice that it counts in; with --brokers also into the usage
topic, as far back as Kafka keeps it, and into the dead-letter topic.

Exit status: 0 found somewhere, 1 not found, 2 failure or usage error.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, NamedTuple

from infra.sink import arguments as argument
from infra.sink import dsn, kafka, output, store
from infra.sink._generated.fields import ACCOUNT, ENVIRONMENT_PREFIX, FIELDS, USAGE_TOPIC
from infra.sink.renames import ledger as renames
from infra.sink.text import printable
from infra.sink.trace.kafka import Found, find
from infra.sink.trace.stored import Line, Traced, trace

_CLIENT = [
    field.name
    for field in FIELDS
    if field.name in {"service_name", "hostname", "sdk_language", "sdk_version"}
]
_NOT_LOOKED = "not looked at: pass --brokers"


class Named(NamedTuple):
    """An event with the name that it was recorded under, and that of the invoice that has it."""

    workspace: str
    billed_as: str | None
    traced: Traced


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments of the command."""
    parser.set_defaults(failed=2)  # 1 says that there is no such event
    dsn.add_arguments(parser)
    kafka.add_arguments(parser)
    add = parser.add_argument
    add("--workspace", required=True, help="the workspace of the event")
    add("--event", required=True, metavar="ID", help="the id of the event")
    add(
        "--since",
        type=argument.time,
        help="read the usage topic from this time on (default: when the event was accepted, or "
        "else from its beginning)",
    )
    add(
        "--format",
        choices=("text", "json"),
        default="text",
        help="print in this format (default: %(default)s)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Prints what is known; returns whether anything is."""
    workspace, event = arguments.workspace, arguments.event
    with store.open_store(arguments.dsn, existing=True) as client:
        names = renames.names(client)
        recorded = names.recorded_as(workspace)
        found = [(name, each) for name in recorded for each in trace(client, name, event)]
    traced = [
        Named(name, names.billed_as(name, each.line.month) if each.line else None, each)
        for name, each in found
    ]
    in_kafka = None
    if arguments.brokers or os.environ.get(f"{ENVIRONMENT_PREFIX}KAFKA_BROKERS"):
        accepted = [each.accepted_at for one in traced for each in one.traced.arrivals]
        since = arguments.since or (min(accepted) if accepted else None)
        in_kafka = find(kafka.connection(arguments.brokers), recorded, event, since)
    is_found = bool(traced or (in_kafka and (in_kafka.messages or in_kafka.letters)))
    if arguments.format == "json":
        output.write_json(_document(workspace, event, traced, in_kafka))
    else:
        for line in _told(traced, in_kafka):
            sys.stdout.write(f"{printable(line)}\n")
        if not is_found:
            sys.stdout.write(
                f"no event {event!r} of workspace {workspace!r}: check both; a service has it in "
                "its spool, or never accepted it\n"
            )
    return 0 if is_found else 1


def _document(
    workspace: str, event: str, traced: list[Named], in_kafka: Found | None
) -> dict[str, Any]:
    return {
        "workspace": workspace,
        "event": event,
        "events": [
            {
                ACCOUNT: each.workspace,
                "billed_as": each.billed_as,
                **asdict(each.traced),
                "conflicts": each.traced.conflicts,
            }
            for each in traced
        ],
        "kafka": None if in_kafka is None else asdict(in_kafka),
    }


def _told(traced: list[Named], in_kafka: Found | None) -> Iterator[str]:
    for each in traced:
        yield f"{each.traced.product}.{each.traced.metric_type}"
        for name, text in _facts(each.traced):
            yield f"  {name:11} {text}"
        if each.billed_as not in {None, each.workspace}:
            yield f"  {'billed as':11} {each.billed_as}, and was recorded as {each.workspace}"
    if in_kafka is None:
        yield f"in Kafka      {_NOT_LOOKED}"
        return
    for position in in_kafka.messages:
        yield f"in Kafka      {position}"
    if not in_kafka.messages:
        yield f"in Kafka      {USAGE_TOPIC} does not have it, or not any more"
    elif not traced:
        yield "not stored    the sinks have not reached it, or it is a dead letter: see their lag"
    for letter in in_kafka.letters:
        state = "replayed" if letter.replayed else "not replayed"
        yield f"dead letter   {letter.origin}, {state}: {letter.reason}"


def _facts(traced: Traced) -> Iterator[tuple[str, str]]:
    row = traced.row
    if traced.arrivals:
        first = traced.arrivals[0]
        what = f"{output.text(first.accepted_at)} by client {first.instance}, number {first.number}"
        if row is not None:
            what += "".join(f", {name} {row[name]}" for name in _CLIENT)
        yield "accepted", what
        yield "stored", output.text(first.stored_at)
    if row is None:
        for erased in traced.erased:
            yield "erased", f"{output.text(erased.before)} by {erased.by}: {erased.reason}"
        if not traced.erased:
            yield "erased", "its receipt is left, and the event is not in the table any more"
    if copies := len(traced.arrivals) - 1:
        last = traced.arrivals[-1]
        text = f"{copies}, the last stored {output.text(last.stored_at)}"
        same = ", which bill differently: the first counts" if traced.conflicts else ", all alike"
        yield "copies", text + same
    if row is not None and row.get("voids"):
        yield "takes back", row["voids"]
    if row is not None and row["voided_by"]:
        yield "taken back", f"by {row['voided_by']}: {traced.void_reason}"
    for session in traced.sessions:
        period = f"from {output.text(session.started_at)} to {output.text(session.ended_at)}"
        yield "session", f"{session.session_id or 'without an id'}, {session.state}, {period}"
    yield "counts", "nowhere" if traced.line is None else _counts(traced.line)


def _counts(line: Line) -> str:
    billable = "billable" if line.billable else "not billable"
    apart = f", {line.apart}" if line.apart else ""
    cost = "without a cost" if line.cost is None else f"cost {output.text(line.cost)}"
    return (
        f"in {line.month:%Y-%m} ({line.time_zone}), {billable}{apart}: quantity "
        f"{output.text(line.quantity)}, {cost}, aggregated by {line.aggregation}"
    )
