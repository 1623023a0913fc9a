"""The errors of the API: those that end a command, and those that are answered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eka_usage import EkaError, ValidationError

from infra.api._generated.errors import ERRORS, STATUSES, HttpCode

# Clients that retry give up after a few attempts, so they are asked to wait for longer.
RETRY_SECONDS = 30
_SHOWN = 64


class ApiError(Exception):
    """A command cannot continue; its message states the cause and what to do."""


class UsageError(ApiError):
    """The arguments or settings are invalid."""


class AnswerError(Exception):
    """A request cannot be answered as it asks.

    Attributes:
        status: the status of HTTP.
        code: one of the closed set of docs/errors.md.
        field: the field of the event that it is about, or None.
        index: the place of the event in the request, from 0; None for the request as a whole.
        details: what is wrong with each event, where several were looked at.
        headers: of the answer.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        field: str | None = None,
        index: int | None = None,
        details: list[dict[str, Any]] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.field = field
        self.index = index
        self.details = details
        self.headers = dict(headers or {})

    @classmethod
    def of(
        cls,
        code: HttpCode,
        *,
        index: int | None = None,
        headers: Mapping[str, str] | None = None,
        **values: object,
    ) -> AnswerError:
        """Returns the error of one of the API's own codes, its text completed with these values."""
        error = ERRORS[code]
        return cls(error.status, code, error.text.format_map(values), index=index, headers=headers)

    @classmethod
    def rejected(cls, error: EkaError, index: int | None = None) -> AnswerError:
        """Returns the answer to an event or a batch that the SDK rejects."""
        status = STATUSES.get(error.code, ERRORS["server.failed"].status)
        headers = {"retry-after": str(RETRY_SECONDS)} if status in _PASSING else {}
        return cls(status, error.code, str(error), field=error.field, index=index, headers=headers)

    def document(self) -> dict[str, Any]:
        """Returns the error as it is answered."""
        found = {"code": self.code, "message": str(self), "field": self.field, "index": self.index}
        document = {name: value for name, value in found.items() if value is not None}
        return document if self.details is None else {**document, "details": self.details}


# Statuses of what passes by itself.
_PASSING = (429, 503)


def shown(value: object) -> str:
    """Returns a value of a request as part of a message."""
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def invalid_option(parameter: str, given: object, hint: str) -> ValidationError:
    """Returns the error of a part of a request that the SDK does not see."""
    return ValidationError.of("options.invalid", parameter=parameter, given=shown(given), hint=hint)
