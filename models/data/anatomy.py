"""Real anatomy for training and tests: a folder of volumes, and a table that says what each is.

`FILES.csv` has one row per volume: folder, file, split (train, val, test: by subject and by scanner), subject,
scanner, body, contrast, and `band_dB_rows/cols`, the power above 0.85 of the highest frequency against that at 0.4 to
0.6, in dB. A volume is `folder/file`, an `.npz` with `img [y, x, slice]`, a magnitude. What is wrong with a file is
named, counted and left out: never dropped in silence. What only makes a test easier than it looks is told.
"""

import csv
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.errors import InputRefused

TABLE = "FILES.csv"
SPLITS = ("train", "val", "test")

_INTERPOLATED_DB = -18.0
"""Below it an axis was zero-filled, filtered or resampled: its noise is no longer white."""
_LABELS = ("folder", "file", "split", "subject", "scanner", "body")
_LEAST, _MOST = 24, 4096
"""Pixels along an axis."""
_BODIES = {
    "abdomen/fetus": "maternal abdomen",
    "abdomen": "abdomen",
    "limb": "limb",
    "leg": "limb",
    "thigh": "limb",
    "prostate": "pelvis",
    "breast": "breast",
    "heart": "heart",
    "neck": "spine",
    "spine": "spine",
    "knee": "knee",
    "brain": "head",
}
"""Word in the table's column `body` -> body part, first match."""
_FIELD_STRENGTH = re.compile(r"\b\d+(\.\d+)?\s*T\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Volume:
    """One volume of the table, and its pixels."""

    name: str
    split: str
    subject: str
    scanner: str
    body: str
    """Body part, from few."""
    interpolated: bool
    """True: resampled, filtered or zero-filled along an axis; shrink it by two before noise is added."""
    pixels: NDArray[np.float32]
    """`[slice, y, x]` magnitude, the volume's 99th percentile at 1."""

    def slices(self) -> list[NDArray[np.float32]]:
        """Every slice `[y, x]` that holds something."""
        return [plane for plane in self.pixels if np.mean(plane > _SIGNAL) > _LEAST_SHARE]


_SIGNAL, _LEAST_SHARE = 0.1, 0.05


@dataclass(frozen=True, slots=True)
class Anatomy:
    """What a folder holds."""

    volumes: tuple[Volume, ...]
    problems: tuple[str, ...]
    """One sentence for each file that is left out."""
    warnings: tuple[str, ...] = ()
    """One sentence for each subject or scanner model that is in two splits; nothing is left out for it."""

    def of(self, split: str) -> tuple[Volume, ...]:
        """The volumes of one split."""
        return tuple(volume for volume in self.volumes if volume.split == split)


def read_anatomy(folder: Path) -> Anatomy:
    """Every volume of the folder's table; raises InputRefused where there is no table or nothing is left of it."""
    rows = _table(folder / TABLE)
    volumes: list[Volume] = []
    problems: list[str] = []
    seen: dict[str, str] = {}
    for number, row in enumerate(rows, 2):
        name = f"{row.get('folder', '')}/{row.get('file', '')}"
        try:
            volume, digest = _volume(folder, name, row, number)
        except InputRefused as error:
            problems.append(str(error))
            continue
        if digest in seen:
            problems.append(f"{name}: duplicated: the same pixels as {seen[digest]}; remove one of the two")
            continue
        seen[digest] = name
        volumes.append(volume)
    problems += _unlabelled(folder, {f"{row.get('folder', '')}/{row.get('file', '')}" for row in rows})
    if not volumes:
        raise InputRefused(f"none of its {len(rows)} volumes can be used", str(folder / TABLE), "; ".join(problems[:3]))
    warnings = _in_two_splits(volumes, "subject") + _in_two_splits(volumes, "scanner")
    return Anatomy(tuple(volumes), tuple(problems), tuple(warnings))


def _table(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            rows = list(csv.DictReader(stream))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputRefused(f"cannot be read ({error})", str(path), "docs/training.md says what it holds") from error
    missing = [label for label in _LABELS if not rows or label not in rows[0]]
    if missing:
        raise InputRefused(f"lacks {', '.join(missing)}", str(path), "docs/training.md says what it holds")
    return rows


def _volume(folder: Path, name: str, row: Mapping[str, str | None], number: int) -> tuple[Volume, str]:
    empty = [label for label in _LABELS if not (row.get(label) or "").strip()]
    if empty or row["split"] not in SPLITS:
        why = f"no {', '.join(empty)}" if empty else f"the split {row['split']!r}"
        raise InputRefused(f"unlabelled: {why} in line {number}", name, f"complete {TABLE}", reason="unlabelled")
    pixels = _pixels(folder / name, name)
    digest = hashlib.sha256(pixels.tobytes()).hexdigest()
    level = float(np.percentile(pixels, 99))
    if not level > 0:
        raise InputRefused("unreadable: no signal in it", name, "remove it", reason="unreadable")
    scaled = np.ascontiguousarray(pixels.transpose(2, 0, 1) / np.float32(level))
    split, subject, scanner, body = (str(row[label]).strip() for label in _LABELS[2:])
    bands = row.get("band_dB_rows/cols") or ""
    volume = Volume(name, split, subject, scanner, _body(body), _interpolated(bands), scaled)
    if not volume.slices():
        raise InputRefused("unreadable: an object in none of its slices", name, "remove it", reason="unreadable")
    return volume, digest


def _pixels(path: Path, name: str) -> NDArray[np.float32]:
    """`[y, x, slice]`."""
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            pixels = np.asarray(archive["img"])
    except Exception as error:
        # numpy, zipfile and zlib raise whatever the damaged part makes them raise.
        mend = "fetch it again; it must be an .npz with img"
        raise InputRefused(f"unreadable: {error}", name, mend, reason="unreadable") from error
    stack = pixels.ndim == 3 and pixels.shape[2] > 0 and all(_LEAST <= n <= _MOST for n in pixels.shape[:2])
    if not stack or pixels.dtype.kind not in "uif":
        what = f"unreadable: {pixels.dtype} {pixels.shape} is no stack of slices [y, x, slice]"
        raise InputRefused(what, name, "store a magnitude", reason="unreadable")
    image: NDArray[np.float32] = pixels.astype(np.float32)
    if not np.isfinite(image).all():
        raise InputRefused("unreadable: values that are not finite", name, "store a magnitude", reason="unreadable")
    if image.min() < 0:
        raise InputRefused("unreadable: values below zero", name, "store a magnitude", reason="unreadable")
    return image


def _body(words: str) -> str:
    return next((body for word, body in _BODIES.items() if word in words.lower()), "other")


def _interpolated(bands: str) -> bool:
    return any(float(number) < _INTERPOLATED_DB for number in re.findall(r"-?\d+(?:\.\d+)?", bands))


def _unlabelled(folder: Path, listed: set[str]) -> list[str]:
    found = sorted(str(path.relative_to(folder)) for path in folder.rglob("*.npz"))
    return [f"{name}: unlabelled: not in {TABLE}; add a line" for name in found if name not in listed]


def _in_two_splits(volumes: list[Volume], what: str) -> list[str]:
    """A subject or scanner model on both sides makes a test easier than it looks; left to who knows better."""
    found: dict[str, list[Volume]] = {}
    for volume in volumes:
        found.setdefault(volume.subject if what == "subject" else _model(volume.scanner), []).append(volume)
    warnings = []
    for same in found.values():
        splits = [split for split in SPLITS if any(volume.split == split for volume in same)]
        if len(splits) > 1:
            names = ", ".join(repr(name) for name in dict.fromkeys(getattr(volume, what) for volume in same))
            warnings.append(f"{TABLE}: {what} {names} is in {' and '.join(splits)}; results there may be too good")
    return warnings


def _model(name: str) -> str:
    """A scanner without its field strength and case: sources write the same model as `Signa` and `SIGNA 1.5T`."""
    return " ".join(_FIELD_STRENGTH.sub("", name).lower().split())
