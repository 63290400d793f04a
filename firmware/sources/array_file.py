"""Bare k-space arrays (.npy, MATLAB .mat) as a source: one fully sampled 2D Cartesian frame without any header."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.acquisition import ACQUISITION_HEADER, LAST_IN_SLICE, Readouts
from engine.errors import InputRefused
from engine.types import CounterLimits, Encoding, Frame, Scan, Space

SUFFIXES = (".npy", ".mat")
_LARGEST = 4096
_MOST_EMPTY = 0.01


class ArrayFile:
    """A `Source`: `[line, sample]` or `[coil, line, sample]` complex; pixels are taken as 1 mm."""

    def __init__(self, path: Path, scan_id: str = "file") -> None:
        self._path, self._scan_id = path, scan_id
        self._kspace: NDArray[np.complex64] | None = None
        self.texts: list[str] = []

    def scan(self) -> Scan:
        """Sizes from the array itself; raises InputRefused."""
        self._kspace = _load(self._path)
        coils, lines, samples = self._kspace.shape
        space = Space((samples, lines, 1), (float(samples), float(lines), 1.0))
        limits = {"kspace_encoding_step_1": CounterLimits(0, lines - 1, lines // 2)}
        return Scan(self._scan_id, (Encoding(space, space, limits),), coils=coils, protocol=self._path.stem[:64])

    def readouts(self) -> Iterator[Readouts]:
        """All lines in order."""
        assert self._kspace is not None, "scan() comes first"
        coils, lines, samples = self._kspace.shape
        heads = np.zeros(lines, ACQUISITION_HEADER)
        heads["version"], heads["number_of_samples"], heads["active_channels"] = 1, samples, coils
        heads["center_sample"] = samples // 2
        heads["idx"]["kspace_encode_step_1"] = np.arange(lines)
        heads["flags"][-1] = LAST_IN_SLICE
        yield Readouts(heads, np.ascontiguousarray(self._kspace.transpose(1, 0, 2)))

    @property
    def ended_by(self) -> str:
        """A file always ends in good order."""
        return "close"

    def send_image(self, frame: Frame) -> None:
        """Nobody waits for images here."""

    def send_text(self, text: str) -> None:
        """Kept in `texts`."""
        self.texts.append(text)


def _load(path: Path) -> NDArray[np.complex64]:
    def refuse(what: str) -> InputRefused:
        return InputRefused(what, path.name, "give one complex array [line, sample] or [coil, line, sample]", "file")

    try:
        if path.suffix == ".npy":
            arrays = [np.load(path, allow_pickle=False)]
        else:
            from scipy.io import loadmat

            arrays = [value for name, value in loadmat(path).items() if not name.startswith("__")]
    except (OSError, ValueError, NotImplementedError, EOFError) as error:
        raise refuse(f"cannot be read ({error})") from error
    complex_arrays = [a for a in arrays if np.iscomplexobj(a) and a.ndim in (2, 3)]
    if len(complex_arrays) != 1:
        raise refuse(f"{len(complex_arrays)} complex arrays of two or three dimensions; one is needed")
    kspace = complex_arrays[0]
    kspace = kspace[None] if kspace.ndim == 2 else kspace
    if min(kspace.shape) < 1 or max(kspace.shape) > _LARGEST:
        raise refuse(f"an array of {kspace.shape}; each size may be 1 to {_LARGEST}")
    empty = float((np.abs(kspace).max(axis=0) == 0).mean())
    if empty > _MOST_EMPTY:
        raise refuse(f"{100 * empty:.0f} % of the samples are empty: undersampled arrays are not reconstructed")
    return np.ascontiguousarray(kspace, np.complex64)
