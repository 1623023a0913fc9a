"""Moves usage from Kafka into the store until SIGTERM or Ctrl-C.

Events are inserted in batches. Their offsets are committed when the store has them, so that
nothing is lost however this process ends; what is repeated then counts once in the table's view.
A message that is no event goes to the dead letter topic; see the command dlq. Where the store or
the broker is away, it waits. Several may run against one server: each reads its share of the
partitions. A chDB folder takes one.

What is inserted is in the store's files: it outlives `kill -9`, and the power failing too, as the
table says `fsync_after_insert`.

The tests run it against chDB. A server is reached by the same client with the same statements, but
no test has run against one.
"""

from __future__ import annotations

import argparse
import gc
import logging
import math
import signal
import sys
from collections.abc import Callable

from infra.sink import kafka, store
from infra.sink.batch import Limits
from infra.sink.pipeline import Pipeline
from infra.sink.progress import Progress

_LOG = logging.getLogger("sink")
_HIGHEST_PORT = 65_535


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what the command takes."""
    kafka.add_arguments(parser)
    store.add_arguments(parser)
    add = parser.add_argument
    add(
        "--group",
        type=_name,
        default="usage-sink",
        help="the consumer group (default: %(default)s)",
    )
    add(
        "--instance",
        metavar="NAME",
        help="this sink's own name in the group: when it starts again it goes on at once, and "
        "until then, for 10 seconds at most, nobody takes its share",
    )
    add(
        "--batch-rows",
        type=_positive(int, "a whole number"),
        default=100_000,
        metavar="N",
        help="insert at so many messages (default: %(default)s)",
    )
    add(
        "--batch-bytes",
        type=_positive(int, "a whole number"),
        default=64 * 2**20,
        metavar="N",
        help="or at so many bytes of them (default: %(default)s)",
    )
    add(
        "--batch-seconds",
        type=_positive(float, "a number"),
        default=1.0,
        metavar="S",
        help="or so long after the first (default: %(default)s)",
    )
    add(
        "--progress-seconds",
        type=_positive(float, "a number"),
        default=10.0,
        metavar="S",
        help="say how it fares this often (default: %(default)s)",
    )
    add(
        "--metrics-port",
        type=_port,
        metavar="PORT",
        help="serve Prometheus metrics there; 0 takes a free port",
    )


def run(arguments: argparse.Namespace) -> int:
    """Works until it is told to stop."""
    logging.basicConfig(stream=sys.stderr, format="%(asctime)s sink: %(message)s")
    _LOG.setLevel(logging.INFO)
    limits = Limits(arguments.batch_rows, arguments.batch_bytes, arguments.batch_seconds)
    signalled: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _: signalled.append(received))
    connection = kafka.connection(arguments.brokers)
    pipeline = Pipeline(connection, arguments.dsn, limits, arguments.group, arguments.instance)
    if arguments.metrics_port is not None:
        from infra.sink import metrics

        port = metrics.serve(pipeline.counts, arguments.metrics_port)
        _LOG.info("serves metrics on port %d", port)
    # A batch is a mountain of objects without a cycle: they are looked through when it is gone.
    gc.freeze()
    gc.disable()
    progress = Progress(pipeline.counts, arguments.progress_seconds)
    pipeline.run(lambda: bool(signalled), progress.tick)
    progress.end()
    return 0


def _positive(kind: Callable[[str], float], what: str) -> Callable[[str], float]:
    def read(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            value = 0
        if not 0 < value < math.inf:
            raise argparse.ArgumentTypeError(f"expected {what} above 0, got {text!r}")
        return value

    return read


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > _HIGHEST_PORT:
        raise argparse.ArgumentTypeError(f"expected 0 to {_HIGHEST_PORT}, got {text!r}")
    return int(text)


def _name(text: str) -> str:
    if not text:
        raise argparse.ArgumentTypeError("expected a name")
    return text
