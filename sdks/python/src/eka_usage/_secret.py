"""Secrets: shown as `***` by whatever prints them, until the Kafka client receives them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn

# Properties of librdkafka whose value is a secret, and not the place of one.
_PROPERTY = re.compile(
    r"password|passphrase|secret|token(?!.*url)|jaas|oauthbearer\.config|\.pem$|private.*(?<!location)$"
    r"|ssl[._]key$"
)
# An API key: what an HTTP header can have.
TOKEN = re.compile(r"[\x21-\x7e]+")


class Secret:
    """A value that no log, traceback, pickle or debugger shows."""

    __slots__ = ("_value",)

    def __init__(self, value: Any) -> None:
        self._value = value

    def reveal(self) -> Any:
        """Returns the value; never keep it in a variable."""
        return self._value

    def __repr__(self) -> str:
        return "***"

    def __bool__(self) -> bool:
        return bool(self._value)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret cannot be pickled or copied to another process")

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, _: object) -> Secret:
        return self


class Password(str):
    """A revealed secret for a client of the caller's: a plain string, but `***` in a repr."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "***"


class PasswordFile:
    """A file that contains a password and may be replaced by one with another.

    Args:
        path: the file.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._last: Secret | None = None

    def read(self) -> Secret:
        """Returns the password that the file contains, without the end of its line.

        Raises:
            OSError: the file cannot be read.
            ValueError: it is empty or not UTF-8.
        """
        password = Secret(Path(self.path).read_text("utf-8").rstrip("\r\n"))
        if not password:
            raise ValueError("it is empty")
        self._last = password
        return password

    def latest(self, warn: Callable[[str], object]) -> Secret:
        """Returns the password, or the one before, with a warning, if the file cannot be read."""
        try:
            return self.read()
        except (OSError, ValueError) as error:
            if self._last is None:
                raise
            warn(f"password file {self.path} cannot be read: {why_unreadable(error)}")
            return self._last


def why_unreadable(error: OSError | ValueError) -> str:
    """Returns why a file of a secret is not usable, without any of its content."""
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8"
    return (error.strerror or "it cannot be read") if isinstance(error, OSError) else str(error)


def hide(value: Any) -> Any:
    """Returns a value as a secret, unless it is one or is not set."""
    return value if value is None or isinstance(value, Secret) else Secret(value)


def hide_properties(properties: Mapping[Any, Any]) -> dict[Any, Any]:
    """Returns properties of librdkafka with their secrets hidden."""
    return {
        name: hide(value) if isinstance(name, str) and _PROPERTY.search(name) else value
        for name, value in properties.items()
    }


def reveal(value: Any) -> Any:
    """Returns the value of a secret, and any other value as it is."""
    return value.reveal() if isinstance(value, Secret) else value


def reveal_properties(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Returns properties as the Kafka client takes them; never keep them in a variable."""
    return {name: reveal(value) for name, value in properties.items()}


def without_secrets(text: str, properties: Mapping[Any, Any]) -> str:
    """Returns a text with every secret of these properties replaced by `***`."""
    for value in properties.values():
        if isinstance(value, Secret) and isinstance(value.reveal(), str) and value:
            text = text.replace(value.reveal(), "***")
    return text
