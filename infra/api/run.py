"""Take usage events by HTTP, and answer what was used, until SIGTERM or Ctrl-C.

An event is on disk before it is answered with 202, and goes to Kafka from there; Kafka and the
spool are configured by the SDK's environment variables. Several workers share the port and the
spool. After SIGTERM, /readyz is false while the server still answers, so that balancers turn
elsewhere, then it drains.

Usage is read from the store of --dsn, if there is one. A chDB folder is of one process: the server
runs it, with the sink, and creates the tables; nothing else can open the folder meanwhile.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from infra.api.errors import UsageError
from infra.api.wire.body import BodyLimits
from infra.sink import dsn, store
from infra.sink.arguments import address, at_least, positive
from infra.sink.command_line import log_as
from infra.sink.errors import SinkError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments of the command."""
    add = parser.add_argument
    add(
        "--listen",
        type=address,
        default="127.0.0.1:8080",
        metavar="HOST:PORT",
        help="listen on this address; port 0 picks a free one (default: %(default)s)",
    )
    add("--keys", required=True, type=Path, metavar="FILE", help="accept the API keys of this file")
    add(
        "--workers",
        type=at_least(int, 1),
        default=1,
        metavar="N",
        help="serve with N processes (default: %(default)s)",
    )
    add(
        "--drain-seconds",
        type=at_least(float, 0),
        default=5.0,
        metavar="S",
        help="serve S seconds more after SIGTERM, with /readyz false (default: %(default)s)",
    )
    add(
        "--max-body-bytes",
        type=at_least(int, 1024),
        default=1_048_576,
        metavar="N",
        help="refuse larger bodies, also decompressed (default: %(default)s)",
    )
    add(
        "--body-seconds",
        type=at_least(float, 0.1),
        default=10.0,
        metavar="S",
        help="refuse a body that takes longer to arrive (default: %(default)s)",
    )
    add(
        "--events-per-second",
        type=at_least(float, 0),
        default=0.0,
        metavar="N",
        help="refuse more events of one API key, in each worker (default: no limit)",
    )
    add(
        "--relay-seconds",
        type=at_least(float, 0.1),
        default=30.0,
        metavar="S",
        help="wait S seconds for Kafka: then encoded events are answered with 503, and those of "
        "?wait=kafka with 202 (default: %(default)s)",
    )
    dsn.add_arguments(parser)
    add(
        "--query-seconds",
        type=positive(float),
        default=20.0,
        metavar="S",
        help="stop a query of the store after S seconds (default: %(default)s)",
    )
    add("--tls-certificate", type=Path, metavar="FILE", help="serve TLS with this chain, as PEM")
    add("--tls-key", type=Path, metavar="FILE", help="and this private key")


def run(arguments: argparse.Namespace) -> int:
    """Serves until SIGTERM or SIGINT."""
    from infra.api import server
    from infra.api.app import Options
    from infra.api.keys.keyring import Keyring
    from infra.api.recorder import Recorder
    from infra.api.store.pool import Bounds
    from infra.api.store.process import StoreProcess

    if (arguments.tls_certificate is None) != (arguments.tls_key is None):
        raise UsageError("TLS needs both --tls-certificate and --tls-key")
    log_as("api")
    # A worker that cannot start would be replaced without end, so what may fail is tried first.
    Keyring(arguments.keys)
    Recorder.open().close()
    host, port = arguments.listen
    listening = server.Listening(
        host,
        port,
        arguments.workers,
        arguments.drain_seconds,
        arguments.tls_certificate,
        arguments.tls_key,
    )
    questions = Bounds(seconds=arguments.query_seconds)
    options = Options(
        arguments.keys,
        BodyLimits(arguments.max_body_bytes, arguments.body_seconds),
        arguments.events_per_second,
        arguments.relay_seconds,
        arguments.dsn or None,
        questions,
    )
    try:
        is_embedded = bool(arguments.dsn) and store.is_embedded(arguments.dsn)
    except SinkError as error:
        raise UsageError(str(error)) from None
    if not is_embedded:
        server.serve(listening, options)
        return 0
    with StoreProcess(arguments.dsn, questions) as process:
        server.serve(listening, replace(options, store=process.address))
    return 0
