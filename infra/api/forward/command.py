"""Take usage events by Fluentd's forward protocol until SIGTERM or Ctrl-C.

For billing-client, and for any client of Fluentd: JSON or msgpack over TCP, acknowledged to those
that ask for it by `chunk`. An event is on disk before it is acknowledged, and goes to Kafka from
there; Kafka and the spool are configured by the SDK's environment variables.

The protocol has no keys: whoever reaches the address records usage, as one service.
"""

from __future__ import annotations

import argparse
import json
import logging
import signal
import socket
import sys

from infra.api.errors import ApiError
from infra.sink.arguments import address, at_least, name
from infra.sink.command_line import log_as


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments of the command."""
    add = parser.add_argument
    add(
        "--listen",
        type=address,
        default="127.0.0.1:24225",
        metavar="HOST:PORT",
        help="listen on this address; port 0 picks a free one (default: %(default)s)",
    )
    add("--service", type=name, required=True, help="record the usage as of this service")
    add(
        "--workspace",
        type=name,
        action="append",
        metavar="ID",
        help="take usage of this workspace; may be repeated (default: of all)",
    )
    add(
        "--max-connections",
        type=at_least(int, 1),
        default=256,
        metavar="N",
        help="reset connections beyond N (default: %(default)s)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Serves until SIGTERM or SIGINT, then takes what clients have written."""
    from infra.api.forward.intake import Intake
    from infra.api.forward.listener import Listener
    from infra.api.keys.key import Key
    from infra.api.recorder import Recorder

    log = log_as("api")
    log.setLevel(logging.INFO)
    workspaces = None if arguments.workspace is None else tuple(arguments.workspace)
    key = Key("forward", "", arguments.service, ("write",), workspaces, "")
    host, port = arguments.listen
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        server = socket.create_server((host, port), family=family, backlog=1024)
    except OSError as error:
        raise ApiError(f"cannot listen on {host}:{port}: {error}") from None
    recorder = Recorder.open()
    intake = Intake(recorder, key)
    stopping: list[int] = []
    wake, woken = socket.socketpair()
    woken.setblocking(False)
    signal.set_wakeup_fd(woken.fileno(), warn_on_full_buffer=False)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _: stopping.append(received))
    sys.stdout.write(json.dumps({"address": f"{host}:{server.getsockname()[1]}"}) + "\n")
    sys.stdout.flush()
    Listener(server, intake, arguments.max_connections).serve(wake, lambda: bool(stopping))
    recorder.close()
    counts = intake.counts
    log.info(
        "forward: %d taken, %d refused, %d without room",
        counts["taken"],
        counts["refused"],
        counts["no room"],
    )
    return 0
