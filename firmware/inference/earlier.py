"""The image before, of each place in each open scan: what the quality network compares an image with."""

import threading
from collections import OrderedDict
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from engine.types import FrameIndex

MOST_BYTES = 64 << 20
"""Of all images together: 256 of 256 x 256 pixels."""


class EarlierImages:
    """The latest image of each place, in noise units; beyond `most_bytes` the longest unused go. Thread-safe."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most = most_bytes
        self._lock = threading.Lock()
        self._images: OrderedDict[tuple[str, FrameIndex], NDArray[np.float32]] = OrderedDict()
        self._bytes = 0

    def exchange(self, scan: str, index: FrameIndex, image: NDArray[np.float32]) -> NDArray[np.float32] | None:
        """The image of the repetition before, None where there is none; `image` takes its place."""
        place = (scan, replace(index, repetition=0))
        with self._lock:
            before = self._take(place)
            self._images[place] = image
            self._bytes += image.nbytes
            while self._bytes > self._most:
                self._take(next(iter(self._images)))
        return before

    def before(self, scan: str, index: FrameIndex) -> NDArray[np.float32] | None:
        """The image of the repetition before, None where there is none; it stays the one to compare with."""
        place = (scan, replace(index, repetition=0))
        with self._lock:
            if place in self._images:
                self._images.move_to_end(place)
            return self._images.get(place)

    def forget(self, scan: str) -> None:
        """Let the images of a scan go that has ended."""
        with self._lock:
            for place in [place for place in self._images if place[0] == scan]:
                self._take(place)

    def _take(self, place: tuple[str, FrameIndex]) -> NDArray[np.float32] | None:
        """Remove an image; the lock is held."""
        image = self._images.pop(place, None)
        self._bytes -= image.nbytes if image is not None else 0
        return image
