"""A process that a test starts, and that ends with the test."""

from __future__ import annotations

import signal
import subprocess
from types import TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing import Self  # the Python SDK's tests run on 3.10 too, which lacks it

_SECONDS = 30


class Child:
    """A running process; leaving the context manager stops it, even after an error."""

    _process: subprocess.Popen[Any]

    def kill(self) -> None:
        """Ends the process as a crash does, with SIGKILL."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Ends the process with SIGTERM; does nothing if it has ended already."""
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
