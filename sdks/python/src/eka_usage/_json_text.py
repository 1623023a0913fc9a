"""Strings inside JSON, with the minimal escapes of RFC 8785."""

from __future__ import annotations

import msgspec

encode = msgspec.json.Encoder().encode
decode = msgspec.json.Decoder(str).decode


def escape(text: str) -> str:
    """Returns a well-formed string as it is between the quotes of a JSON string."""
    return encode(str.__str__(text))[1:-1].decode()


def escape_json(text: str) -> str:
    """Returns JSON text, whose control characters are escaped, as `escape` does."""
    return text.replace("\\", "\\\\").replace('"', '\\"')


def is_well_formed(text: str) -> bool:
    """Reports whether a string has no lone surrogate."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def well_formed(text: str) -> str:
    """Returns a string with each lone surrogate replaced by U+FFFD."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
