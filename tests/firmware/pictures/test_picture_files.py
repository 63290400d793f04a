"""What is read is what was written, or there is no picture: never half of one, never one from elsewhere."""

import os

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.picture import Quantised
from firmware.pictures import files
from firmware.pictures.files import KINDS, PictureGone, kinds, numbers, path_of, read, write
from firmware.pictures.planes import elements_plane, image_plane, kspace_plane
from tests.firmware.pictures.picture_cases import GEOMETRY, IMAGE, frame, small


def test_an_image_comes_back_within_half_a_step_with_all_that_is_known_of_it(tmp_path):
    size = write(tmp_path, "s1-1", 7, "image", image_plane(frame()))
    assert path_of(tmp_path, "s1-1", 7, "image").stat().st_size == size
    plane = read(tmp_path, "s1-1", 7, "image")
    assert plane.samples().shape == plane.shape == (32, 64)
    assert np.abs(plane.values() - IMAGE[0]).max() <= plane.step * 0.501
    assert IMAGE.min() <= plane.low < plane.high <= IMAGE.max()
    assert (plane.geometry, plane.unit, plane.elements, plane.processed_by) == (GEOMETRY, "snr", 3, "")


def test_raw_pictures_come_back_bit_for_bit(tmp_path):
    write(tmp_path, "s", 0, "kspace", kspace_plane(frame(), small()))
    write(tmp_path, "s", 0, "elements", elements_plane(frame(), small((3, 4, 4))))
    kspace, elements = read(tmp_path, "s", 0, "kspace"), read(tmp_path, "s", 0, "elements")
    assert (kspace.samples() == small().data).all()
    assert kspace.values()[0, :2].tolist() == [-60.0, -59.75]
    assert (kspace.geometry, kspace.low, kspace.high) == (None, -59.75, 0.0)
    assert (elements.samples() == small((3, 4, 4)).data).all()
    assert elements.geometry == GEOMETRY


def test_elements_are_shown_in_one_window_that_a_bright_spot_does_not_move(tmp_path):
    shares = np.full((2, 64, 64), 100, np.uint8)
    shares[1] = 0
    shares[0, 8, 8] = 255
    plane = elements_plane(frame(), Quantised(shares, 0.0, 1 / 255))
    assert (plane.low, plane.high) == (0.0, 100 / 255)
    dark = elements_plane(frame(), Quantised(shares * 0, 0.0, 0.0))
    assert dark.high > dark.low


@pytest.fixture(scope="module")
def content(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    write(folder, "s", 0, "image", image_plane(frame()))
    return path_of(folder, "s", 0, "image").read_bytes()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_picture_cut_short_or_with_one_wrong_bit_is_none(tmp_path, content, data):
    path = path_of(tmp_path, "s", 0, "image")
    path.parent.mkdir(exist_ok=True)
    at = data.draw(st.integers(0, len(content) - 1))
    flipped = bytearray(content)
    flipped[at] ^= 1 << data.draw(st.integers(0, 7))
    for wrong in (content[:at], bytes(flipped), content + b"0"):
        path.write_bytes(wrong)
        with pytest.raises(PictureGone, match="damaged"):
            read(tmp_path, "s", 0, "image")


def test_a_whole_file_of_the_wrong_shape_is_damaged_too(tmp_path):
    write(tmp_path, "s", 0, "image", msgspec.structs.replace(image_plane(frame()), shape=(9, 9)))
    with pytest.raises(PictureGone, match="damaged"):
        read(tmp_path, "s", 0, "image")


def test_what_is_missing_says_what_where_and_what_to_do(tmp_path):
    with pytest.raises(PictureGone) as gone:
        read(tmp_path, "s9-4", 12, "processed")
    assert "s9-4" in gone.value.where
    assert "12" in gone.value.where
    assert "[pictures]" in gone.value.mend


@pytest.mark.parametrize("scan", ["", ".", "..", "../s", "a/b", "/etc", "a\\b", "a\n", "a\0", "a.b", "x" * 200, "é"])
def test_no_name_leads_out_of_the_folder(tmp_path, scan):
    with pytest.raises(PictureGone, match="name"):
        path_of(tmp_path, scan, 0, "image")


@pytest.mark.parametrize(("number", "kind"), [(-1, "image"), (0, "../image"), (0, "png"), (0, "")])
def test_no_number_or_kind_leads_out_of_the_folder(tmp_path, number, kind):
    with pytest.raises(PictureGone, match="name"):
        read(tmp_path, "s", number, kind)


def test_what_there_is_of_a_frame_and_of_a_scan(tmp_path):
    assert numbers(tmp_path, "s") == []
    assert kinds(tmp_path, "s", 3) == []
    for number in (10, 3, 9):
        write(tmp_path, "s", number, "image", image_plane(frame()))
    write(tmp_path, "s", 3, "kspace", kspace_plane(frame(), small()))
    write(tmp_path, "s", 4, "elements", elements_plane(frame(), small((3, 4, 4))))
    (tmp_path / "s" / "11.image.new").write_bytes(b"half")
    (tmp_path / "s" / "notes.image").write_bytes(b"")
    assert numbers(tmp_path, "s") == [3, 9, 10]
    assert kinds(tmp_path, "s", 3) == ["image", "kspace"]
    assert set(kinds(tmp_path, "s", 4)) < set(KINDS)


def test_a_write_that_fails_leaves_the_earlier_picture_and_nothing_else(tmp_path, monkeypatch):
    write(tmp_path, "s", 0, "image", image_plane(frame()))
    before = read(tmp_path, "s", 0, "image")

    def full(descriptor, content):
        os.write(descriptor, bytes(content[:100]))
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files, "_write_all", full)
    with pytest.raises(OSError, match="No space"):
        write(tmp_path, "s", 0, "image", image_plane(frame(data=IMAGE + 1)))
    assert read(tmp_path, "s", 0, "image") == before
    assert [path.name for path in (tmp_path / "s").iterdir()] == ["0.image"]
