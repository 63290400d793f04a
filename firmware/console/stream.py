"""The stream to the browsers: each event encoded once, a bounded queue each, and a snapshot for who fell behind."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator, MutableMapping
from typing import Any

import msgspec

from engine.seams import Clock

Message = MutableMapping[str, Any]
Receive = Callable[[], Any]
Send = Callable[[Message], Any]

QUEUE = 64
"""Events that wait for one browser at most."""
FRESH_S = 0.5
"""s for which one snapshot does for all who need it: what it says of the loop's silence ages."""
COMMENT_S = 15.0
"""s of silence after which a comment line keeps the connection open."""
STALLED_S = 30.0
"""s after which a browser that does not read is let go, so that its place is free."""

_COMMENT = b": still here\n\n"
_HEADERS = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-store")]


class Hub:
    """Everybody who watches. Lives in the event loop's thread."""

    def __init__(self, viewers: int, snapshot: Callable[[], msgspec.Struct], clock: Clock) -> None:
        self._viewers, self._snapshot, self._clock = viewers, snapshot, clock
        self._open: set[_Viewer] = set()
        self._number = 0
        self._encoded: tuple[int, float, bytes] | None = None
        self.closing = False

    def __len__(self) -> int:
        return len(self._open)

    @property
    def full(self) -> bool:
        """Whether no more browsers are taken."""
        return len(self._open) >= self._viewers

    def publish(self, name: str, value: msgspec.Struct) -> None:
        """Tell everybody; never waits for anybody."""
        self._number += 1
        if not self._open:
            return
        event = self._event(name, value)
        for viewer in self._open:
            viewer.offer(event)

    def close(self) -> None:
        """End every stream."""
        self.closing = True
        for viewer in self._open:
            viewer.wake.set()

    async def serve(self, receive: Receive, send: Send, let_go: Callable[[], None]) -> None:
        """One browser's stream, until it goes, stalls or the console ends; `let_go` ends its connection."""
        with self._viewer() as viewer:
            await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
            gone = asyncio.create_task(_gone(receive))
            gone.add_done_callback(lambda _: viewer.leave())
            try:
                async for chunk in self._chunks(viewer):
                    async with asyncio.timeout(STALLED_S):
                        await send({"type": "http.response.body", "body": chunk, "more_body": True})
                if not viewer.gone:
                    await send({"type": "http.response.body", "body": b"", "more_body": False})
            except TimeoutError:
                let_go()
                await gone  # an answer that ends before its connection does would count as a fault of ours
            finally:
                gone.cancel()

    @contextlib.contextmanager
    def _viewer(self) -> Iterator["_Viewer"]:
        viewer = _Viewer()
        self._open.add(viewer)
        try:
            yield viewer
        finally:
            self._open.discard(viewer)

    async def _chunks(self, viewer: "_Viewer") -> AsyncIterator[bytes]:
        while not (self.closing or viewer.gone):
            if viewer.behind:
                viewer.behind = False
                yield self._now()
            if viewer.waiting:
                yield viewer.taken()  # in one piece: writing is what a hundred browsers cost
            viewer.wake.clear()
            if viewer.behind or viewer.waiting or self.closing or viewer.gone:
                continue
            try:
                async with asyncio.timeout(COMMENT_S):
                    await viewer.wake.wait()
            except TimeoutError:
                yield _COMMENT

    def _now(self) -> bytes:
        """The snapshot as an event, made once for all who need it between two events and within half a second."""
        now = self._clock.monotonic()
        if self._encoded is None or self._encoded[0] != self._number or now - self._encoded[1] > FRESH_S:
            self._encoded = (self._number, now, self._event("now", self._snapshot()))
        return self._encoded[2]

    def _event(self, name: str, value: msgspec.Struct) -> bytes:
        return b"id: %d\nevent: %s\ndata: %s\n\n" % (self._number, name.encode(), msgspec.json.encode(value))


class _Viewer:
    def __init__(self) -> None:
        self.waiting: list[bytes] = []
        self.behind = True
        """It needs the snapshot first."""
        self.gone = False
        self.wake = asyncio.Event()

    def offer(self, event: bytes) -> None:
        """What does not fit empties the queue: the snapshot will say it all."""
        if len(self.waiting) >= QUEUE:
            self.waiting.clear()
            self.behind = True
        if not self.behind:
            self.waiting.append(event)
        self.wake.set()

    def taken(self) -> bytes:
        """Everything that waits."""
        events = b"".join(self.waiting)
        self.waiting.clear()
        return events

    def leave(self) -> None:
        self.gone = True
        self.wake.set()


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
