"""Where a frame lies, from the header of the readout at its k-space centre."""

import numpy as np
from numpy.typing import NDArray

from engine.types import Geometry, Space

_DEFAULT_AXES = np.eye(3)
_Vector = tuple[float, float, float]


def geometry_of(header: NDArray[np.void], recon: Space) -> Geometry:
    """Position and unit axes (LPS) of a readout header; missing or broken vectors become finite defaults.

    Simulated and stripped data carry zero vectors. Two good axes give the third by their cross product; with
    fewer, an axial image is assumed: read = x, phase = y, slice = z. `assumed` says so unless the header states both
    directions within the image: whether the three axes are right-handed is a convention that not every sender keeps.
    """
    read, phase, normal = (_unit(header[name]) for name in ("read_dir", "phase_dir", "slice_dir"))
    assumed = read is None or phase is None
    if normal is None and read is not None and phase is not None:
        normal = _unit(np.cross(read, phase))
    elif phase is None and read is not None and normal is not None:
        phase = _unit(np.cross(normal, read))
    elif read is None and phase is not None and normal is not None:
        read = _unit(np.cross(phase, normal))
    if read is None or phase is None or normal is None:
        read, phase, normal = _DEFAULT_AXES
        assumed = True
    position = np.asarray(header["position"], np.float64)
    position = position if np.isfinite(position).all() else np.zeros(3)
    return Geometry(_triple(position), _triple(read), _triple(phase), _triple(normal), recon.field_of_view, assumed)


def _unit(vector: NDArray[np.floating]) -> NDArray[np.float64] | None:
    wide = np.asarray(vector, np.float64)
    length = float(np.sqrt((wide * wide).sum()))
    return wide / length if np.isfinite(length) and length > 1e-6 else None


def _triple(vector: NDArray[np.float64]) -> _Vector:
    return float(vector[0]), float(vector[1]), float(vector[2])
