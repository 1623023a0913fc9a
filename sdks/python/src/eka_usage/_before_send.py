"""The caller's own filter of metadata, before an event is encoded, stored or sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias, cast

from ._interrupts import is_interruption
from ._models import fields_of, is_model

MetadataFilter: TypeAlias = Callable[[dict[str, Any]], Mapping[str, Any]]

_FAILED: Final = {"_before_send_failed": True}


def filtered(value: object, before_send: MetadataFilter | None) -> tuple[object, str]:
    """Returns the metadata that a filter leaves, and why all was dropped, or "".

    The filter decides what may leave the process: if it fails, nothing does. What is no metadata is
    returned as it is, to be rejected.
    """
    if before_send is None:
        return value, ""
    given: Any = {} if value is None else fields_of(value) if is_model(value) else value
    if not isinstance(given, Mapping):
        return value, ""
    try:
        left = cast("object", before_send(dict(cast("Mapping[str, Any]", given))))
        if isinstance(left, Mapping):
            return cast("object", left), ""
        why = f"returned {type(left).__name__}"
    except Exception as error:
        if is_interruption(error):
            raise
        why = f"raised {type(error).__name__}"  # its text may have what must not be shown
    return _FAILED, f"it was dropped, as before_send {why}"
