"""Parses JSON strictly: exact numbers, no key twice, nothing that JSON does not have."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any, NoReturn

from infra.api.errors import AnswerError, shown


def parse_json(body: bytes) -> Any:
    """Returns the value of a JSON document; numbers with a fraction or exponent are decimals.

    Parsers disagree on which of two equal keys counts, and doubles do not hold every decimal, so
    that either could be another amount than was sent.

    Raises:
        AnswerError: it is not JSON, has a key twice, or is nested too deeply.
    """
    try:
        return json.loads(
            body.decode(),
            object_pairs_hook=_object,
            parse_float=Decimal,
            parse_constant=_refuse_constant,
        )
    except UnicodeDecodeError as error:
        hint = f"not UTF-8, from byte {error.start} on"
    except RecursionError:
        hint = "nested too deeply"
    except ValueError as error:  # the decoder's own, or an integer with thousands of digits
        hint = f"not JSON: {error}" if body else "it is empty"
    raise AnswerError.of("body.invalid", hint=hint) from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise ValueError(f"the key {shown(key)} appears twice in one object")
            seen.add(key)
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number of JSON")
