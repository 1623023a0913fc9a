"""Opens the store of a DSN: a ClickHouse server, or chDB in this process."""

from __future__ import annotations

import argparse
import fcntl
import os
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

import clickhouse_connect
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from infra.sink._generated.fields import ENVIRONMENT_PREFIX
from infra.sink.errors import SinkError, UnavailableError, UsageError

VARIABLE = f"{ENVIRONMENT_PREFIX}CLICKHOUSE_DSN"

_FORMS = "https://user:password@host:8443, http://host:8123 or chdb:///folder"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares `--dsn`, for the commands that use the store."""
    parser.add_argument(
        "--dsn",
        default=os.environ.get(VARIABLE),
        help=f"use this store: {_FORMS} (default: ${VARIABLE})",
    )


def open_store(dsn: str | None, *, existing: bool = False) -> Client:
    """Returns a client of the store.

    chDB locks its folder for this process until the client is closed, and creates a folder that
    does not exist: a command that only reads must ask for an `existing` one. No database is
    selected: statements name theirs, and the first migration creates it.

    Raises:
        UsageError: the DSN is missing or malformed.
        SinkError: there is no such folder.
        UnavailableError: the store cannot be opened now.
    """
    if not dsn:
        raise UsageError(f"no store configured: set {VARIABLE} or pass --dsn: {_FORMS}")
    parts = _parse(dsn)
    if existing and parts.scheme == "chdb" and not Path(parts.path).is_dir():
        raise SinkError(
            f"no store at {_redacted(parts)}: check the path, or create a store with "
            "`usage-sink migrate`"
        )
    try:
        if parts.scheme == "chdb":
            return clickhouse_connect.get_client(dsn=dsn, tz_mode="aware")
        return clickhouse_connect.get_client(
            dsn=dsn, interface=parts.scheme, tz_mode="aware", autogenerate_session_id=False
        )
    except ClickHouseError as failure:
        raise UnavailableError(_open_error(parts, failure)) from None
    except ImportError:
        raise UsageError(f"{_redacted(parts)} requires the package chdb: install it") from None
    except (OSError, TypeError, ValueError) as failure:
        raise UnavailableError(f"cannot open the store at {_redacted(parts)}: {failure}") from None


def first_line(failure: BaseException) -> str:
    """Returns the message of a failure without the store's stack trace."""
    return str(failure).partition("\n")[0].partition(", Stack trace")[0][:300]


def query_error(failure: ClickHouseError) -> SinkError:
    """Returns the error to report for a failed query."""
    reason = str(failure)
    if "UNKNOWN_DATABASE" in reason or "UNKNOWN_TABLE" in reason:
        return SinkError("the store has no tables: run `usage-sink migrate`")
    return SinkError(f"the store rejected the query: {first_line(failure)}")


def _parse(dsn: str) -> SplitResult:
    try:
        parts = urlsplit(dsn)
        complete = parts.path.strip("/") if parts.scheme == "chdb" else parts.hostname
        _ = parts.port
    except ValueError:
        raise UsageError(f"malformed DSN: expected {_FORMS}") from None
    if parts.scheme not in {"http", "https", "chdb"} or not complete:
        raise UsageError(f"unsupported DSN: expected {_FORMS}")
    if parts.scheme == "chdb" and parts.netloc:
        raise UsageError("malformed DSN: chDB takes an absolute path, chdb:///folder")
    return parts


def _redacted(parts: SplitResult) -> str:
    """The address without user, password and settings."""
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _open_error(parts: SplitResult, failure: ClickHouseError) -> str:
    store = f"the store at {_redacted(parts)}"
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
