"""What may interrupt a call between any two of its instructions: signal handlers and exceptions.

A handler may record, flush and shut down in its turn, on top of a call that holds a lock. So the
SDK has one lock, which is reentrant: with two, the handler might wait for the second while another
thread holds that and waits for the first.
"""

from __future__ import annotations

import inspect
import sys
import threading
from types import FrameType
from typing import cast

# Exceptions of other modules, raised at an instruction of the SDK, are not the SDK's own.
_OWN_MODULES = frozenset(
    {__package__, "builtins", "cimpl", "confluent_kafka", "decimal", "msgspec", "numpy", "queue"}
)
_shared = threading.RLock()
# More frames of the stack than the SDK needs, with some for the caller's on_error.
ROOM = 100


def shared_lock() -> threading.RLock:
    """Returns the lock of everything that this process makes."""
    return _shared


def renew_lock() -> None:
    """Replaces the lock in a copied process, where a thread that is missing may hold it."""
    global _shared  # noqa: PLW0603  a process has one lock
    _shared = threading.RLock()


def release_lock() -> None:
    """Releases what an interrupted call of this thread left locked."""
    try:
        while True:
            _shared.release()
    except RuntimeError:  # this thread does not hold it
        pass


def is_nested() -> bool:
    """Reports whether the SDK is called from code that it called itself, or that interrupted it."""
    frame: FrameType | None = inspect.currentframe()
    is_inside = True
    while frame is not None:
        if _is_own(frame) != is_inside:
            if not is_inside:
                return True
            is_inside = False
        frame = frame.f_back
    return False


def is_inside(frame: FrameType | None) -> bool:
    """Reports whether a frame is the SDK's, or was called by it, in any number of steps."""
    while frame is not None:
        if _is_own(frame):
            return True
        frame = frame.f_back
    return False


def is_interruption(error: BaseException) -> bool:
    """Reports whether an exception came in between two instructions, and belongs to the host.

    A signal handler raised it, or another thread set it, or the host called when the stack was
    nearly full. What the SDK calls may raise the same: it
    is an interruption only if it was raised in the SDK itself, or in a function that was called as
    signal handlers are, with the frame that it interrupts.
    """
    if not isinstance(error, Exception):
        return True
    if isinstance(error, RecursionError) and has_little_stack():
        return True
    trace, caller = error.__traceback__, None
    while trace is not None:
        frame, trace = trace.tb_frame, trace.tb_next
        if _module(frame) in sys.stdlib_module_names:
            continue  # the SDK calls it, as it calls C code
        caller = frame
        if not _is_own(frame) and frame.f_back is not None and _has_argument(frame, frame.f_back):
            return True
    if caller is None or not _is_own(caller):
        return False
    if isinstance(error, TimeoutError):
        return error.errno is None
    module = type(error).__module__.partition(".")[0]
    return module not in _OWN_MODULES and module not in sys.stdlib_module_names


def has_little_stack() -> bool:
    """Reports whether the stack has little room left before the recursion limit."""
    try:
        check_stack(ROOM)
    except RecursionError:
        return True
    return False


def check_stack(frames: int) -> None:
    """Raises RecursionError if the stack has no room for so many frames."""
    if frames:
        check_stack(frames - 1)


class SuppressErrors:
    """A context that suppresses exceptions, except those of the host that interrupt it."""

    def __enter__(self) -> None: ...

    def __exit__(self, _: object, error: BaseException | None, __: object) -> bool:
        return error is not None and not is_interruption(error)


def _is_own(frame: FrameType) -> bool:
    return _module(frame) == __package__


def _module(frame: FrameType) -> str:
    name = frame.f_globals.get("__name__")
    return name.partition(".")[0] if isinstance(name, str) else ""


def _has_argument(frame: FrameType, value: object) -> bool:
    for local in frame.f_locals.values():
        found = cast("tuple[object, ...]", local) if type(local) is tuple else (local,)
        if any(item is value for item in found):
            return True
    return False
