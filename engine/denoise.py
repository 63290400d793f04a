"""What goes into a denoising network, what may come out, and what is told of it."""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engine.types import Frame, Measurement

if TYPE_CHECKING:
    from engine.package import Manifest

TASK, IMAGE_UNIT = "denoise", "SNR"
"""What the manifest of a denoising network says; SNR is the pixel over the noise sd."""

ROW, NAME, UNIT = "n01", "denoised", "noise sd"


def why_no_denoiser(manifest: "Manifest") -> str:
    """What keeps a network with one input and one output from denoising images; empty when nothing does."""
    taken, made = manifest.inputs[0], manifest.outputs[0]
    if manifest.task != TASK:
        return f"made to {manifest.task}, not to {TASK}"
    if len(taken.shape) != 4 or taken.shape[1] != 1 or made.shape != taken.shape:
        return "takes and gives something else than [image, 1, y, x]"
    if {taken.unit, made.unit} != {IMAGE_UNIT}:
        return f"takes {taken.unit} and gives {made.unit}, not {IMAGE_UNIT}"
    return ""


def in_noise_units(frame: Frame) -> NDArray[np.float32] | None:
    """The frame's `[z, y, x]` pixels over its noise sd, the unit of the networks; None where the noise is unknown."""
    noise = _noise_sd(frame)
    if noise is None:
        return None
    return frame.data if noise == 1.0 else np.divide(frame.data, np.float32(noise))


def fault_in(answer: NDArray[np.float32], image: NDArray[np.float32]) -> str:
    """Why a network's answer to `image` cannot be used: wrong_shape, not_finite, constant_output; empty: it can."""
    if answer.shape != image.shape:
        return "wrong_shape"
    low, high = float(answer.min()), float(answer.max())  # both are NaN when any value is
    if not np.isfinite(high - low):
        return "not_finite"
    if low == high and float(np.ptp(image)) > 0:
        return "constant_output"
    return ""


def processed_frame(frame: Frame, answer: NDArray[np.float32], network: str) -> Frame:
    """The frame with the pixels that `network` made, back in the frame's own unit; `frame` is not changed."""
    noise = _noise_sd(frame)
    data = answer if noise in (None, 1.0) else np.multiply(answer, np.float32(noise))
    return replace(frame, data=data, processed_by=network)


def removed(image: NDArray[np.float32], answer: NDArray[np.float32]) -> Measurement:
    """Row n01: root mean square of what the network took away from `[z, y, x]`, in noise sd."""
    difference = np.subtract(image, answer).ravel()
    return Measurement(ROW, NAME, float(np.sqrt(np.dot(difference, difference) / difference.size)), UNIT)


def not_denoised(why: str) -> Measurement:
    """Row n01 without a number: the image goes on as it was reconstructed."""
    return Measurement(ROW, NAME, None, UNIT, why_missing=why)


def _noise_sd(frame: Frame) -> float | None:
    if frame.noise_sd is not None and frame.noise_sd > 0:
        return frame.noise_sd
    return 1.0 if frame.snr_units else None
