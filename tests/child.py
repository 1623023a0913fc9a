"""A process that a test starts, and that is gone when the test is."""

from __future__ import annotations

import signal
import subprocess
from types import TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing import Self  # the Python SDK's tests run on 3.10 too, which lacks it

_SECONDS = 30


class Child:
    """A running process; as a context manager it is gone afterwards, whatever happened to it."""

    _process: subprocess.Popen[Any]

    def kill(self) -> None:
        """End it as a crash would, at once and without a word."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End it as an operator would; it is no error if it has ended already."""
        self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> None:
        self._process.send_signal(how)
        try:
            self._process.wait(_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()
