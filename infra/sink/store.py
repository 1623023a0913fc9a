"""Opens the store of a DSN: a ClickHouse server, or chDB in this process."""

from __future__ import annotations

import fcntl
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

import clickhouse_connect
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from infra.sink.dsn import FORMS, Dsn, redact
from infra.sink.errors import SinkError, TooLargeError, UnavailableError, UsageError

# What makes the tables of a cluster behave as those of one server; there they change nothing. An
# insert has reached the shards when it is answered, and what a subquery reads is of all shards.
ON_SERVERS: Mapping[str, Any] = {
    "distributed_foreground_insert": 1,
    "distributed_product_mode": "global",
}
# What is written with these is read with them, whichever replica of a cluster is asked, or the
# query fails; without replicas they change nothing.
AS_ONE: Mapping[str, Any] = {
    "insert_quorum": "auto",
    "insert_quorum_parallel": 0,
    "select_sequential_consistency": 1,
}

_TOO_LARGE = {"MEMORY_LIMIT_EXCEEDED": "memory", "TIMEOUT_EXCEEDED": "time"}


def is_embedded(dsn: Dsn) -> bool:
    """Reports whether the store is a folder, which one process at a time can open.

    Raises:
        UsageError: the DSN is missing or malformed.
        UnavailableError: its file cannot be read now.
    """
    return _parse(dsn.read()).scheme == "chdb"


def open_store(dsn: Dsn | str | None, *, existing: bool = False) -> Client:
    """Returns a client of the store.

    chDB locks its folder for this process until the client is closed, and creates a folder that
    does not exist: a command that only reads must ask for an `existing` one. No database is
    selected: statements name theirs, and the first migration creates it.

    Raises:
        UsageError: the DSN is missing or malformed.
        SinkError: there is no such folder.
        UnavailableError: the store cannot be opened now.
    """
    address = (dsn if isinstance(dsn, Dsn) else Dsn(dsn)).read()
    parts = _parse(address)
    if existing and parts.scheme == "chdb" and not Path(parts.path).is_dir():
        raise SinkError(
            f"no store at {_shown(parts)}: check the path, or create a store with "
            "`usage-sink migrate`"
        )
    try:
        if parts.scheme == "chdb":
            return clickhouse_connect.get_client(dsn=address, tz_mode="aware")
        return clickhouse_connect.get_client(
            dsn=address,
            interface=parts.scheme,
            tz_mode="aware",
            autogenerate_session_id=False,
            settings=dict(ON_SERVERS),
        )
    except ClickHouseError as failure:
        raise UnavailableError(_open_error(parts, failure)) from None
    except ImportError:
        raise UsageError(f"{_shown(parts)} requires the package chdb: install it") from None
    except (OSError, TypeError, ValueError) as failure:
        raise UnavailableError(
            f"cannot open the store at {_shown(parts)}: {first_line(failure)}"
        ) from None


def bound(time: datetime) -> str:
    """Returns a time as a parameter of a type with a zone: the server's own has no effect on it."""
    return time.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def first_line(failure: BaseException) -> str:
    """Returns the message of a failure without the store's stack trace and without a password."""
    return redact(str(failure).partition("\n")[0].partition(", Stack trace")[0])[:300]


def query_error(failure: ClickHouseError) -> SinkError:
    """Returns the error to report for a failed query."""
    reason = str(failure)
    if "UNKNOWN_DATABASE" in reason or "UNKNOWN_TABLE" in reason:
        return SinkError("the store has no tables: run `usage-sink migrate`")
    for code, what in _TOO_LARGE.items():
        if code in reason:
            return TooLargeError(
                f"the query needs more {what} than a query may take: ask for a shorter period, or "
                "for fewer workspaces"
            )
    return SinkError(f"the store rejected the query: {first_line(failure)}")


def _parse(dsn: str) -> SplitResult:
    try:
        parts = urlsplit(dsn)
        complete = parts.path.strip("/") if parts.scheme == "chdb" else parts.hostname
        _ = parts.port
    except ValueError:
        raise UsageError(f"malformed DSN: expected {FORMS}") from None
    if parts.scheme not in {"http", "https", "chdb"} or not complete:
        raise UsageError(f"unsupported DSN: expected {FORMS}")
    if parts.scheme != "chdb" and "@" in dsn.partition(parts.netloc)[2]:
        raise UsageError("malformed DSN: percent-encode '/', '?', '#' and '@' of user and password")
    if parts.scheme == "chdb" and parts.netloc:
        raise UsageError("malformed DSN: chDB takes an absolute path, chdb:///folder")
    return parts


def _shown(parts: SplitResult) -> str:
    """The address without user, password and settings."""
    return redact(f"{parts.scheme}://{parts.netloc}{parts.path}").replace("***@", "")


def _open_error(parts: SplitResult, failure: ClickHouseError) -> str:
    store = f"the store at {_shown(parts)}"
    if parts.scheme == "chdb" and _is_locked(Path(parts.path)):
        return f"{store} is open in another process: stop that one first, chDB allows one at a time"
    if "AUTHENTICATION_FAILED" in str(failure) or "Code: 516" in str(failure):
        return f"{store} rejected the user or the password"
    cause = first_line(_cause(failure))
    return f"cannot open {store}: {cause}; check that it runs and that the address is right"


def _cause(failure: BaseException) -> BaseException:
    """The first cause, such as a refused connection, not that the retries are used up."""
    return failure if failure.__cause__ is None else _cause(failure.__cause__)


def _is_locked(folder: Path) -> bool:
    """Whether a process holds chDB's lock, which chDB itself reports on stderr only."""
    try:
        with (folder / "status").open("rb") as status:
            fcntl.flock(status, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
