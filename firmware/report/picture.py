"""A kept picture as a PNG inside the report, turned as on the scanner's console, with the place of a fault marked."""

import base64

import numpy as np

from engine.orientation import Place, place_of
from firmware.pictures.files import Plane
from firmware.pictures.showing import turned, windowed
from firmware.report.story import Mark, Shown
from firmware.sinks.payloads import WherePayload

_LARGEST = 448
"""Pixels along the longer side of a PNG."""

_UNKNOWN = Place(False, False, False, "", "", "", "", "unknown", "the record holds no orientation")

_LETTERS = {"R": "right", "L": "left", "A": "front", "P": "back", "H": "head", "F": "feet"}


def shown(plane: Plane, caption: str, where: WherePayload | None = None) -> Shown:
    """An image in its window; `where` is marked as far as it lies in the image."""
    place = place_of(plane.geometry) if plane.geometry is not None else _UNKNOWN
    height, width = plane.shape
    size = (width, height) if not place.transpose else (height, width)
    millimetres = plane.geometry.field_of_view[:2] if plane.geometry is not None else (float(width), float(height))
    across, down = millimetres if not place.transpose else millimetres[::-1]
    edges = (place.left, place.right, place.top, place.bottom)
    marks = tuple(_turned(box, (width, height), place) for box in _boxes(where, width, height))
    return Shown(
        caption=caption,
        source=f"data:image/png;base64,{base64.b64encode(_png(plane, place)).decode()}",
        width=size[0],
        height=size[1],
        aspect=across / down if across > 0 and down > 0 else size[0] / size[1],
        edges=edges,
        why_unknown=place.why_unknown,
        marks=marks,
        alt=f"{caption}{', fault marked' if marks else ''}; {_described(place)}",
    )


def _png(plane: Plane, place: Place) -> bytes:
    import cv2

    high = plane.high if plane.high > plane.low else plane.low + 1.0
    grey = turned(windowed(plane, plane.low, high), place)
    shrink = _LARGEST / max(grey.shape)
    if shrink < 1:
        size = (max(1, round(grey.shape[1] * shrink)), max(1, round(grey.shape[0] * shrink)))
        grey = np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.uint8)
    _, encoded = cv2.imencode(".png", np.ascontiguousarray(grey))
    return bytes(encoded)


def _boxes(where: WherePayload | None, width: int, height: int) -> list[tuple[int, int, int, int]]:
    """x0, y0, x1, y1 in pixels of the image as stored, end exclusive."""
    if where is None:
        return []
    if where.box is not None:
        return [where.box]
    runs: list[list[int]] = []
    for column in sorted(set(where.columns)):
        if runs and column == runs[-1][1]:
            runs[-1][1] = column + 1
        else:
            runs.append([column, column + 1])
    return [(first, 0, end, height) for first, end in runs if end <= width]


def _turned(box: tuple[int, int, int, int], size: tuple[int, int], place: Place) -> Mark:
    left, top, right, bottom = box
    width, height = size
    if place.transpose:
        left, top, right, bottom, width, height = top, left, bottom, right, height, width
    if place.flip_rows:
        top, bottom = height - bottom, height - top
    if place.flip_columns:
        left, right = width - right, width - left
    return Mark(left, top, right - left, bottom - top)


def _described(place: Place) -> str:
    if not place.left:
        return "orientation unknown"
    return f"{place.view}, the patient's {_LETTERS[place.left[0]]} on the left, {_LETTERS[place.top[0]]} on top"
