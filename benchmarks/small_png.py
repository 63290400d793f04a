"""A screenshot as a PNG of few bytes: 256 colours, which neither OpenCV nor the browser writes."""

import struct
import zlib

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

_GREYS = 24
_COLOURS = 256
_SPAN = 4
"""Colours that differ by less in every channel are one."""


def small_png(picture: NDArray[np.uint8]) -> bytes:
    """`[y, x, 3]` red, green, blue as a PNG with a palette: evenly spaced greys, and the commonest other colours."""
    height, width, _ = picture.shape
    seen, where, counts = np.unique(picture.reshape(-1, 3), axis=0, return_inverse=True, return_counts=True)
    palette = _palette(seen, counts)
    nearest = cKDTree(palette).query(seen)[1].astype(np.uint8)
    rows = nearest[where].reshape(height, width)
    unfiltered = np.zeros((height, 1), np.uint8)  # each row begins with its filter: none helps where colours are names
    body = zlib.compress(np.hstack([unfiltered, rows]).tobytes(), 9)
    head = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    chunks = [(b"IHDR", head), (b"PLTE", palette.tobytes()), (b"IDAT", body), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, data) for name, data in chunks)


def _palette(seen: NDArray[np.uint8], counts: NDArray[np.intp]) -> NDArray[np.uint8]:
    greys = np.repeat(np.linspace(0, 255, _GREYS).round().astype(np.uint8), 3).reshape(-1, 3)
    coloured = np.ptp(seen.astype(np.int16), axis=1) > 0
    bins, where = np.unique(seen[coloured] // _SPAN, axis=0, return_inverse=True)
    weight = np.bincount(where.ravel(), counts[coloured], len(bins))
    order = np.argsort(-counts[coloured])  # of the colours in a bin its commonest stands for all
    first = np.full(len(bins), -1)
    first[where.ravel()[order[::-1]]] = order[::-1]
    common = first[np.argsort(-weight)[: _COLOURS - _GREYS]]
    return np.ascontiguousarray(np.concatenate([greys, seen[coloured][common]]))


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
