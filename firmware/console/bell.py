"""Wakes a thread that polls, from any other thread, without ever blocking."""

import contextlib
import os
import threading


class Bell:
    """A descriptor that is readable once it was rung."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.descriptor = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)

    def ring(self) -> None:
        """From any thread; does nothing once it is closed."""
        with self._lock, contextlib.suppress(BlockingIOError):
            if self.descriptor >= 0:
                os.eventfd_write(self.descriptor, 1)

    def hush(self) -> None:
        """Forget that it was rung."""
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(self.descriptor)

    def close(self) -> None:
        """Nobody waits any more."""
        with self._lock:
            os.close(self.descriptor)
            self.descriptor = -1
