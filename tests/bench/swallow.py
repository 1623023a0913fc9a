"""A server that takes what clients post and only counts it; as a process, for its own CPU time.

    python -m tests.bench.swallow      prints its address, and ends with its standard input

GET answers with how many events have come; all clients that are measured post them as a `batch`.
"""

from __future__ import annotations

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Swallow(BaseHTTPRequestHandler):
    """Counts the events of all connections."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # an answer in two packets waits 40 ms for an acknowledgement of the first
    events = 0
    counting = threading.Lock()

    def do_POST(self) -> None:
        """Take a batch."""
        batch = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["batch"]
        with self.counting:
            Swallow.events += len(batch)
        self._answer({"status": 1})

    def do_GET(self) -> None:
        """Say how many events came."""
        self._answer({"events": self.events})

    def _answer(self, reply: dict[str, int]) -> None:
        body = json.dumps(reply).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  its parent's name
        """Say nothing."""


class Server(ThreadingHTTPServer):
    """Lets a client open as many connections at once as it likes."""

    request_queue_size = 1024


if __name__ == "__main__":
    server = Server(("127.0.0.1", 0), Swallow)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    sys.stdin.read()
