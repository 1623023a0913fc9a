"""The arguments that the commands about usage share."""

from __future__ import annotations

import argparse

from infra.sink import arguments as argument
from infra.sink._generated.fields import METRIC_TYPE, PRODUCT
from infra.sink.usage.query import Filter


def add_workspaces(parser: argparse.ArgumentParser) -> None:
    """Declares whose usage is asked for."""
    whose = parser.add_mutually_exclusive_group(required=True)
    whose.add_argument("--workspace", action="append", help="of this workspace; repeat for more")
    whose.add_argument("--all", action="store_true", help="of all workspaces")


def add_bounds(parser: argparse.ArgumentParser, example: str) -> None:
    """Declares where a period begins and ends."""
    add = parser.add_argument
    add("--from", dest="start", type=argument.bound, help=f"begin with this: {example}")
    add("--to", dest="end", type=argument.bound, help="end before this (default: now)")


def add_filters(parser: argparse.ArgumentParser) -> None:
    """Declares which events are asked for."""
    add = parser.add_argument
    add(
        "--where",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="only events with this value, such as model=gpt-x; repeat for alternatives",
    )
    add("--product", action="append", default=[], help="only this product; repeat for more")
    add("--metric", action="append", default=[], help="only this metric type; repeat for more")


def add_format(parser: argparse.ArgumentParser) -> None:
    """Declares the format of the output."""
    parser.add_argument(
        "--format",
        choices=("table", "csv", "json"),
        default="table",
        help="print in this format (default: %(default)s)",
    )


def workspaces(arguments: argparse.Namespace) -> tuple[str, ...] | None:
    """Returns the workspaces that are named; None for all."""
    return None if arguments.all else tuple(arguments.workspace)


def filters(arguments: argparse.Namespace) -> tuple[Filter, ...]:
    """Returns the filters.

    Raises:
        UsageError: one is malformed.
    """
    named = [f"{PRODUCT}={each}" for each in arguments.product]
    named += [f"{METRIC_TYPE}={each}" for each in arguments.metric]
    return Filter.parse([*arguments.where, *named])
