"""Real scans, case by case: what the network says of each. Far too few for any share or curve."""

import lzma
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.dicom import read_pixels
from benchmarks.faults import StillClock
from benchmarks.quality_network import Answer, Network, threshold
from engine.denoise import in_noise_units
from engine.errors import InputRefused
from engine.quality import FARTHEST
from firmware.offline import judge_source
from firmware.sources.mrd_file import MrdFile
from firmware.sources.simulated import SimulatedScan, load_scan
from models.data.targets import shapes
from models.scans import BRAIN16

Image = NDArray[np.float32]
"""`[z, y, x]` in SNR units."""

_RAW = {
    "gradient echo, no spoiling (faulty)": "gre_faults_pulseq/02_GRE_noSpoil_noRephase.mrd.h5",
    "gradient echo, gradient spoiling only (faulty)": "gre_faults_pulseq/03_GRE_withSpoil_noRephase.mrd.h5",
    "gradient echo, no RF spoiling (faulty)": "gre_faults_pulseq/04_GRE_xSpoil_yRephase.mrd.h5",
    "gradient echo, receiver phase wrong (faulty)": "gre_faults_pulseq/05_GRE_xSpoil_yRephase_RFspoil.mrd.h5",
    "gradient echo (sound)": "gre_faults_pulseq/06_GRE_xSpoil_yRephase_RFspoilADC.mrd.h5",
    "gradient echo with dummy scans (sound)": "gre_faults_pulseq/07_GRE_xSpoil_yRephase_RFspoilADC_dummy.mrd.h5",
    "phantom, head coil (sound)": "phantom16_cimax/phantom_head16.mrd.h5",
    "phantom, body coil (wrong coil)": "phantom16_cimax/phantom_body2.mrd.h5",
    "phantom, four still repeats (sound)": "gre4_repeats/gre4_repeats.mrd.h5",
    "phantom, spin echo (sound)": "phantom32_skyra/phantom32_se.mrd.h5",
    "echo-planar, product sequence (faint ghost)": "twixtools_skyra/epi.mrd.h5",
    "echo-planar, grid phantom (ghost)": "epi4_pulseq/05_EPI.mrd.h5",
    "head, two contrasts, body coil (sound)": "brain2_centreout_cimax/brain_2img_body2.mrd.h5",
}
_MOSAICS = "dicom/siemens_mosaic"
_TILES = 6
_EMPTY = 0.02
_BRAIN_SEEDS, _BRAIN_FRAMES = 20, 3


def real_cases(network: Network, data: Path) -> dict[str, Any]:
    """The bundled brain, raw scans, and mosaics of a head that was still or turned."""
    rows = [_row(network, name, images) for name, images in raw_images(data)]
    mosaics: list[dict[str, Any]] = []
    still: dict[str, Image] = {}
    for name, label, image in mosaic_images(data):
        if isinstance(image, str):
            mosaics.append({"case": f"{name} ({label})", "why_missing": image, "label": label})
            continue
        before = still.get(name) if label == "moved" else None
        mosaics.append({**_row(network, f"{name} ({label})", [image]), "label": label})
        if before is not None:
            mosaics.append({**_row(network, f"{name} ({label}, after the still one)", [image], before), "label": label})
        still.setdefault(name, image)
    return {
        "bundled_brain": bundled_brain(network),
        "raw": rows or {"why_missing": "no raw scans: SCANSIDE_DATA"},
        "mosaics": mosaics or {"why_missing": "no mosaics: SCANSIDE_DATA"},
        "noise_of_mosaics": "taken from the darkest blocks, because DICOM says nothing of noise",
    }


def bundled_brain(network: Network) -> dict[str, Any]:
    """A real, sound frame repeated with added noise: what is said in error."""
    named: dict[str, int] = {}
    highest = dict.fromkeys(network.kinds, 0.0)
    far = 0.0
    for seed in range(_BRAIN_SEEDS):
        report = judge_source(SimulatedScan(load_scan(BRAIN16), _BRAIN_FRAMES, seed), StillClock())
        before = None
        for frame in report.frames:
            assert frame.image is not None, "the bundled scan becomes an image"
            image = in_noise_units(frame.image)
            assert image is not None, "a simulated scan begins with noise readouts"
            answer = network.look_at(image, before)
            for kind in _named(network, answer):
                named[kind] = named.get(kind, 0) + 1
            for n, kind in enumerate(network.kinds):
                highest[kind] = max(highest[kind], round(float(answer.probability[:, n].max()), 3))
            far, before = max(far, float(answer.distance.max())), image
    frames = _BRAIN_SEEDS * _BRAIN_FRAMES
    return {"frames": frames, "named": named, "highest": highest, "farthest": round(far, 2)}


def raw_images(data: Path) -> Iterator[tuple[str, list[Image]]]:
    """Each scan's frames as the appliance makes them."""
    for name, path in _RAW.items():
        if (data / "mr_raw" / path).is_file():
            report = judge_source(MrdFile(data / "mr_raw" / path), StillClock())
            made = [in_noise_units(frame.image) for frame in report.frames if frame.image is not None]
            yield name, [image for image in made if image is not None]


