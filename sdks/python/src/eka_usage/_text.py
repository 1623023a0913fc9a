"""The text of names and ids, whatever type the caller passes them as.

A subclass of str may equal, hash and print as anything, so only its characters count, as an exact
str. Nothing here takes time that grows with the value.
"""

from __future__ import annotations

import sys
from typing import Any, cast

from . import _number
from ._generated import limits
from ._generated.catalog import STATUSES, UNDECLARED_NAME_MAX_LENGTH
from ._generated.fields import FIELDS
from ._generated.metrics import METRICS
from ._interrupts import SuppressErrors

# More characters than any valid name or id has.
LONGEST = 1 + max(
    *(length for name, length in vars(limits).items() if name.endswith("_MAX_LENGTH")),
    *(field.max_length for field in FIELDS),
    *(len(name) for key in METRICS for name in key),
    *map(len, STATUSES),
    UNDECLARED_NAME_MAX_LENGTH,
)


def characters(value: str) -> str:
    """Returns the characters of a subclass of str, which may itself equal or print anything.

    Of a text that is too long anyway, it returns the beginning.
    """
    if str.__len__(value) <= LONGEST:
        return str.__str__(value)
    return str.__getitem__(value, slice(LONGEST))


def beginning(value: object, most: int) -> str | None:
    """Returns so many characters of a text; None if it is not one, or blank."""
    if not issubclass(type(value), str):
        return None
    text = str.__getitem__(cast("str", value), slice(most))
    return text if text.strip(limits.BLANK) else None


def id_text(value: object) -> Any:
    """Returns the text of an id of another type; what is not an id as it is, to be rejected."""
    kind = type(value)  # unlike __class__, nothing overrides it
    if issubclass(kind, str):
        return characters(cast("str", value))
    if issubclass(kind, int) and kind is not bool and not _number.is_huge(cast("int", value)):
        return int.__repr__(cast("int", value))
    if is_uuid(value):
        with SuppressErrors():  # a subclass may raise anything
            return characters(str(value))
    return value


def is_uuid(value: object) -> bool:
    """Reports whether this is a UUID."""
    uuid = sys.modules.get("uuid")  # takes time to import, and a caller with a UUID has imported it
    return uuid is not None and issubclass(type(value), uuid.UUID)


def name_text(value: object) -> str | None:
    """Returns the characters of a name; None if this is not a string."""
    return characters(cast("str", value)) if issubclass(type(value), str) else None


def name_texts(*values: object) -> tuple[str, ...]:
    """Returns the characters of names.

    Raises:
        TypeError: one is not a string.
    """
    names = tuple(map(name_text, values))
    if None in names:
        raise TypeError
    return cast("tuple[str, ...]", names)
