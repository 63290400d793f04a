"""MRD HDF5 files in bulk: as a source for offline judging, and as messages for the simulated scanner."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from engine.acquisition import ACQUISITION_HEADER, Readouts
from engine.errors import InputRefused
from engine.types import Frame, Scan
from firmware.sources.mrd_header import parse_header

_BLOCK = 512
_MOST_READOUTS = 10_000_000


@dataclass(frozen=True, slots=True)
class MrdContents:
    """Header and readouts of one file."""

    xml: str
    batches: tuple[Readouts, ...]
    """Consecutive readouts of equal size, in file order."""


def read_mrd(path: Path, group: str | None = None) -> MrdContents:
    """Raises InputRefused with what is wrong with the file."""
    try:
        with h5py.File(path, "r") as file:
            dataset = _dataset(file, path, group)
            xml = dataset["xml"][0]
            text = xml.decode("utf-8") if isinstance(xml, bytes) else str(xml)
            return MrdContents(text, tuple(_batches(dataset["data"], path)))
    except (OSError, KeyError, ValueError, UnicodeDecodeError, RuntimeError) as error:
        raise _refuse(f"not a readable MRD file ({error})", path) from error


def _refuse(what: str, path: Path) -> InputRefused:
    return InputRefused(what, path.name, "export the scan as MRD (ISMRMRD) HDF5 again", reason="file")


def _dataset(file: h5py.File, path: Path, group: str | None) -> h5py.Group:
    names = [group] if group else ["dataset", *(name for name in file if name != "dataset")]
    for name in names:
        link = file.get(name, getlink=True)
        if isinstance(link, (h5py.ExternalLink, h5py.SoftLink)):
            raise _refuse(f"{name!r} is a link; links are not followed", path)
        if link is None:
            continue
        node = file[name]
        if isinstance(node, h5py.Group) and "xml" in node and "data" in node:
            for part in ("xml", "data"):
                if not isinstance(node.get(part, getlink=True), h5py.HardLink):
                    raise _refuse(f"{name}/{part} is a link; links are not followed", path)
            return node
    raise _refuse("no group with `xml` and `data` in it", path)


def _batches(data: h5py.Dataset, path: Path) -> Iterator[Readouts]:
    if not 1 <= len(data) <= _MOST_READOUTS:
        raise _refuse(f"{len(data)} readouts; 1 to {_MOST_READOUTS} can be read", path)
    for begin in range(0, len(data), _BLOCK):
        rows = data[begin : begin + _BLOCK]
        heads = np.ascontiguousarray(rows["head"]).astype(ACQUISITION_HEADER)
        sizes = heads["number_of_samples"].astype(np.int64) * heads["active_channels"]
        for n, values in enumerate(rows["data"]):
            if len(values) != 2 * sizes[n] or not sizes[n]:
                raise _refuse(
                    f"readout {begin + n} holds {len(values) // 2} samples, its header promises {sizes[n]}", path
                )
        shape = heads["number_of_samples"].astype(np.int64) << 16 | heads["active_channels"]
        starts = [0, *(np.flatnonzero(np.diff(shape)) + 1).tolist(), len(heads)]
        for first, last in pairwise(starts):
            yield _batch(heads[first:last], rows["data"][first:last])


def _batch(heads: NDArray[np.void], values: NDArray[np.object_]) -> Readouts:
    channels, samples = int(heads[0]["active_channels"]), int(heads[0]["number_of_samples"])
    data = np.stack([np.asarray(v, np.float32) for v in values]).view(np.complex64)
    return Readouts(heads, data.reshape(len(heads), channels, samples))


class MrdFile:
    """A `Source` that reads one file; what would go back to a scanner is kept for whoever asks."""

    def __init__(self, path: Path, scan_id: str = "file") -> None:
        self._path, self._scan_id = path, scan_id
        self._contents: MrdContents | None = None
        self.texts: list[str] = []

    def scan(self) -> Scan:
        """The header; raises InputRefused."""
        self._contents = read_mrd(self._path)
        return parse_header(self._contents.xml, self._scan_id)

    def readouts(self) -> Iterator[Readouts]:
        """In file order."""
        assert self._contents is not None, "scan() comes first"
        yield from self._contents.batches

    @property
    def ended_by(self) -> str:
        """A file always ends in good order."""
        return "close"

    def send_image(self, frame: Frame) -> None:
        """Nobody waits for images here."""

    def send_text(self, text: str) -> None:
        """Kept in `texts`."""
        self.texts.append(text)
