"""A browser's stream, read by hand."""

import http.client
import json
import time
from typing import Any


class EventClient:
    """One open stream; `next(name)` reads until such an event."""

    def __init__(self, port: int, timeout: float = 20.0) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
        self._connection.request("GET", "/api/v1/events")
        self.answer = self._connection.getresponse()
        self.seen: list[str] = []
        """Names of the events so far."""

    @classmethod
    def taken(cls, port: int) -> "EventClient":
        """One that the server has room for: it takes a moment to notice who left."""
        deadline = time.monotonic() + 20
        while (client := cls(port)).answer.status != 200:
            client.close()
            assert time.monotonic() < deadline
        return client

    def event(self) -> tuple[str, Any]:
        """The next event; EOFError when the stream has ended."""
        fields: dict[str, str] = {}
        while True:
            line = self.answer.readline().decode().rstrip("\n")
            if not line and fields:
                self.seen.append(fields["event"])
                return fields["event"], json.loads(fields["data"])
            if not line:
                raise EOFError
            name, _, value = line.partition(": ")
            if name:
                fields[name] = value

    def next(self, name: str) -> Any:
        """Data of the next event called so."""
        while True:
            found, data = self.event()
            if found == name:
                return data

    def close(self) -> None:
        self.answer.close()
        self._connection.close()
