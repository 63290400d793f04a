"""Whether what a denoising network took away can have been noise.

The difference between an image and its denoised self, the method noise, must look like noise and hold no structure of
the image (Buades, Coll and Morel 2005, Multiscale Model. Simul. 4:490). In SNR units more is known: noise has sd 1 at
most (root sum of squares: 0.66 where there is no signal, 1 where there is much) and mean 0 about what the network is to
give, so nothing that is chosen without looking at the noise - the object, a patch, the edges - loses more than energy 1
per pixel, and a sum over n pixels has sd sqrt(n). An erased object of contrast c over n pixels moves that sum by c n:
c sqrt(n) is its detectability (Rose 1948, J. Opt. Soc. Am. 38:196, who sees it from 5 on).
"""

import numpy as np
from numpy.typing import NDArray

MOST_CHANGE = 3.0
"""Noise sd, of any pixel."""
_ROUNDING = 0.01
"""float32 at values of 10,000, the largest that a network takes, ten times over."""
_NOISE_LEVEL = 1.1
"""The measured noise level may be so many times too small."""
_PATCH = 1.63 * _NOISE_LEVEL**2
"""Energy per pixel of 16 x 16: the chi-square quantile of 256 degrees of freedom at 1e-9, for the thousand patches of a
frame at one false alarm in a million frames."""
_OBJECT = 0.1
"""Of the brightest cell."""
_EDGE_SIGMAS = 5.0
_WINDOW = 6.6
"""Standard normal quantile of two sides at 4e-11, for the 20,000 windows of a frame: as seldom."""
_MEDIAN_OF_NORMAL = 0.6745
_CELL = 8
_LEAST_EDGE = 1e-6


def why_not_noise(image: NDArray[np.float32], answer: NDArray[np.float32]) -> str:
    """Why `answer` is not shown in place of `image`, both `[z, y, x]` in SNR units; empty when it may be.

    `change_too_large`: a pixel by more than 3. `removed_too_much`: the object or a patch of it lost more energy than
    noise holds. `structure_removed`: the edges did, or a window of 4 or 8 pixels lost what could have been seen in it.
    """
    for plane, made in zip(image, answer, strict=True):
        if why := _why(np.subtract(plane, made), made):
            return why
    return ""


def _why(residual: NDArray[np.float32], made: NDArray[np.float32]) -> str:
    # Every comparison is written so that NaN is outside the bounds.
    if not max(float(residual.max()), -float(residual.min())) <= MOST_CHANGE + _ROUNDING:
        return "change_too_large"
    energy = np.square(residual)
    if not _energies_fit(_cells(_whole_cells(energy), 3), _cells(_whole_cells(made), 3)):
        return "removed_too_much"
    if not _edge_excess(energy, made) <= 0:
        return "structure_removed"
    fine = _cells(_whole_cells(residual), 1)
    if not max(_largest_window(fine, 4), _largest_window(_cells(fine, 1), 8)) <= _WINDOW:
        return "structure_removed"
    return ""


def _energies_fit(energy: NDArray[np.float32], made: NDArray[np.float32]) -> bool:
    """Whether noise can hold the object's energy, and that of each of its patches; both arguments are sums over cells.

    Air is left out: what ghosts and pulsation leave there looks like noise, is more than thermal noise, and is no loss.
    """
    pixels = _CELL**2
    least = _OBJECT * float(made.max())
    there = (made >= least).astype(np.float32)
    fits = float(np.vdot(energy, there)) <= _NOISE_LEVEL**2 * pixels * float(there.sum())
    patches = _overlapping(energy)[_overlapping(there) == 4]
    return fits and float(patches.max(initial=0)) <= _PATCH * 4 * pixels


def _edge_excess(energy: NDArray[np.float32], made: NDArray[np.float32]) -> float:
    """Mean of `energy` weighted by the squared gradient of `made`, beyond what noise can have there; above 0: too much.

    The mean over n pixels of squared noise has sd sqrt(2 / n); with weights w, n is (sum w)^2 / sum w^2.
    """
    down = made[2:, 1:-1] - made[:-2, 1:-1]
    across = made[1:-1, 2:] - made[1:-1, :-2]
    weight = (np.square(down) + np.square(across)).ravel()
    total = float(weight.sum(dtype=np.float64))
    if total <= _LEAST_EDGE:
        return 0.0
    mean = float(np.dot(weight, energy[1:-1, 1:-1].ravel())) / total
    pixels = total**2 / float(np.dot(weight, weight))
    return mean - _NOISE_LEVEL**2 * (1 + _EDGE_SIGMAS * float(np.sqrt(2 / pixels)))


def _largest_window(cells: NDArray[np.float32], width: int) -> float:
    """Largest sum of the residual over windows of `width` pixels, in its sd; `cells` are sums of half a window.

    The sd is that of white noise, or the windows' own where that is larger: noise of an interpolated image is no
    longer white.
    """
    windows = np.abs(_overlapping(cells))
    own = float(np.median(windows[::2, ::2])) / _MEDIAN_OF_NORMAL
    return float(windows.max()) / max(float(width), own)


def _whole_cells(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    """`plane` with zeros behind it up to a multiple of 8 pixels, 16 at least."""
    sizes = [max(2 * _CELL, -(-size // _CELL) * _CELL) for size in plane.shape]
    if tuple(sizes) == plane.shape:
        return plane
    return np.pad(plane, [(0, size - there) for size, there in zip(sizes, plane.shape, strict=True)])


def _cells(plane: NDArray[np.float32], halvings: int) -> NDArray[np.float32]:
    """Sums over cells of 2 x 2 pixels, so many times over."""
    for _ in range(halvings):
        rows = plane[::2] + plane[1::2]
        plane = rows[:, ::2] + rows[:, 1::2]
    return plane


def _overlapping(cells: NDArray[np.float32]) -> NDArray[np.float32]:
    """Sums over 2 x 2 neighbouring cells: windows that overlap by half."""
    rows = cells[:-1] + cells[1:]
    return rows[:, :-1] + rows[:, 1:]
