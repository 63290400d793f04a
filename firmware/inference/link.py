"""What crosses between the loop process and the inference worker: images in shared memory, their numbers in pipes.

The memory has no name, so nothing is left behind however either side ends. A message is one write of less than
`PIPE_BUF` bytes, which the kernel never splits: a side that is killed leaves a whole message or none.
"""

import fcntl
import mmap
import os
import struct
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

SLOTS = 4
"""Images on their way at most."""
SLOT_PIXELS = 4 << 20
"""Pixels of one image at most; memory that no image touched is never taken."""
REQUEST = struct.Struct("<Q4I")
"""Frame id, slot, then z, y, x."""
ANSWER = struct.Struct("<Q32s")
"""Frame id, then why there is no answer (empty: it lies in the slot)."""
LARGEST_MESSAGE = 4096
"""Bytes of the worker's first message (JSON: what it runs, or why it does not) at most."""
LONGEST_TEXT = 900
"""Characters of any text in it."""

_SLOT_BYTES = 2 * 4 * SLOT_PIXELS


class SharedImages:
    """The slots, seen from either process; each holds an image `[z, y, x]` and the answer to it, both float32."""

    def __init__(self, descriptor: int) -> None:
        self._memory = mmap.mmap(descriptor, SLOTS * _SLOT_BYTES)
        self._pixels = np.frombuffer(self._memory, np.float32).reshape(SLOTS, 2, SLOT_PIXELS)

    def image(self, slot: int, shape: Sequence[int]) -> NDArray[np.float32]:
        """The image in a slot; a view."""
        return self._view(slot, 0, shape)

    def answer(self, slot: int, shape: Sequence[int]) -> NDArray[np.float32]:
        """The answer in a slot; a view."""
        return self._view(slot, 1, shape)

    def _view(self, slot: int, side: int, shape: Sequence[int]) -> NDArray[np.float32]:
        return self._pixels[slot, side, : int(np.prod(shape))].reshape(shape)


def new_memory() -> int:
    """Descriptor of memory for all slots, to be handed to the worker; whoever asked closes it."""
    descriptor = os.memfd_create("scanside-images", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.ftruncate(descriptor, SLOTS * _SLOT_BYTES)
    # Memory that a worker made smaller would end the loop process at its next access (SIGBUS).
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL)
    return descriptor
