"""A frame as an MRD v1 IMAGE message."""

import struct
from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape

import numpy as np
from numpy.typing import NDArray

from engine.types import Frame, Scan

IMAGE = 1022
IMAGE_HEADER = np.dtype(
    [
        ("version", "<u2"),
        ("data_type", "<u2"),
        ("flags", "<u8"),
        ("measurement_uid", "<u4"),
        ("matrix_size", "<u2", (3,)),
        ("field_of_view", "<f4", (3,)),
        ("channels", "<u2"),
        ("position", "<f4", (3,)),
        ("read_dir", "<f4", (3,)),
        ("phase_dir", "<f4", (3,)),
        ("slice_dir", "<f4", (3,)),
        ("patient_table_position", "<f4", (3,)),
        ("average", "<u2"),
        ("slice", "<u2"),
        ("contrast", "<u2"),
        ("phase", "<u2"),
        ("repetition", "<u2"),
        ("set", "<u2"),
        ("acquisition_time_stamp", "<u4"),
        ("physiology_time_stamp", "<u4", (3,)),
        ("image_type", "<u2"),
        ("image_index", "<u2"),
        ("image_series_index", "<u2"),
        ("user_int", "<i4", (8,)),
        ("user_float", "<f4", (8,)),
        ("attribute_string_len", "<u4"),
    ]
)
assert IMAGE_HEADER.itemsize == 198, "MRD v1 ImageHeader is 198 bytes"

ORIGINAL, PROCESSED = 1, 2
"""Series of the images that go back: as reconstructed, and what a network made of them."""

_INT16, _FLOAT32, _MAGNITUDE = 2, 5, 1
_HEAD_ROOM = 4.0
_LARGEST = 32767


def choose_scale(frame: Frame) -> float:
    """Factor to int16 for a whole series: the first frame's brightest pixel at a quarter of the range."""
    brightest = float(frame.data.max())
    return _LARGEST / (_HEAD_ROOM * brightest) if brightest > 0 else 1.0


def image_message(
    frame: Frame, scan: Scan, form: str, *, scale: float, series_index: int, image_index: int
) -> list[bytes | memoryview]:
    """Buffers of one message in order; float32 pixels are not copied. `form` is float32 or int16."""
    pixels: NDArray[np.float32] | NDArray[np.int16] = frame.data
    attributes = _attributes(frame, scan)
    if form == "int16":
        pixels = np.clip(np.rint(frame.data * scale), 0, _LARGEST).astype("<i2")
        brightest = float(np.percentile(pixels, 99.5))
        attributes["WindowCenter"] = [str(round(brightest / 2))]
        attributes["WindowWidth"] = [str(max(1, round(brightest)))]
        attributes["RescaleSlope"], attributes["RescaleIntercept"] = [repr(1 / scale)], ["0"]
    meta = _meta(attributes).encode()
    header = _header(frame, _INT16 if form == "int16" else _FLOAT32, series_index, image_index, len(meta))
    start = struct.pack("<H", IMAGE) + header.tobytes() + struct.pack("<Q", len(meta)) + meta
    return [start, np.ascontiguousarray(pixels).data.cast("B")]


def _header(frame: Frame, data_type: int, series_index: int, image_index: int, attributes: int) -> NDArray[np.void]:
    header = np.zeros((), IMAGE_HEADER)
    acquired, geometry = frame.header, frame.geometry
    depth, height, width = frame.data.shape
    header["version"], header["data_type"] = 1, data_type
    header["matrix_size"], header["field_of_view"] = (width, height, depth), geometry.field_of_view
    header["channels"] = 1
    for name in ("position", "read_dir", "phase_dir", "slice_dir"):
        header[name] = getattr(geometry, name)
    for name in ("measurement_uid", "patient_table_position", "acquisition_time_stamp", "physiology_time_stamp"):
        header[name] = acquired[name]
    header["user_int"], header["user_float"] = acquired["user_int"], acquired["user_float"]
    for name in ("slice", "contrast", "phase", "repetition", "set"):
        header[name] = getattr(frame.index, name)
    header["image_type"] = _MAGNITUDE
    header["image_index"], header["image_series_index"] = image_index & 0xFFFF, series_index
    header["attribute_string_len"] = attributes
    return header


def _attributes(frame: Frame, scan: Scan) -> dict[str, list[str]]:
    complete = frame.completeness
    attributes = {
        "DataRole": ["Image"],
        "ImageProcessingHistory": ["SCANSIDE"],
        "SeriesDescriptionAdditional": ["scanside"],
        "Keep_image_geometry": ["1"],
        "ImageRowDir": [f"{v:.18f}" for v in frame.geometry.read_dir],
        "ImageColumnDir": [f"{v:.18f}" for v in frame.geometry.phase_dir],
        "ScansideScan": [scan.id],
        "ScansideUnit": ["snr" if frame.snr_units else "arbitrary"],
    }
    if frame.processed_by:
        attributes["ImageProcessingHistory"].append("DENOISED")
        attributes["SeriesDescriptionAdditional"] = ["scanside denoised"]
        attributes["ScansideNetwork"] = [frame.processed_by]
    if not complete.complete:
        attributes["ImageComments"] = [f"incomplete: {complete.received} of {complete.expected} lines"]
    return attributes


def _meta(attributes: Mapping[str, Sequence[str]]) -> str:
    entries = "".join(
        f"<meta><name>{escape(name)}</name>" + "".join(f"<value>{escape(v)}</value>" for v in values) + "</meta>"
        for name, values in attributes.items()
    )
    return f"<ismrmrdMeta>{entries}</ismrmrdMeta>"
