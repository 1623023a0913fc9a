"""Parses the JSON of requests strictly."""

from __future__ import annotations

from typing import Any

from infra.api.errors import AnswerError
from infra.sink import strict_json


def parse_json(body: bytes) -> Any:
    """Returns the value of a JSON document; numbers with a fraction or exponent are decimals.

    Raises:
        AnswerError: it is not JSON, has a key twice, or is nested too deeply.
    """
    try:
        return strict_json.parse_json(body)
    except ValueError as error:
        raise AnswerError.of("body.invalid", hint=str(error)) from None