def mosaic_images(data: Path) -> Iterator[tuple[str, str, Image | str]]:
    """Name, still or moved, and the slices of one volume, or why there are none; the still one of a pair first."""
    import csv

    folder = data / _MOSAICS
    if not folder.is_dir():
        return
    with (folder / "LABELS.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    packed = _unpacked(folder / "motion_pairs.tar.xz")
    for row in rows:
        _, _, inner = row["file"].partition(":")
        content = packed[inner] if inner else (folder / row["file"]).read_bytes()
        try:
            tiles: Image | str = mosaic_tiles(content, int(row["n_slices"]))
        except InputRefused as error:
            tiles = str(error)
        yield row["series"], row["label"], tiles


def mosaic_tiles(content: bytes, slices: int) -> Image:
    """`[slice, y, x]` over the noise of the darkest blocks; raises InputRefused where no decoder is at hand."""
    mosaic = read_pixels(content)
    side = mosaic.shape[0] // _TILES
    tiles = mosaic.reshape(_TILES, side, _TILES, side).transpose(0, 2, 1, 3).reshape(-1, side, side)[:slices]
    blocks = tiles[:, : side // 8 * 8, : side // 8 * 8].reshape(len(tiles), side // 8, 8, side // 8, 8)
    power = np.sort((blocks**2).mean(axis=(2, 4)).ravel())
    return tiles / np.float32(np.sqrt(max(power[int(_EMPTY * len(power))], 1.0) / 2))


def distances(network: Network, data: Path) -> list[dict[str, Any]]:
    """How far the network places what it should not judge, and what it should; above 1 it says nothing."""
    rng = np.random.default_rng(0)
    noise = np.abs(rng.standard_normal((8, 160, 160)) + 1j * rng.standard_normal((8, 160, 160))).astype(np.float32)
    drawn = np.stack([40 * shapes(rng) + 1 for _ in range(8)]).astype(np.float32)
    rows: list[tuple[str, Image | str]] = [("nothing but noise", noise), ("drawn shapes", drawn), *_photographs(data)]
    rows += [(name, image) for name, images in raw_images(data) for image in images[:1]]
    return [
        {"what": name, "why_missing": image} if isinstance(image, str) else _distance(network, name, image)
        for name, image in rows
    ]


def _photographs(data: Path) -> Iterator[tuple[str, Image | str]]:
    """Radiographs, ultrasound and photographs that arrive as DICOM, or why one cannot be read."""
    names = ("highdicom/dx_image", "pydicom-data/RG3_J2KI", "pydicom/examples_palette", "suyashkumar/1")
    for name in names:
        for path in sorted((data / "dicom" / "zoo").rglob(f"{Path(name).name}*")):
            try:
                pixels = read_pixels(path.read_bytes())
            except InputRefused as error:
                yield f"DICOM {path.stem}", str(error)
                continue
            plane = (
                pixels.reshape(-1, *pixels.shape[-2:])[0]
                if pixels.shape[-1] > 4
                else pixels.reshape(-1, *pixels.shape[-3:])[0].mean(-1)
            )
            step = max(min(plane.shape) // 256, 1)
            plane = plane[::step, ::step]
            yield f"DICOM {path.stem}", (plane / max(float(np.percentile(plane, 99)), 1e-6) * 40 + 1)[None]


def _row(network: Network, name: str, images: list[Image], before: Image | None = None) -> dict[str, Any]:
    if not images:
        return {"case": name, "why_missing": "no image or no noise level"}
    answers = []
    for image in images:
        answers.append(network.look_at(image, before))
        before = image
    probability = np.concatenate([answer.probability for answer in answers])
    distance = np.concatenate([answer.distance for answer in answers])
    top = {kind: round(float(probability[:, n].max()), 3) for n, kind in enumerate(network.kinds)}
    return {
        "case": name,
        "planes": len(distance),
        "distance": [round(float(value), 2) for value in np.percentile(distance, (0, 50, 100))],
        "silent": int((distance > FARTHEST).sum()),
        "named": sorted({kind for answer in answers for kind in _named(network, answer)}),
        "highest": {kind: value for kind, value in top.items() if value >= 0.1},
    }


def _named(network: Network, answer: Answer) -> list[str]:
    """Kinds above their limit in a plane that is not out of distribution."""
    near = answer.distance <= FARTHEST
    return [kind for n, kind in enumerate(network.kinds) if (answer.probability[near, n] > threshold(kind)).any()]


def _distance(network: Network, name: str, image: Image) -> dict[str, Any]:
    distance = round(float(np.median(network.look_at(image).distance)), 2)
    return {"what": name, "distance": distance, "silent": distance > FARTHEST}


def _unpacked(path: Path) -> dict[str, bytes]:
    with lzma.open(path) as stream, tarfile.open(fileobj=stream) as archive:
        return {member.name: file.read() for member in archive if (file := archive.extractfile(member)) is not None}
