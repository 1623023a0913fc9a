"""The store that a DSN names: a ClickHouse server, or chDB in this process."""

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
    """Declares `--dsn`, for a command that reads or writes the store."""
    parser.add_argument(
        "--dsn",
        default=os.environ.get(VARIABLE),
        help=f"the store: {_FORMS} (default: ${VARIABLE})",
    )


def open_store(dsn: str | None, *, existing: bool = False) -> Client:
    """A client of the store; SinkError says what to do where it cannot be opened.

    chDB holds its folder for this process alone until the client is closed, and makes it where it
    is not there: a command that only reads asks for one that is `existing`. No database is chosen:
    statements name theirs, and the first of them creates it.
    """
    if not dsn:
        raise UsageError(f"no store named; set {VARIABLE} or pass --dsn: {_FORMS}")
    parts = _parse(dsn)
    if existing and parts.scheme == "chdb" and not Path(parts.path).is_dir():
        raise SinkError(
            f"there is no store at {_shown(parts)}; is the path right? "
            "`python -m infra.sink migrate` makes a new one"
        )
    try:
        if parts.scheme == "chdb":
            return clickhouse_connect.get_client(dsn=dsn, tz_mode="aware")
        return clickhouse_connect.get_client(
            dsn=dsn, interface=parts.scheme, tz_mode="aware", autogenerate_session_id=False
        )
    except ClickHouseError as failure:
        raise UnavailableError(_advice(parts, failure)) from None
    except (OSError, TypeError, ValueError) as failure:
        raise UnavailableError(
            f"the store at {_shown(parts)} cannot be opened: {failure}"
        ) from None


def first_line(failure: BaseException) -> str:
    """The words of a failure, without the stack of the store."""
    return str(failure).partition("\n")[0].partition(", Stack trace")[0][:300]


def failed(failure: ClickHouseError) -> SinkError:
    """What a refused query means to a person."""
    reason = str(failure)
    if "UNKNOWN_DATABASE" in reason or "UNKNOWN_TABLE" in reason:
        return SinkError("the store has no tables yet; run `python -m infra.sink migrate`")
    return SinkError(f"the store refused the query: {first_line(failure)}")


def _parse(dsn: str) -> SplitResult:
    try:
        parts = urlsplit(dsn)
        sound = parts.path.strip("/") if parts.scheme == "chdb" else parts.hostname
        _ = parts.port
    except ValueError:
        raise UsageError(f"the store's address is malformed; expected {_FORMS}") from None
    if parts.scheme not in {"http", "https", "chdb"} or not sound:
        raise UsageError(f"the store's address has no known form; expected {_FORMS}")
    if parts.scheme == "chdb" and parts.netloc:
        raise UsageError("chDB's folder is an absolute path behind three slashes: chdb:///folder")
    return parts


def _shown(parts: SplitResult) -> str:
    """The address without the user, the password and the settings."""
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _advice(parts: SplitResult, failure: ClickHouseError) -> str:
    where = f"the store at {_shown(parts)}"
    if parts.scheme == "chdb" and _is_held(Path(parts.path)):
        return f"{where} is open in another process; chDB takes one at a time: stop that one first"
    if "AUTHENTICATION_FAILED" in str(failure) or "Code: 516" in str(failure):
        return f"{where} refused the user or the password"
    reason = first_line(_cause(failure))
    return f"{where} cannot be opened; is it running, and is the address right? It says: {reason}"


def _cause(failure: BaseException) -> BaseException:
    """What it began with: that a connection was refused, say, not that tries were used up."""
    return failure if failure.__cause__ is None else _cause(failure.__cause__)


def _is_held(folder: Path) -> bool:
    """Whether a process has chDB's lock; chDB itself says so on stderr only."""
    try:
        with (folder / "status").open("rb") as status:
            fcntl.flock(status, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
