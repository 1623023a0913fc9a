"""What can go wrong, as a closed set of codes that is the same in every SDK.

    EkaError
    ├── ValidationError (ValueError)    an argument of record() is invalid: the event was rejected
    ├── MetadataDegradedError           the event was accepted with less metadata than was given
    ├── QueueFullError                  too many events wait for Kafka: the event was rejected
    ├── SpoolError                      the disk has no room for the event: it was rejected
    ├── ClientClosedError               record() after shutdown(): the event was rejected
    ├── DeliveryError                   an accepted event could not be delivered
    │   └── ShutdownTimeoutError        … because the client was shut down first
    └── ConfigError (ValueError)        a setting cannot be used: raised by EkaClient()

Only ConfigError is ever raised. The others are reported to `on_error`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

from ._describe import describe_value, printable
from ._generated.errors import ERRORS, ErrorCode

if TYPE_CHECKING:
    from typing_extensions import Self


class EkaError(Exception):
    """The base of every error of this package.

    Attributes:
        code: one of the closed set, such as `"quantity.invalid"`; assert on this, not on the text.
        field: the field of the event that the error is about, or None.
        reason: more specific if the code has one, such as `"local_queue_full"`; else the code.
    """

    def __init__(self, code: ErrorCode, message: str) -> None:
        super().__init__(code, printable(message))
        known = ERRORS[code]
        self.code: ErrorCode = code
        self.field: str | None = known.field
        self.reason: str = known.reason or code

    def __str__(self) -> str:
        return str(self.args[1])

    @classmethod
    def of(cls, code: ErrorCode, **values: object) -> Self:
        """Returns the error of a code, its text completed with these values."""
        known = ERRORS[code]
        return cls(code, known.text.format_map({"parameter": known.field, **values}))


class ValidationError(EkaError, ValueError):
    """An argument of `record()` is invalid; the event was rejected."""


class MetadataDegradedError(EkaError):
    """The event was accepted, but its metadata could not be kept as it was given."""


class QueueFullError(EkaError):
    """As many events as the queue holds are waiting for Kafka; the event was rejected."""


class SpoolError(EkaError):
    """The spool is full or cannot be written; the event was rejected."""


class ClientClosedError(EkaError):
    """`record()` was called after `shutdown()`; the event was rejected."""


class DeliveryError(EkaError):
    """An accepted event could not be delivered."""


class ShutdownTimeoutError(DeliveryError):
    """The client was shut down before an accepted event could be delivered."""


class ConfigError(EkaError, ValueError):
    """A setting is invalid; no client was created."""


class _About(TypedDict):
    code: ErrorCode
    reason: str
    field: str | None
    topic: str


class ErrorContext(_About, total=False):
    """The second argument of `on_error`, which always has `code`, `reason`, `field` and `topic`.

    The rest identifies the event, as far as it is known where the error arose.
    """

    event_id: str | None
    workspace_id: object
    product: object
    metric_type: object
    status: object
    index: int
    """The place of the event in its batch, from 0, if it is one of several."""


def at_index(error: EkaError, index: int, count: int) -> EkaError:
    """Returns the error of one of the events of a batch, whose text says which."""
    return type(error)(error.code, f"event {index + 1} of {count}: {error}")


def invalid(code: ErrorCode, given: object, hint: str = "", **values: object) -> ValidationError:
    """Returns the error of an argument, with what was given and what is allowed."""
    return ValidationError.of(code, given=describe_value(given), hint=hint, **values)
