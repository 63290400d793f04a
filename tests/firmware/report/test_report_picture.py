"""Pictures are turned as on the console, and their marks with them; curves hide no extreme and no gap."""

import base64
from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.types import Geometry
from firmware.pictures.planes import image_plane
from firmware.report.chart import HEIGHT, WIDTH, chart
from firmware.report.gather import RowNumbers
from firmware.report.picture import shown
from firmware.sinks.payloads import MeasurementPayload, WherePayload
from tests.engine.decide.test_decide_decider import frame

AXES = [(x, y) for x in range(3) for y in range(3) if x != y]


def lying(pixels: np.ndarray, read: list[float], phase: list[float], view=(160.0, 80.0, 5.0)):
    geometry = Geometry((0, 0, 0), tuple(read), tuple(phase), (0, 0, 0), view)
    return image_plane(replace(frame(0), data=pixels[None], geometry=geometry))


def decoded(picture) -> np.ndarray:
    content = np.frombuffer(base64.b64decode(picture.source.partition(",")[2]), np.uint8)
    return cv2.imdecode(content, cv2.IMREAD_GRAYSCALE)


@given(st.sampled_from(AXES), st.booleans(), st.booleans(), st.integers(0, 19), st.integers(0, 11))
def test_the_mark_lies_on_what_it_marks(axes, back_x, back_y, left, top) -> None:
    read, phase = ([0.0, 0.0, 0.0] for _ in range(2))
    read[axes[0]], phase[axes[1]] = (-1.0 if back else 1.0 for back in (back_x, back_y))
    pixels = np.zeros((16, 24), np.float32)
    pixels[top : top + 4, left : left + 5] = 100.0
    picture = shown(lying(pixels, read, phase), "image", WherePayload(box=(left, top, left + 5, top + 4)))
    grey = decoded(picture)
    assert grey.shape == (picture.height, picture.width)
    rows, columns = np.nonzero(grey > 128)
    (mark,) = picture.marks
    found = (columns.min(), rows.min(), columns.max() + 1 - columns.min(), rows.max() + 1 - rows.min())
    assert found == (mark.left, mark.top, mark.width, mark.height)
    assert picture.aspect == pytest.approx(2.0 if picture.width == 24 else 0.5)


def test_columns_are_marked_over_the_whole_height() -> None:
    picture = shown(lying(np.eye(16, dtype=np.float32), [1, 0, 0], [0, 1, 0]), "image", WherePayload(columns=(3, 4, 9)))
    assert [(mark.left, mark.top, mark.width, mark.height) for mark in picture.marks] == [(3, 0, 2, 16), (9, 0, 1, 16)]
    assert "fault marked" in picture.alt


def test_large_images_are_made_smaller_and_empty_ones_stay_dark() -> None:
    assert max(decoded(shown(lying(np.ones((900, 300), np.float32), [1, 0, 0], [0, 1, 0]), "image")).shape) == 448
    assert not decoded(shown(lying(np.zeros((8, 8), np.float32), [1, 0, 0], [0, 1, 0]), "image")).any()


def test_sides_that_are_not_known_are_not_named() -> None:
    plane = lying(np.ones((8, 8), np.float32), [1, 0, 0], [0, 1, 0])
    assumed = replace(plane.geometry, assumed=True)
    image = image_plane(replace(frame(0), data=np.ones((1, 8, 8), np.float32), geometry=assumed))
    picture = shown(image, "image")
    assert picture.edges == ("", "", "", "")
    assert picture.why_unknown
    assert "orientation unknown" in picture.alt


def row(values: list[float | None], limits: list[float] | None = None) -> RowNumbers:
    numbers = RowNumbers("ghost", "%")
    for number, value in enumerate(values):
        missing = "" if value is not None else "no_object"
        limit = limits[number] if limits else None
        numbers.take(
            number,
            MeasurementPayload(row="m09", name="ghost", value=value, unit="%", detect_limit=limit, why_missing=missing),
        )
    return numbers


def points(path: str) -> np.ndarray:
    return np.array([[float(part) for part in point.split()] for point in path.removeprefix("M").split("L")])


def test_a_curve_goes_through_its_values() -> None:
    drawn = chart(row([0.0, 10.0, 5.0]), 8.0)
    (path,) = drawn.paths
    x, y = points(path).T
    assert x == pytest.approx([WIDTH / 6, WIDTH / 2, WIDTH * 5 / 6], abs=0.1)
    assert (y[0] - y) / (y[0] - y[1]) == pytest.approx([0.0, 1.0, 0.5], abs=0.01)
    assert points(drawn.limit)[:, 1] == pytest.approx([y[0] + 0.8 * (y[1] - y[0])] * 3, abs=0.1)
    assert (drawn.least, drawn.greatest, drawn.limit_text) == ("0 %", "10 %", "8 %")


def test_a_gap_stays_a_gap_and_one_point_alone_is_seen() -> None:
    drawn = chart(row([1.0, 2.0, None, None, 3.0]), None)
    assert [len(points(path)) for path in drawn.paths] == [2, 2]
    assert chart(row([None, 1.0, None]), None) is None
    assert chart(row([]), 5.0) is None


def test_a_single_bad_frame_among_thousands_is_in_the_band() -> None:
    values: list[float | None] = [1.0] * 5000
    values[2345] = 50.0
    drawn = chart(row(values), 5.0)
    assert points(drawn.band.removesuffix("Z"))[:, 1].min() < 0.1 * HEIGHT
    assert len(drawn.band) < 10_000


def test_a_limit_far_away_does_not_flatten_the_curve() -> None:
    drawn = chart(row([1.0, 2.0]), 1000.0)
    assert (drawn.limit, drawn.limit_text) == ("", "1000 %")
    with_statistics = chart(row([1.0, 2.0], [3.0, 4.0]), None)
    assert with_statistics.limit
    assert with_statistics.limit_text == "3.5 %"
