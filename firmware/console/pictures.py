"""Pictures of frames over HTTP: as displayed (PNG), and as stored (NumPy, raw)."""

import hashlib
import io
from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from starlette.responses import Response

from firmware.console import asked
from firmware.console.console import Console
from firmware.console.placing import displayed
from firmware.console.refusals import Refused
from firmware.pictures.files import Plane, path_of, read
from firmware.pictures.showing import windowed


def png(console: Console, shown: asked.Shown) -> Response:
    """Windowed to eight bits; an image is turned as the scanner's console shows it, with square pixels."""
    import cv2

    plane = _plane(console, shown)
    pixels = _shown(plane, shown.low, shown.high)
    if plane.geometry is not None and pixels.ndim == 2:
        pixels = displayed(pixels, plane.geometry)
    pixels = _side_by_side(pixels)
    longest = max(pixels.shape)
    if shown.size is not None and shown.size < longest:
        height, width = (max(1, round(side * shown.size / longest)) for side in pixels.shape)
        pixels = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
    done, encoded = cv2.imencode(".png", np.ascontiguousarray(pixels), [cv2.IMWRITE_PNG_COMPRESSION, 1])
    assert done, "eight-bit pixels can be encoded"
    return _marked(encoded.tobytes(), "image/png")


def npy(console: Console, picture: asked.Picture) -> Response:
    """float32 in the picture's unit for images, uint8 as stored for the others; not turned."""
    plane = _plane(console, picture)
    out = io.BytesIO()
    np.save(out, plane.values() if picture.kind in ("image", "processed") else plane.samples(), allow_pickle=False)
    return _marked(out.getvalue(), "application/octet-stream")


def raw(console: Console, picture: asked.Image) -> Response:
    """The stored integers, rows from the top, not turned."""
    plane = _plane(console, picture)
    height, width = plane.shape
    headers = {
        "X-Scanside-Offset": repr(plane.offset),
        "X-Scanside-Step": repr(plane.step),
        "X-Scanside-Width": str(width),
        "X-Scanside-Height": str(height),
    }
    return _marked(plane.data, "application/octet-stream", headers)


def _marked(content: bytes, media: str, headers: Mapping[str, str] = MappingProxyType({})) -> Response:
    """With a mark of its content, so that it travels once; asked for again, since ids begin anew with a new record."""
    mark = {"ETag": f'"{hashlib.blake2b(content, digest_size=8).hexdigest()}"', "Cache-Control": "private, no-cache"}
    return Response(content, media_type=media, headers={**mark, **headers})


def _plane(console: Console, picture: asked.Picture | asked.Image) -> Plane:
    known = path_of(console.pictures, picture.scan, picture.number, picture.kind).exists()
    if not known and console.reader.scan(picture.scan) is None:
        raise Refused(404, f"there is no scan {picture.scan}", "it may be older than the record is kept")
    return read(console.pictures, picture.scan, picture.number, picture.kind)


def _shown(plane: Plane, low: float | None, high: float | None) -> NDArray[np.uint8]:
    """`low` and below black, `high` and above white; stored bytes as they are when no window is asked for."""
    if plane.dtype == "uint8" and low is None and high is None:
        return plane.samples().astype(np.uint8, copy=False)
    black = plane.low if low is None else low
    white = plane.high if high is None else high
    if white <= black:
        raise Refused(400, "low: the window has no width", "low is less than high")
    return windowed(plane, black, white)


def _side_by_side(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """`[element, y, x]` as one row of tiles; `[y, x]` as it is."""
    return pixels if pixels.ndim == 2 else np.concatenate(list(pixels), axis=1)
