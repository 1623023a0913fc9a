"""Move usage events from Kafka into the store until SIGTERM or Ctrl-C.

Events are inserted in batches. Offsets are committed once the store has the events, so a crash
loses nothing; what is then inserted twice counts once in the view over the table. A message that is
not an event goes to the dead-letter topic; see `usage-sink dlq`. While the store or the broker is
unavailable, the sink pauses and retries. Several sinks may share one server: each consumes its
share of the partitions. A chDB folder allows one sink.

An insert is acknowledged after fsync (`fsync_after_insert` on the table), so stored events survive
`kill -9` and a power failure.

The tests run the sink against chDB, in its process and behind ClickHouse's HTTP protocol. No test
has run against a server of ClickHouse's.
"""

from __future__ import annotations

import argparse
import gc
import logging
import signal

from infra.sink import dsn, kafka
from infra.sink.arguments import at_least, name, port, positive
from infra.sink.batch import Limits
from infra.sink.command_line import log_as
from infra.sink.pipeline import Pipeline
from infra.sink.progress import Progress


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments of the command."""
    kafka.add_arguments(parser)
    dsn.add_arguments(parser)
    add = parser.add_argument
    add(
        "--group",
        type=name,
        default="usage-sink",
        help="join this consumer group (default: %(default)s)",
    )
    add(
        "--instance",
        metavar="NAME",
        help="join the group as this static member: a restart keeps the partitions without a "
        "rebalance (brokers from Kafka 4 on)",
    )
    add(
        "--batch-rows",
        type=positive(int),
        default=100_000,
        metavar="N",
        help="insert a batch at N messages (default: %(default)s)",
    )
    add(
        "--batch-bytes",
        type=positive(int),
        default=64 * 2**20,
        metavar="N",
        help="or at N bytes (default: %(default)s)",
    )
    add(
        "--batch-seconds",
        type=positive(float),
        default=1.0,
        metavar="S",
        help="or S seconds after its first message (default: %(default)s)",
    )
    add(
        "--rollup-seconds",
        type=at_least(float, 0),
        default=60.0,
        metavar="S",
        help="refresh the roll-ups every S seconds, between two batches; 0 never does "
        "(default: %(default)s)",
    )
    add(
        "--strict",
        action="store_true",
        help="write events with a product, metric type or status that this catalog lacks to the "
        "dead-letter topic; by default they are stored and counted as unknown",
    )
    add(
        "--progress-seconds",
        type=positive(float),
        default=10.0,
        metavar="S",
        help="log progress every S seconds (default: %(default)s)",
    )
    add(
        "--metrics-port",
        type=port,
        metavar="PORT",
        help="serve Prometheus metrics on PORT; 0 picks a free one",
    )
    add(
        "--metrics-host",
        default="127.0.0.1",
        metavar="ADDRESS",
        help="serve them on this address; 0.0.0.0 serves every network (default: %(default)s)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Runs the sink until SIGTERM or SIGINT, then drains it."""
    log = log_as("sink")
    log.setLevel(logging.INFO)
    limits = Limits(arguments.batch_rows, arguments.batch_bytes, arguments.batch_seconds)
    signalled: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _: signalled.append(received))
    connection = kafka.connection(arguments.brokers)
    pipeline = Pipeline(
        connection,
        arguments.dsn,
        limits,
        arguments.group,
        arguments.instance,
        strict=arguments.strict,
        rollup_seconds=arguments.rollup_seconds,
    )
    if arguments.metrics_port is not None:
        from infra.sink import metrics

        served = metrics.serve(pipeline.counts, arguments.metrics_host, arguments.metrics_port)
        log.info("serving metrics on port %d", served)
    # A batch is many objects without a cycle, so the collector runs only after it is released.
    gc.freeze()
    gc.disable()
    progress = Progress(pipeline.counts, arguments.progress_seconds)
    pipeline.run(lambda: bool(signalled), progress.tick)
    progress.end()
    return 0
