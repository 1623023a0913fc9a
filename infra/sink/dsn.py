"""The DSN of the store, which contains its password: from an argument, a variable or a file."""

from __future__ import annotations

import argparse
import os
import re
from pathlib import Path

from infra.sink._generated.fields import ENVIRONMENT_PREFIX
from infra.sink.errors import UnavailableError, UsageError

VARIABLE = f"{ENVIRONMENT_PREFIX}CLICKHOUSE_DSN"
FILE_VARIABLE = f"{VARIABLE}_FILE"
FORMS = "https://user:password@host:8443, http://host:8123 or chdb:///folder"

# Up to the last "@", wherever a parser would end the address: a password may contain anything.
_USER = re.compile(r"(\w+://)(?!/)[^\s'\"]*@")
_PARAMETER = re.compile(r"((?:password|token|secret)=)[^&\s'\"]+", re.IGNORECASE)


def redact(text: str) -> str:
    """Returns a text with `***` in place of users and passwords in addresses."""
    return _USER.sub(r"\1***@", _PARAMETER.sub(r"\1***", text))


class Dsn:
    """Where the store is, and how to authenticate there.

    Args:
        text: the DSN itself, unless it is in a file.
        file: a file that contains it, which is read each time that the store is opened: a rotated
            password needs no restart.
    """

    def __init__(self, text: str | None, file: str | None = None) -> None:
        self._text = text
        self._file = file

    def read(self) -> str:
        """Returns the DSN.

        Raises:
            UsageError: there is none, or two.
            UnavailableError: its file cannot be read now.
        """
        if self._text and self._file:
            raise UsageError(f"two stores configured: use one of {VARIABLE} and {FILE_VARIABLE}")
        if self._file is None:
            if not self._text:
                option = "pass --dsn or --dsn-file"
                raise UsageError(f"no store configured: set {VARIABLE} or {option}: {FORMS}")
            return self._text
        try:
            return Path(self._file).read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as failure:
            why = failure.strerror if isinstance(failure, OSError) else "it is not UTF-8"
            raise UnavailableError(f"cannot read the DSN file {self._file}: {why}") from None

    def __bool__(self) -> bool:
        return bool(self._text or self._file)

    def __repr__(self) -> str:
        return "Dsn(***)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares `--dsn` and `--dsn-file`, for the commands that use the store."""
    either = parser.add_mutually_exclusive_group()
    either.add_argument(
        "--dsn",
        type=Dsn,
        default=Dsn(os.environ.get(VARIABLE), os.environ.get(FILE_VARIABLE) or None),
        help=f"use this store: {FORMS} (default: ${VARIABLE}); other users see the arguments of a "
        "process",
    )
    either.add_argument(
        "--dsn-file",
        dest="dsn",
        type=_file,
        metavar="FILE",
        help="use the store whose DSN is in FILE, which is read again when the store refuses it "
        f"(default: ${FILE_VARIABLE})",
    )


def _file(name: str) -> Dsn:
    dsn = Dsn(None, name)
    try:
        dsn.read()
    except UnavailableError as failure:
        raise argparse.ArgumentTypeError(str(failure)) from None
    return dsn
