"""One process owns a chDB folder: it runs the sink, and answers what workers ask over a socket."""

from __future__ import annotations

import logging
import multiprocessing
import secrets
import shutil
import signal
import tempfile
import threading
from multiprocessing.connection import Connection, Listener, wait
from pathlib import Path
from types import TracebackType
from typing import Self

from infra.api.errors import ApiError
from infra.api.store.pool import Bounds, Pool
from infra.api.store.remote import Address
from infra.sink import kafka, store
from infra.sink.batch import Limits
from infra.sink.command_line import log_as
from infra.sink.dsn import Dsn
from infra.sink.errors import SinkError
from infra.sink.migrate import migrate
from infra.sink.pipeline import Pipeline

_LOG = logging.getLogger("api")
_SINK = Limits(rows=100_000, bytes=64 * 2**20, seconds=1.0)
_GROUP = "usage-sink"
_ROLLUP_SECONDS = 60
_STOP_SECONDS = 30
_PAUSE = 1.0


class StoreProcess:
    """Runs the process, and replaces it if it fails; leaving the context stops it.

    Args:
        dsn: of the folder.
        bounds: of the questions.
    """

    def __init__(self, dsn: Dsn, bounds: Bounds) -> None:
        self._context = multiprocessing.get_context("spawn")
        self._dsn, self._bounds = dsn, bounds
        self._folder = tempfile.mkdtemp(prefix="usage-api-")  # of mode 0700
        self.address = Address(f"{self._folder}/store", secrets.token_bytes(32))
        self._stopping = threading.Event()
        self._supervisor = threading.Thread(target=self._supervise, name="store")

    def __enter__(self) -> Self:
        """Starts the process, and waits until it answers.

        Raises:
            ApiError: it does not start.
        """
        self._start()
        try:
            self._pipe.recv()
        except EOFError:
            self._process.join()
            shutil.rmtree(self._folder, ignore_errors=True)
            raise ApiError("the store cannot be used: see the line above") from None
        self._supervisor.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopping.set()
        self._supervisor.join()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _start(self) -> None:
        # Whoever fails leaves no lock behind, as an event of several processes would.
        self._pipe, theirs = self._context.Pipe()
        arguments = (self._dsn, self._bounds, self.address, theirs)
        self._process = self._context.Process(target=_run, args=arguments, name="store")
        self._process.start()
        theirs.close()

    def _supervise(self) -> None:
        while not self._stopping.wait(_PAUSE):
            if not self._process.is_alive():
                _LOG.error("the process of the store ended, and is started again")
                self._pipe.close()
                self._start()
        self._pipe.close()
        self._process.join(_STOP_SECONDS)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()


def _run(dsn: Dsn, bounds: Bounds, address: Address, server: Connection) -> None:
    """Runs the sink on this thread until the server closes its end, or is gone."""
    # The server is asked to stop, and stops this process when nobody asks any more.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    log_as("store")
    stopping = threading.Event()
    try:
        with store.open_store(dsn) as client:
            migrate(client)
            pool = Pool(dsn, bounds)
            _listen(address, pool)
            server.send("ready")
            threading.Thread(target=_follow, args=(server, stopping), daemon=True).start()
            pipeline = Pipeline(
                kafka.connection(None), dsn, _SINK, _GROUP, rollup_seconds=_ROLLUP_SECONDS
            )
            pipeline.run(stopping.is_set, lambda: None)
    except SinkError as failure:
        _LOG.error("%s", failure)
        raise SystemExit(1) from None


def _follow(server: Connection, stopping: threading.Event) -> None:
    wait([server])
    stopping.set()


def _listen(address: Address, pool: Pool) -> None:
    """Answers each connection on a thread of its own, beside this one."""
    Path(address.path).unlink(missing_ok=True)
    listener = Listener(address.path, "AF_UNIX", backlog=64, authkey=address.secret)

    def accept() -> None:
        while True:
            try:
                connection = listener.accept()
            except (EOFError, OSError, multiprocessing.AuthenticationError) as error:
                _LOG.warning("refused a connection: %r", error)
                continue
            threading.Thread(target=_answer, args=(connection, pool), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()


def _answer(connection: Connection, pool: Pool) -> None:
    with connection:
        while True:
            try:
                question = connection.recv()
            except (EOFError, OSError):
                return
            try:
                found = pool.ask(question)
            except SinkError as failure:
                found = failure
            except Exception:  # noqa: BLE001  one question must not end the others
                _LOG.exception("a question failed")
                found = SinkError("the question failed: see the log of the server")
            try:
                connection.send(found)
            except OSError:
                return
