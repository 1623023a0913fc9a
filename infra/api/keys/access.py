"""Who may do what: the key of a request, and how many events it may send."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable

from starlette.requests import Request

from infra.api.errors import AnswerError
from infra.api.keys.key import Key
from infra.api.keys.keyring import Keyring
from infra.api.wire.headers import header

_SCHEME = "bearer "
_CHALLENGE = {"www-authenticate": "Bearer"}


class Access:
    """Finds the key of each request, and bounds the events of each key.

    Args:
        keyring: the keys.
        events_per_second: of one key, in this process; 0 for any number.
        clock: seconds that only move forward.
    """

    def __init__(
        self,
        keyring: Keyring,
        events_per_second: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._keyring = keyring
        self._rate = events_per_second
        self._clock = clock
        self._spent: dict[str, float] = {}
        self._spending = threading.Lock()

    def admit(self, request: Request, scope: str) -> Key:
        """Returns the key of a request.

        Raises:
            AnswerError: it has none that is valid, or the key lacks the scope.
        """
        given = header(request, b"authorization")
        if not given[: len(_SCHEME)].lower() == _SCHEME:
            raise AnswerError.of("key.missing", headers=_CHALLENGE)
        key = self._keyring.find(given[len(_SCHEME) :].strip())
        if key is None:
            raise AnswerError.of("key.unknown", headers=_CHALLENGE)
        request.state.key = key
        if scope not in key.scopes:
            raise AnswerError.of("scope.missing", hint=scope)
        return key

    def spend(self, key: Key, events: int) -> None:
        """Counts events of a key, which may be a second ahead of its rate.

        Raises:
            AnswerError: it sends more than it may.
        """
        if not self._rate:
            return
        with self._spending:  # large requests are counted by their threads
            now = self._clock()
            # The time at which all events so far would have been sent at the rate.
            free_at = max(self._spent.get(key.id, now), now)
            ahead = free_at - now
            if ahead <= 1:
                self._spent[key.id] = free_at + events / self._rate
                return
        wait = math.ceil(ahead - 1)
        raise AnswerError.of(
            "rate.exceeded",
            hint=f"at most {self._rate:g} events a second; retry in {wait} s",
            headers={"retry-after": str(wait)},
        )
