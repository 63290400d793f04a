"""Pictures over HTTP: as stored, as displayed, gone; and the report."""

import io

import cv2
import numpy as np
import pytest

from firmware.pictures import files
from tests.firmware.console.record_cases import decision, scan_record


def picture_of(answer):
    assert answer.status_code == 200, answer.text
    return cv2.imdecode(np.frombuffer(answer.content, np.uint8), cv2.IMREAD_UNCHANGED)


def test_pictures_as_stored(desk):
    plane = desk.picture()
    numbers = np.load(io.BytesIO(desk.client.get("/api/v1/scans/s1-1/frames/0/image.npy").content))
    np.testing.assert_array_equal(numbers, plane.values())
    raw = desk.client.get("/api/v1/scans/s1-1/frames/0/image.raw")
    values = np.frombuffer(raw.content, "<u2").reshape(8, 16) * float(raw.headers["x-scanside-step"])
    np.testing.assert_array_equal(values + float(raw.headers["x-scanside-offset"]), plane.values())


def test_png_is_windowed_scaled_and_travels_once(desk):
    plane = desk.picture()
    path = "/api/v1/scans/s1-1/frames/0/image.png"
    whole = picture_of(desk.client.get(path))
    expected = np.clip((plane.values() - 1.0) * 255 / 63.5 + 0.5, 0, 255).astype(np.uint8)
    np.testing.assert_array_equal(whole, expected)
    bright = picture_of(desk.client.get(path, params={"low": 0, "high": 1.5}))
    assert (bright[0, 0], bright[0, 1]) == (170, 255)
    assert picture_of(desk.client.get(path, params={"size": 16})).shape == (8, 16)
    mark = desk.client.get(path).headers["etag"]
    again = desk.client.get(path, headers={"If-None-Match": mark})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("mark", ["", "none", "*x"])
def test_a_mark_that_is_none_changes_nothing(desk, mark):
    desk.record(scan=scan_record())
    desk.picture()
    for path in ("/api/v1/scans/s1-1/report.html", "/api/v1/scans/s1-1/frames/0/image.png", "/api/v1/now"):
        assert desk.client.get(path, headers={"If-None-Match": mark}).status_code == 200


def test_png_has_square_pixels(desk):
    desk.picture(fov=(256.0, 256.0, 5.0))
    assert picture_of(desk.client.get("/api/v1/scans/s1-1/frames/0/image.png")).shape == (16, 16)


def test_a_removed_picture_is_gone_and_says_so(desk):
    desk.record(scan=scan_record())
    assert desk.get("scans/s1-1/frames/0/image.png", 410)["what"].endswith("no longer")
    assert desk.get("scans/never/frames/0/image.png", 404)["what"] == "there is no scan never"
    path = files.path_of(desk.folder / "pictures", "s1-1", 0, "image")
    desk.picture()
    path.write_bytes(path.read_bytes()[:-9])
    assert "damaged" in desk.get("scans/s1-1/frames/0/image.png", 410)["what"]


def test_the_report_needs_nothing_and_may_run_nothing(desk):
    desk.record(scan=scan_record(protocol="<script>alert(1)</script>"))
    desk.decide(decision(0), decision(1, "rescan"))
    desk.picture(1)
    answer = desk.client.get("/api/v1/scans/s1-1/report.html")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/html")
    assert "script-src" not in answer.headers["content-security-policy"]
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert "<script" not in answer.text
    assert "&lt;script&gt;" in answer.text
