"""The file of API keys: read again when it changes, written as a whole."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from infra.api.errors import ApiError
from infra.api.keys.key import Key, digest_of

_LOG = logging.getLogger("api")
_LOOK_SECONDS = 1.0


def read_keys(path: Path) -> list[Key]:
    """Returns the keys of a file.

    Raises:
        ApiError: it cannot be read, or is not a file of keys.
    """
    try:
        entries = json.loads(path.read_text("utf-8"))["keys"]
        return [Key.read(entry) for entry in entries]
    except OSError as error:
        raise ApiError(f"cannot read the API keys: {error}") from None
    except (ValueError, KeyError, TypeError) as error:
        raise ApiError(
            f"{path} is not a file of API keys ({error!r}): restore it, or make another with "
            "`usage-api keys new`"
        ) from None


def change_keys(path: Path, change: Callable[[list[Key]], Sequence[Key]]) -> None:
    """Replaces the keys of a file, which need not exist; one process at a time."""
    with _locked(path):
        keys = change(read_keys(path) if path.exists() else [])
        document = json.dumps({"keys": [key.entry() for key in keys]}, indent=2)
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(f"{document}\n")
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(path)  # mkstemp's mode is 0600
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise


class Keyring:
    """Finds the key of a request, in the newest version of the file.

    A file that can no longer be read changes nothing: the keys that were read before stay.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._clock = clock
        self._version = _version(path)
        self._take(read_keys(path))
        self._looked = clock()

    def find(self, token: str) -> Key | None:
        """Returns the valid key with this text, if there is one.

        A new key is known at once, and a revoked one refused within a second. Looking up a hash
        reveals nothing: whoever measures the time cannot choose the hash.
        """
        digest = digest_of(token)
        if self._clock() - self._looked >= _LOOK_SECONDS or digest not in self._keys:
            self._refresh()
        return self._keys.get(digest)

    def find_id(self, key_id: str) -> Key | None:
        """Returns the valid key with this id, if there is one."""
        if self._clock() - self._looked >= _LOOK_SECONDS or key_id not in self._by_id:
            self._refresh()
        return self._by_id.get(key_id)

    def _take(self, keys: list[Key]) -> None:
        valid = [key for key in keys if not key.revoked_at]
        self._keys = {key.digest: key for key in valid}
        self._by_id = {key.id: key for key in valid}

    def _refresh(self) -> None:
        self._looked = self._clock()
        try:
            version = _version(self._path)
            if version != self._version:
                self._take(read_keys(self._path))
                self._version = version
        except ApiError as error:
            _LOG.error("%s; the keys read before stay valid", error)


def _version(path: Path) -> tuple[int, int, int]:
    try:
        found = path.stat()
    except OSError as error:
        raise ApiError(
            f"cannot read the API keys: {error}; make one with `usage-api keys new`"
        ) from None
    return found.st_mtime_ns, found.st_size, found.st_ino


class _locked:  # noqa: N801  used like a function
    """Holds a lock beside the file, which itself is replaced."""

    def __init__(self, path: Path) -> None:
        self._path = path.with_name(f".{path.name}.lock")

    def __enter__(self) -> None:
        try:
            self._descriptor = os.open(self._path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise ApiError(f"cannot write the API keys: {error}") from None
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)
