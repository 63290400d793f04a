"""The one centred, unitary Fourier pair of the project, exact for odd and even sizes.

Sign and centre follow the MR convention (Gadgetron, BART `fft -u`, the ISMRMRD examples): the image is the inverse
transform of k-space; k = 0 and x = 0 both lie at index `size // 2`; energy is preserved.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import fft


def image_from_kspace(kspace: NDArray[np.complexfloating], axes: Sequence[int]) -> NDArray[np.complexfloating]:
    """Image of a k-space array along `axes`; same shape and precision, unit-preserving energy."""
    shifted = np.fft.ifftshift(kspace, axes=tuple(axes))
    image = fft.ifftn(shifted, axes=tuple(axes), norm="ortho", workers=1)
    return np.asarray(np.fft.fftshift(image, axes=tuple(axes)))


def kspace_from_image(image: NDArray[np.complexfloating], axes: Sequence[int]) -> NDArray[np.complexfloating]:
    """K-space of an image array along `axes`; the inverse of `image_from_kspace`."""
    shifted = np.fft.ifftshift(image, axes=tuple(axes))
    kspace = fft.fftn(shifted, axes=tuple(axes), norm="ortho", workers=1)
    return np.asarray(np.fft.fftshift(kspace, axes=tuple(axes)))
