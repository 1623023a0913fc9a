"""ClickHouse's HTTP protocol in front of chDB: a server that the tests can make fail.

The engine and its SQL are real. The server itself, with its users, quotas and limits, is not.
"""

from __future__ import annotations

import base64
import gzip
import http.server
import json
import re
import tempfile
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self, cast
from urllib.parse import parse_qsl, urlsplit

import chdb

# What the protocol takes beside the settings of the engine.
_TRANSPORT = frozenset(
    {
        *("buffer_size", "client_protocol_version", "compress", "database", "decompress"),
        *("enable_http_compression", "http_headers_progress_interval_ms", "query", "query_id"),
        *("send_progress_in_http_headers", "session_id", "wait_end_of_query"),
    }
)
_INSERT = re.compile(rb"\s*(INSERT\s+INTO\s.*?)\sFORMAT\s+(\w+)\s", re.DOTALL | re.IGNORECASE)
_FORMAT = re.compile(r"\sFORMAT\s+(\w+)\s*;?\s*$", re.IGNORECASE)
_CODE = re.compile(r"Code: (\d+)\.")
_STATUS = {"516": 403, "497": 403, "60": 404, "81": 404}
_SECONDS = 60


class ClickHouseServer(http.server.ThreadingHTTPServer):
    """A server over a chDB folder, which this process may not open otherwise meanwhile.

    `password` is what it accepts of the user `billing`. `before` is called with each statement on
    the thread of its request; what it raises as a Failure is the answer.
    """

    daemon_threads = True

    def __init__(self, folder: Path, password: str = "secret") -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.path = str(folder)
        self.password = password
        self.before: Callable[[str], None] = lambda _: None
        self.statements: list[str] = []
        self._engine = _connect(self.path)  # keeps it open between the requests
        self._thread = threading.Thread(target=self.serve_forever)

    @property
    def dsn(self) -> str:
        """What `open_store` takes; unless asked for gzip, the client would choose lz4."""
        return f"http://billing:{self.password}@127.0.0.1:{self.server_port}/?compress=gzip"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self._thread.join(_SECONDS)
        self.server_close()
        self._engine.close()


class Failure(Exception):
    """An error of ClickHouse, such as `Failure(243, "NOT_ENOUGH_SPACE")`."""

    def __init__(self, code: int, name: str) -> None:
        super().__init__(f"Code: {code}. DB::Exception: made by a test. ({name})")


def _connect(path: str) -> Any:
    return chdb.connect(path)  # type: ignore[no-untyped-call]


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    @property
    def store(self) -> ClickHouseServer:
        return cast("ClickHouseServer", self.server)

    def do_GET(self) -> None:
        if self.path == "/ping":
            self._answer(200, b"Ok.\n", {})
        else:
            self.do_POST()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = b"".join(iter(self._chunk, b""))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        parameters = dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True))
        query = parameters.get("query", "").encode()
        statement = query + b"\n" + body if query else body
        try:
            self._authenticate()
            self.store.statements.append(shown := statement[:4_000].decode(errors="replace"))
            self.store.before(shown)
            content, headers = self._run(statement, parameters)
        except (Failure, RuntimeError) as failure:
            text = str(failure)
            found = _CODE.search(text)
            code = found[1] if found else "1001"
            status = _STATUS.get(code, 500)
            return self._answer(status, text.encode(), {"X-ClickHouse-Exception-Code": code})
        return self._answer(200, content, headers)

    def _chunk(self) -> bytes:
        chunk = self.rfile.read(int(self.rfile.readline(), 16))
        self.rfile.readline()
        return chunk

    def _authenticate(self) -> None:
        given = self.headers.get("Authorization", "").removeprefix("Basic ")
        if base64.b64decode(given).decode() != f"billing:{self.store.password}":
            raise Failure(516, "AUTHENTICATION_FAILED")

    def _run(self, statement: bytes, parameters: Mapping[str, str]) -> tuple[bytes, dict[str, str]]:
        given = {k.removeprefix("param_"): v for k, v in parameters.items() if k[:6] == "param_"}
        connection = _connect(self.store.path)  # settings stay with one request
        try:
            for name, value in parameters.items():
                if name not in _TRANSPORT and not name.startswith("param_"):
                    quoted = value.replace("\\", "\\\\").replace("'", "\\'")
                    connection.query(f"SET {name} = '{quoted}'")
            insert = _INSERT.match(statement)
            with tempfile.NamedTemporaryFile() as file:
                if insert:
                    file.write(statement[insert.end() :])
                    file.flush()
                    target, form = insert[1].decode(), insert[2].decode()
                    sql = f"{target} FROM INFILE '{file.name}' FORMAT {form}"
                else:
                    sql = statement.decode()
                found = connection.query(sql, "TabSeparated", params=given or None)
            named = _FORMAT.search(sql)
            summary = {"read_rows": found.rows_read(), "result_rows": found.rows_read()}
            content = bytes(found.bytes() or b"")
            headers = {"X-ClickHouse-Summary": json.dumps({k: str(v) for k, v in summary.items()})}
            if content:
                headers["X-ClickHouse-Format"] = named[1] if named else "TabSeparated"
            return content, headers
        finally:
            connection.close()

    def _answer(self, status: int, content: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        zipped = content and "gzip" in self.headers.get("Accept-Encoding", "")
        if zipped and "enable_http_compression=1" in self.path:
            content = gzip.compress(content)
            self.send_header("Content-Encoding", "gzip")
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("X-ClickHouse-Timezone", "UTC")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  its name
        """Logs nothing."""
