"""Checks the settings of the HTTP API, before anything is sent to it."""

from __future__ import annotations

import hashlib
import ssl
from urllib.parse import urlsplit

from ._describe import describe_error, describe_value
from ._errors import ConfigError
from ._generated.settings import SETTINGS
from ._secret import TOKEN, PasswordFile, Secret, why_unreadable
from ._settings import Settings, missing

_BY_NAME = {setting.name: setting for setting in SETTINGS}
_URL, _TOKEN, _FILE = "http_url", "http_token", "http_token_file"
_CA = "http_ca_location"
_EXPECTED = "an address http://host or https://host, without a user, a query or a fragment"


def check(settings: Settings) -> None:
    """Checks the address of the HTTP API, the key and the authorities.

    Raises:
        ConfigError: the first one that is missing, or cannot be used.
    """
    url, token, file = settings[_URL], settings[_TOKEN], settings.token_file
    if url is None:
        raise ConfigError("config.invalid", f"{missing(_BY_NAME[_URL])}, as the transport is http")
    if not is_url(url):
        given = "an address" if "@" in url else describe_value(url)
        raise _invalid(settings, _URL, given, _EXPECTED)
    if file is not None:
        hint = f"no file, as there is {settings.name_of(_TOKEN)}"
        if token is None:
            hint = f"a file that contains the API key: {_unreadable(file)}"
        if token is not None or _unreadable(file):
            raise _invalid(settings, _FILE, describe_value(settings[_FILE]), hint)
    elif token is None:
        raise ConfigError(
            "config.invalid", f"{missing(_BY_NAME[_TOKEN])}, as the transport is http"
        )
    elif not _is_token(token):
        raise _invalid(settings, _TOKEN, "a secret", "an API key")
    ca_location: str | None = settings[_CA]
    if ca_location is not None:
        try:
            ssl.create_default_context(cafile=ca_location)
        except OSError as error:
            hint = f"a PEM file of certificates: {describe_error(error)}"
            raise _invalid(settings, _CA, describe_value(ca_location), hint) from None


def sends_token_in_clear(settings: Settings) -> bool:
    """Returns whether anybody on the network can read the key."""
    url: str = settings[_URL]
    parts = urlsplit(url)
    if parts.scheme == "https":
        return False
    host = parts.hostname or ""
    return not host.startswith("127.") and host not in {"localhost", "::1"}


def destination(topic: str, url: str) -> bytes:
    """Returns what identifies a server as the destination of a spool."""
    return hashlib.sha256(f"{topic}\n{url.rstrip('/')}".encode()).digest()[:8]


def is_url(url: str) -> bool:
    """Reports whether a text is the address of a server, without a user, a query or a fragment."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    is_bare = "@" not in parts.netloc and not parts.query and not parts.fragment
    is_plain = url.isascii() and url.isprintable() and " " not in url
    is_http = parts.scheme in {"http", "https"} and bool(parts.hostname)
    return is_http and is_bare and is_plain and port != 0


def _unreadable(file: PasswordFile) -> str:
    try:
        return "" if _is_token(file.read()) else "it is not one"
    except (OSError, ValueError) as error:
        return why_unreadable(error)


def _is_token(token: Secret) -> bool:
    return TOKEN.fullmatch(token.reveal()) is not None


def _invalid(settings: Settings, name: str, given: str, hint: str) -> ConfigError:
    used = settings.name_of(name)
    return ConfigError.of("config.invalid", parameter=used, given=given, hint=hint)
