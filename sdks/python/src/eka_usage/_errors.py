"""What can go wrong, as a closed set of codes that is the same in every SDK.

    EkaError
    ├── ValidationError (ValueError)    an argument of record() is wrong: the event was not accepted
    ├── MetadataDegradedError           the event was accepted with less metadata than was given
    ├── QueueFullError                  too many events wait for Kafka: the event was not accepted
    ├── SpoolError                      the disk has no room for an event: it was not accepted
    ├── ClientClosedError               record() after shutdown(): the event was not accepted
    ├── DeliveryError                   an accepted event could not be delivered
    │   └── ShutdownTimeoutError        … because the client was shut down first
    └── ConfigError (ValueError)        a setting cannot be used: raised by EkaClient()

Only ConfigError is ever raised at a caller. The others reach `on_error`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

from ._describe import describe_value
from ._generated.errors import ERRORS, ErrorCode

if TYPE_CHECKING:
    from typing_extensions import Self


class EkaError(Exception):
    """The base of every error of this package.

    Attributes:
        code: one of the closed set, such as `"quantity.invalid"`; assert on this, not on the text.
        field: the field of the event that the error is about, or None.
        reason: a finer word where a code has one, such as `"local_queue_full"`; otherwise the code.
    """

    def __init__(self, code: ErrorCode, message: str) -> None:
        super().__init__(code, message)
        known = ERRORS[code]
        self.code: ErrorCode = code
        self.field: str | None = known.field
        self.reason: str = known.reason or code

    def __str__(self) -> str:
        return str(self.args[1])

    @classmethod
    def of(cls, code: ErrorCode, **values: object) -> Self:
        """The error of a code, its text completed by what is known at the place where it arose."""
        known = ERRORS[code]
        return cls(code, known.text.format_map({"parameter": known.field, **values}))


class ValidationError(EkaError, ValueError):
    """An argument of `record()` is wrong; the event was not accepted."""


class MetadataDegradedError(EkaError):
    """The event was accepted, but its metadata could not be kept as it was given."""


class QueueFullError(EkaError):
    """As many events as the queue takes are waiting for Kafka; the event was not accepted."""


class SpoolError(EkaError):
    """The disk that events are kept on is full or cannot be written; the event was not accepted."""


class ClientClosedError(EkaError):
    """`record()` was called after `shutdown()`; the event was not accepted."""


class DeliveryError(EkaError):
    """Kafka did not take an accepted event, finally."""


class ShutdownTimeoutError(DeliveryError):
    """The client was shut down before an accepted event could be delivered."""


class ConfigError(EkaError, ValueError):
    """A setting cannot be used; no client was made."""


class _About(TypedDict):
    code: ErrorCode
    reason: str
    field: str | None
    topic: str


class ErrorContext(_About, total=False):
    """What `on_error` hears beside the exception: `code`, `reason`, `field` and `topic` always.

    The rest identifies the event, as far as the place knows it where the error arose.
    """

    event_id: str | None
    workspace_id: object
    product: object
    metric_type: object
    status: object


def invalid(code: ErrorCode, given: object, hint: str = "", **values: object) -> ValidationError:
    """The error of an argument: what was given, and what is allowed."""
    return ValidationError.of(code, given=describe_value(given), hint=hint, **values)
