"""What the judge of one scan hands over to be looked at: quick, never raising, and in its spare time."""

import logging
from collections.abc import Callable
from typing import Protocol

from engine.picture import Quantised, element_images, kspace_magnitude
from engine.reconstruct.plan import plan_frame
from engine.reconstruct.series import Reconstructed
from engine.seams import Clock
from engine.types import Decision, Frame, Life, Scan
from firmware.health import Health

log = logging.getLogger(__name__)

_REST = 100.0
"""After so long a work on the raw data the judge rests so many times as long from it: 1 % of its time."""


class PictureStore(Protocol):
    """Where pictures go; no method blocks, and what is handed over is not changed afterwards."""

    def put_image(self, scan: str, frame: Frame) -> None:
        """The image as reconstructed."""
        ...

    def put_processed(self, scan: str, frame: Frame) -> None:
        """What a network made of it."""
        ...

    def put_raw(self, scan: str, frame: Frame, kspace: Quantised, elements: Quantised, *, began: bool) -> None:
        """What the raw data look like; `began`: a finding began in this frame."""
        ...


class ScanPictures:
    """Pictures of one scan; without a store it does nothing. One thread uses it."""

    def __init__(self, scan: Scan, store: PictureStore | None, clock: Clock, health: Health) -> None:
        self._scan, self._store, self._clock, self._health = scan, store, clock, health
        self._raw_again_at = clock.monotonic()

    def image(self, frame: Frame) -> None:
        """To be called when its judging begins: then it is on disk, as a rule, before anybody is told of it."""
        if (store := self._store) is not None:
            self._sheltered(lambda: store.put_image(self._scan.id, frame))

    def processed(self, frame: Frame) -> None:
        """To be called when a network's image is there."""
        if (store := self._store) is not None:
            self._sheltered(lambda: store.put_processed(self._scan.id, frame))

    def raw(self, done: Reconstructed, decision: Decision) -> None:
        """To be called once the decision is handed over, while the raw data are still lent.

        Takes milliseconds, so it is not done for every frame; for one in which a finding began, always.
        """
        store, began_at = self._store, self._clock.monotonic()
        began = any(finding.life is Life.NEW for finding in decision.changes)
        if store is None or not (began or began_at >= self._raw_again_at):
            return
        self._sheltered(lambda: self._put_raw(store, done, began=began))
        now = self._clock.monotonic()
        self._raw_again_at = now + _REST * (now - began_at)

    def _put_raw(self, store: PictureStore, done: Reconstructed, *, began: bool) -> None:
        oversampling = plan_frame(self._scan.encodings[done.frame.index.encoding]).phase.oversampling
        elements = element_images(done.kspace, oversampling)
        store.put_raw(self._scan.id, done.frame, kspace_magnitude(done.kspace), elements, began=began)

    def _sheltered(self, hand_over: Callable[[], None]) -> None:
        try:
            hand_over()
        except Exception:
            # The supervisor seam: a picture that fails costs neither the verdict nor a second one for the same frame.
            log.exception("scan=%s a picture could not be made", self._scan.id)
            self._health.count("pictures_failed")
