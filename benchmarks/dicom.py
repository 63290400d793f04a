"""Pixels of a DICOM file, by whichever decoder is installed."""

import io

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.errors import InputRefused


def read_pixels(content: bytes) -> NDArray[np.float32]:
    """The pixels of a file, as pydicom shapes them; raises InputRefused where there are none or no decoder for them."""
    import pydicom

    dataset = pydicom.dcmread(io.BytesIO(content))
    if "PixelData" not in dataset:
        raise InputRefused("no pixels")
    try:
        return np.asarray(dataset.pixel_array, np.float32)
    except (RuntimeError, AttributeError, ValueError) as error:
        pixels = _by_opencv(dataset.PixelData)
        if pixels is None:
            syntax = dataset.file_meta.get("TransferSyntaxUID")
            raise InputRefused(f"no decoder for {syntax.name if syntax else 'unknown pixels'}") from error
        return pixels


def _by_opencv(encapsulated: bytes) -> NDArray[np.float32] | None:
    """The first frame, where OpenCV knows its format: JPEG 2000 among them, lossless JPEG not."""
    from pydicom.encaps import generate_frames

    try:
        frame = next(generate_frames(encapsulated, number_of_frames=1))
        decoded = cv2.imdecode(np.frombuffer(frame, np.uint8), cv2.IMREAD_UNCHANGED)
    except (ValueError, StopIteration, cv2.error):
        return None
    return None if decoded is None else np.asarray(decoded, np.float32)
