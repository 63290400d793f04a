"""Memory for one call of a network: fixed addresses, so that nothing is allocated per frame and graphs can be used."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.cuda.layer import Layer


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """One tensor, seen from both sides."""

    name: str
    host: NDArray[np.float32]
    """Page-locked."""
    address: int
    """Where the device reads or writes it."""
    device: Any
    """Memory of the device's own, to and from which `host` is copied; None where the device uses `host` itself."""


@dataclass(frozen=True, slots=True, eq=False)
class Slot:
    """The input and the outputs of one call."""

    taken: Place
    made: tuple[Place, ...]
    answers: tuple[NDArray[np.float32], ...]
    """The outputs' host side."""

    def upload(self, layer: Layer) -> None:
        """Queue the input's way to the device."""
        if self.taken.device is not None:
            layer.copy_in(self.taken.address, self.taken.host)

    def download(self, layer: Layer) -> None:
        """Queue the outputs' way back."""
        for place in self.made:
            if place.device is not None:
                layer.copy_out(place.host, place.address)

    def poison(self, layer: Layer) -> None:
        """Queue NaN into every output, so that one which is not written can be told."""
        for place in self.made:
            place.host.fill(np.nan)
            if place.device is not None:
                layer.copy_in(place.address, place.host)


def make_slot(layer: Layer, taken: tuple[str, tuple[int, ...]], made: Mapping[str, tuple[int, ...]]) -> Slot:
    """A slot for an input (name, shape) and outputs (name -> shape); raises Unavailable when there is no room.

    A device with memory of its own gets that and copies; one that shares the CPU's uses the mapped host memory, which
    saves both copies.
    """
    outputs = tuple(_place(layer, name, shape) for name, shape in made.items())
    return Slot(_place(layer, *taken), outputs, tuple(place.host for place in outputs))


def _place(layer: Layer, name: str, shape: tuple[int, ...]) -> Place:
    host = layer.pinned(shape, mapped=layer.integrated)
    if layer.integrated:
        return Place(name, host, layer.address(host), None)
    memory = layer.alloc(host.nbytes)
    return Place(name, host, int(memory), memory)
