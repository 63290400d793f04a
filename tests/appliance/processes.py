"""Child processes whose output a test waits for."""

import socket
import subprocess
import threading
from collections.abc import Callable


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Lines:
    """Collects a child's lines; `wait_for` returns the first that matches, past or future."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.seen: list[str] = []
        self._process = process
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self._changed:
                self.seen.append(line.rstrip("\n"))
                self._changed.notify_all()

    def wait_for(self, wanted: Callable[[str], bool], timeout: float = 20) -> str:
        found: list[str] = []

        def look() -> bool:
            found[:] = [line for line in self.seen if wanted(line)]
            return bool(found)

        with self._changed:
            assert self._changed.wait_for(look, timeout), "\n".join(self.seen[-20:])
        return found[0]

    def close(self) -> None:
        self._thread.join(5)
        assert self._process.stdout is not None
        self._process.stdout.close()
