"""A call's GPU work replayed as a CUDA graph, once the replay has proven itself; eager for good after one failure."""

import logging
from collections.abc import Callable
from typing import Any

import numpy as np

from engine.cuda.capture import CaptureFailed
from engine.cuda.layer import Layer
from engine.cuda.slots import Slot
from engine.errors import Unavailable

_EAGER_FIRST = 3
"""Calls after a change of shape before capturing: libraries defer work, and memory, to the first ones."""


log = logging.getLogger(__name__)


class Graphs:
    """The graphs of the shape in use, one for each slot."""

    def __init__(self, layer: Layer) -> None:
        self._layer = layer
        self._held: dict[Slot, Any] = {}
        self._eager = 0
        self.off = ""
        """Why no graph is used; empty: they are."""
        if not layer.captures:
            self._turn_off("cuda-bindings is not installed")
        self.replayed = self.fallbacks = 0
        """Calls that a graph did, and calls that ran eagerly because graphs are off."""

    def play(self, slot: Slot) -> bool:
        """Queue the slot's graph; False: there is none, queue the work eagerly."""
        graph = self._held.get(slot)
        if graph is None:
            self._eager += 1
            self.fallbacks += bool(self.off)
            return False
        try:
            self._layer.launch(graph)
        except CaptureFailed as error:
            self._give_up(f"a graph does not launch: {error}")
            self._eager += 1
            self.fallbacks += 1
            return False
        self.replayed += 1
        return True

    def learn(self, slot: Slot, enqueue: Callable[[], bool]) -> None:
        """After an eager call of `slot` that answered: capture `enqueue`, and keep the graph if it answers the same.

        A graph that was captured from nothing leaves the outputs as they were and says nothing; so they are poisoned,
        the graph is launched, and what comes must equal the eager answers to the bit. The answers end as they began.
        """
        if self.off or slot in self._held or self._eager < _EAGER_FIRST:
            return
        wanted = [answer.copy() for answer in slot.answers]
        try:
            self._held[slot] = graph = self._capture(enqueue)
            slot.poison(self._layer)
            self._layer.launch(graph)
            slot.download(self._layer)
            self._layer.synchronize()
        except (CaptureFailed, Unavailable) as error:
            self._give_up(f"a graph cannot be captured: {error}")
        else:
            if not all(np.array_equal(got, want) for got, want in zip(slot.answers, wanted, strict=True)):
                self._give_up("a replayed graph answers something else than the eager call")
        for answer, want in zip(slot.answers, wanted, strict=True):
            np.copyto(answer, want)

    def forget(self) -> None:
        """The shape changes: a graph holds addresses and sizes of the old one."""
        for graph in self._held.values():
            self._layer.drop(graph)
        self._held.clear()
        self._eager = 0

    def _capture(self, enqueue: Callable[[], bool]) -> Any:
        self._layer.begin_capture()
        try:
            accepted = enqueue()
        finally:
            graph = self._layer.end_capture()
        if not accepted:
            self._layer.drop(graph)
            raise CaptureFailed("the work was refused while capturing")
        return graph

    def _give_up(self, why: str) -> None:
        self.forget()
        self._turn_off(why)

    def _turn_off(self, why: str) -> None:
        log.warning(
            "cuda-graphs-off device=%s: %s; every call runs eagerly from now on, right but slower",
            self._layer.name,
            why,
        )
        self.off = why
