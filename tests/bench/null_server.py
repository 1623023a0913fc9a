"""A server that counts the events it receives, as a process, so that its CPU time is its own.

    python -m tests.bench.null_server    prints its address; exits at the end of standard input

Every measured client posts events as a `batch`; GET returns how many were received.
"""

from __future__ import annotations

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class NullHandler(BaseHTTPRequestHandler):
    """Counts the events of all connections."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # a response in two packets waits 40 ms for the acknowledgement of the first
    events = 0
    counting = threading.Lock()

    def do_POST(self) -> None:
        """Counts a batch."""
        batch = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["batch"]
        with self.counting:
            NullHandler.events += len(batch)
        self._respond({"status": 1})

    def do_GET(self) -> None:
        """Returns how many events were received."""
        self._respond({"events": self.events})

    def _respond(self, reply: dict[str, int]) -> None:
        body = json.dumps(reply).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  its parent's name
        """Logs nothing."""


class Server(ThreadingHTTPServer):
    """Accepts as many connections at once as a client opens."""

    request_queue_size = 1024


if __name__ == "__main__":
    server = Server(("127.0.0.1", 0), NullHandler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    sys.stdin.read()
