"""K-space along the readout: delays, and the profile across it."""

import numpy as np

from engine.reconstruct.transform import image_from_kspace, kspace_from_image
from models.simulate.base import Lines


def shift_samples(lines: Lines, samples: float) -> Lines:
    """Lines whose samples were taken `samples` sample times later; exact for an object within the view."""
    width = lines.shape[2]
    hybrid = image_from_kspace(lines, (2,))
    ramp = np.exp(-2j * np.pi * samples * (np.arange(width) - width // 2) / width)
    return np.asarray(kspace_from_image(hybrid * ramp, (2,)), np.complex64)


def crop_readout(lines: Lines, width: int) -> Lines:
    """`[line, coil, width]`: only the middle `width` columns of the image reach the receiver, by its filter."""
    hybrid = image_from_kspace(lines, (2,))
    first = hybrid.shape[2] // 2 - width // 2
    kept = kspace_from_image(hybrid[..., first : first + width], (2,))
    return np.asarray(kept * np.sqrt(width / hybrid.shape[2]), np.complex64)
