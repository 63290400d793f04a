"""Images of real faults in the public data sets, for docs/faults.md."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.data import data_folder
from engine.acquisition import NOT_IMAGING, REVERSE
from engine.reconstruct.transform import image_from_kspace
from firmware.sources.mrd_file import read_mrd

Image = NDArray[Any]
Picture = tuple[str, str, list[tuple[str, Image]]]
"""Name, title, (caption, image with 1 for white) per panel."""

_TOP = 99.5
_TILE = 64
_SLICES = (10, 16, 22, 27)


def real_pictures() -> Iterator[Picture]:
    """Every picture whose data are at hand."""
    data = data_folder()
    raw = data / "mr_raw"
    if (raw / "epi4_pulseq").is_dir():
        yield epi_ghost(raw / "epi4_pulseq" / "05_EPI.mrd.h5")
    if (raw / "phantom16_cimax").is_dir():
        yield coil_pair(raw / "phantom16_cimax")
    if (raw / "gre_faults_pulseq").is_dir():
        yield gradient_echoes(raw / "gre_faults_pulseq")
    if (data / "dicom" / "siemens_mosaic").is_dir():
        yield moved_head(data / "dicom" / "siemens_mosaic")


def epi_ghost(path: Path) -> Picture:
    """Odd and even readouts against each other, uncorrected and after a linear phase fit."""
    lines, navigators = _lines(path, imaging=True), _lines(path, imaging=False)
    hybrid, reference = (image_from_kspace(k, (2,)) for k in (lines, navigators))
    cross = (reference[0:-1:2] * reference[1::2].conj()).sum(axis=(0, 1))
    x = np.arange(cross.size)
    slope = np.angle((cross[1:] * cross[:-1].conj()).sum())
    offset = np.angle((cross * np.exp(-1j * slope * x)).sum())
    corrected = hybrid.copy()
    corrected[1::2] *= np.exp(1j * (slope * x + offset))
    before, after = (_magnitude(image_from_kspace(h, (0,))) for h in (hybrid, corrected))
    top = float(np.percentile(after, _TOP))
    panels = [("as acquired", before / top), ("odd/even phase corrected", after / top)]
    return "ghost", "N/2 ghost of an EPI, grid phantom, not regridded", panels


def coil_pair(folder: Path) -> Picture:
    """The same disc with the right coil and with the wrong one, each at its own brightness."""
    names = {"head coil, 16 elements": "phantom_head16.mrd.h5", "body coil, 2 elements": "phantom_body2.mrd.h5"}
    pictures = {caption: _image(folder / name) for caption, name in names.items()}
    panels = [(caption, image / np.percentile(image, _TOP)) for caption, image in pictures.items()]
    return "wrong-coil", "the same slice with two coils", panels


def gradient_echoes(folder: Path) -> Picture:
    """One slice with faults of the pulse sequence, and sound."""
    names = {
        "no spoiling": "02_GRE_noSpoil_noRephase",
        "receiver phase": "05_GRE_xSpoil_yRephase_RFspoil",
        "sound": "06_GRE_xSpoil_yRephase_RFspoilADC",
    }
    pictures = {caption: _image(folder / f"{name}.mrd.h5") for caption, name in names.items()}
    return "sequence", "faults of the pulse sequence", [(c, i / np.percentile(i, _TOP)) for c, i in pictures.items()]


def moved_head(folder: Path) -> Picture:
    """Slices of an EPI volume during which the head turned, beside the still volume before it."""
    import pydicom

    still, moved = (
        pydicom.dcmread(folder / f"axasc36_{name}.dcm").pixel_array.astype(np.float64)
        for name in ("vol1_still", "vol2_moved")
    )
    panels = [(caption, _tiles(mosaic)) for caption, mosaic in (("still", still), ("the head turned", moved))]
    top = float(np.percentile(panels[0][1], _TOP))
    shown = [(caption, image / top) for caption, image in panels]
    return (
        "motion",
        "a head that turned, slices of an EPI volume",
        [*shown, ("difference", np.abs(shown[1][1] - shown[0][1]))],
    )


def _tiles(mosaic: Image) -> Image:
    columns = mosaic.shape[1] // _TILE
    tiles = [mosaic[(n // columns) * _TILE :, (n % columns) * _TILE :][:_TILE, :_TILE] for n in _SLICES]
    return np.vstack([np.hstack(tiles[:2]), np.hstack(tiles[2:])])


def _lines(path: Path, *, imaging: bool) -> NDArray[np.complex64]:
    """`[line, coil, sample]` of one frame, or its navigators in order; reversed readouts turned round."""
    batches = read_mrd(path).batches
    shape = batches[-1].data.shape[1:]
    batches = tuple(batch for batch in batches if batch.data.shape[1:] == shape)
    heads = np.concatenate([batch.head for batch in batches])
    data = np.concatenate([batch.data for batch in batches])
    chosen = ((heads["flags"] & np.uint64(NOT_IMAGING)) == 0) == imaging
    heads, data = heads[chosen], data[chosen]
    turned = (heads["flags"] & np.uint64(REVERSE)) != 0
    data = np.where(turned[:, None, None], data[..., ::-1], data)
    if imaging:
        return np.asarray(data[np.argsort(heads["idx"]["kspace_encode_step_1"], kind="stable")])
    return np.asarray(data)


def _image(path: Path) -> Image:
    return _magnitude(image_from_kspace(_lines(path, imaging=True), (0, 2)))


def _magnitude(coil_images: NDArray[np.complexfloating]) -> Image:
    return np.asarray(np.sqrt((np.abs(coil_images) ** 2).sum(axis=1)))
