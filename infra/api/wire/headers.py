"""Headers of requests, one at a time: most requests are asked for a few of them once."""

from __future__ import annotations

from starlette.requests import Request


def header(request: Request, name: bytes, default: str = "") -> str:
    """Returns the value of a header, the first if it is repeated.

    Args:
        request: the request.
        name: of the header, in small letters.
        default: what is returned if there is none.
    """
    for known, value in request.scope["headers"]:
        if known == name:
            return str(value, "latin-1")
    return default
