"""Pixels of DICOM files, and that no file which cannot be read vanishes from the table."""

import csv
import io
import tarfile
from pathlib import Path

import cv2
import numpy as np
import pydicom
import pytest
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import JPEG2000Lossless, JPEGLosslessSV1, MRImageStorage

from benchmarks.dicom import read_pixels
from benchmarks.quality_network import Network
from benchmarks.quality_real import mosaic_images, real_cases
from engine.errors import InputRefused

MOSAIC = np.random.default_rng(0).integers(0, 4000, (96, 96)).astype(np.uint16)
"""Of 6 x 6 tiles of 16 x 16."""


def compressed(frame: bytes, syntax: str) -> bytes:
    meta = FileMetaDataset()
    meta.TransferSyntaxUID, meta.MediaStorageSOPClassUID = syntax, MRImageStorage
    meta.MediaStorageSOPInstanceUID = "1.2.3"
    dataset = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SOPClassUID, dataset.SOPInstanceUID = MRImageStorage, "1.2.3"
    dataset.Rows, dataset.Columns = MOSAIC.shape
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 12, 11, 0
    dataset.PixelData = encapsulate([frame])
    dataset["PixelData"].VR = "OB"
    stream = io.BytesIO()
    pydicom.dcmwrite(stream, dataset, enforce_file_format=True)
    return stream.getvalue()


def readable() -> bytes:
    written = cv2.imencode(".jp2", MOSAIC, [cv2.IMWRITE_JPEG2000_COMPRESSION_X1000, 1000])[1]
    return compressed(written.tobytes(), JPEG2000Lossless)


def unreadable() -> bytes:
    return compressed(b"\xff\xd8\xff\xc3 no decoder knows this \xff\xd9", JPEGLosslessSV1)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder with one readable and one unreadable mosaic, a packed one, and no raw scans."""
    folder = tmp_path / "dicom" / "siemens_mosaic"
    folder.mkdir(parents=True)
    (folder / "a.dcm").write_bytes(readable())
    (folder / "b.dcm").write_bytes(unreadable())
    with tarfile.open(folder / "motion_pairs.tar.xz", "w:xz") as archive:
        entry = tarfile.TarInfo("c.dcm")
        entry.size = len(unreadable())
        archive.addfile(entry, io.BytesIO(unreadable()))
    with (folder / "LABELS.csv").open("w", encoding="utf-8", newline="") as stream:
        table = csv.DictWriter(stream, ["file", "series", "label", "n_slices"])
        table.writeheader()
        for file, name in (("a.dcm", "a"), ("b.dcm", "b"), ("motion_pairs.tar.xz:c.dcm", "c")):
            table.writerow({"file": file, "series": name, "label": "still", "n_slices": 35})
    return tmp_path


def test_jpeg_2000_is_read_without_a_loss() -> None:
    np.testing.assert_array_equal(read_pixels(readable()), MOSAIC)


def test_what_no_decoder_reads_is_refused_by_its_format() -> None:
    with pytest.raises(InputRefused, match="no decoder for JPEG Lossless"):
        read_pixels(unreadable())


def test_a_file_without_pixels_is_refused() -> None:
    dataset = pydicom.dcmread(io.BytesIO(readable()))
    del dataset.PixelData
    stream = io.BytesIO()
    dataset.save_as(stream)
    with pytest.raises(InputRefused, match="no pixels"):
        read_pixels(stream.getvalue())


def test_no_mosaic_vanishes(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = list(mosaic_images(data))
    assert [(name, label) for name, label, _ in found] == [("a", "still"), ("b", "still"), ("c", "still")]
    monkeypatch.setattr("benchmarks.quality_real.bundled_brain", lambda _: {})
    rows = {row["case"]: row for row in real_cases(Network(), data)["mosaics"]}
    assert rows["a (still)"]["planes"] == 35
    for name in ("b (still)", "c (still)"):
        assert "JPEG Lossless" in rows[name]["why_missing"]
        assert "named" not in rows[name]


@pytest.mark.data
def test_every_labelled_mosaic_is_listed(data_dir: Path) -> None:
    with (data_dir / "dicom" / "siemens_mosaic" / "LABELS.csv").open(encoding="utf-8", newline="") as stream:
        labelled = [(row["series"], row["label"]) for row in csv.DictReader(stream)]
    assert [(name, label) for name, label, _ in mosaic_images(data_dir)] == labelled
