"""What a worker can be for: which packages serve, how images enter the network, what of its answers comes back."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engine import denoise, quality

if TYPE_CHECKING:
    from engine.package import Manifest

Image = NDArray[np.float32]
Answers = Sequence[NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Task:
    """What a network does for the loop."""

    why_not: "Callable[[Manifest], str]"
    """What keeps a package from it; empty: nothing."""
    channels: int
    """Planes of an image `[z, y, x]` that the network sees together."""
    usable: Callable[[Answers, Image], Image | str]
    """One array of the answers to `[z, y, x]`, or in a word why there is none."""
    answer_shape: Callable[[tuple[int, ...], int], tuple[int, ...]]
    """Shape of that array, from the shape of the image and the number of kinds that the network looks for."""


def _denoised(answers: Answers, image: Image) -> Image | str:
    (answer,) = answers
    if answer.shape != (len(image), 1, *image.shape[1:]):
        return "wrong_shape"
    return denoise.fault_in(answer[:, 0], image) or answer[:, 0]


def _seen(answers: Answers, image: Image) -> Image | str:
    return quality.fault_in(answers, len(image) // quality.PLANES) or quality.joined(answers)


TASKS = {
    denoise.TASK: Task(denoise.why_no_denoiser, 1, _denoised, lambda shape, _: shape),
    quality.TASK: Task(
        quality.why_no_quality,
        quality.PLANES,
        _seen,
        lambda shape, kinds: (shape[0] // quality.PLANES, quality.joined_length(kinds)),
    ),
}
"""Name, as in a manifest -> task."""
