"""IMAGE messages as ismrmrd reads them."""

import ctypes
import io
from dataclasses import replace

import ismrmrd
import numpy as np
import pytest
from ismrmrd.serialization import ProtocolDeserializer

from engine.types import Completeness
from firmware.sources.mrd_config import OURS, ReplyForm, choose_config, config_from_text
from firmware.sources.mrd_image import IMAGE_HEADER, choose_scale, image_message
from tests.engine.decide.test_decide_decider import SCAN, frame


def read(buffers) -> ismrmrd.Image:
    return next(ProtocolDeserializer(io.BytesIO(b"".join(buffers) + b"\4\0")).deserialize())


def picture(top: float = 100.0):
    data = np.linspace(0, top, 16 * 12, dtype=np.float32).reshape(1, 16, 12)
    return replace(frame(3), data=data)


def message(form: str, scale: float = 1.0, **more):
    return image_message(replace(picture(), **more), SCAN, form, scale=scale, series_index=1, image_index=4)


def test_the_header_type_is_ismrmrds() -> None:
    theirs = {name: getattr(ismrmrd.ImageHeader, name).offset for name, _ in ismrmrd.ImageHeader._fields_}
    assert ctypes.sizeof(ismrmrd.ImageHeader) == IMAGE_HEADER.itemsize
    assert {name: IMAGE_HEADER.fields[name][1] for name in IMAGE_HEADER.names} == theirs


def test_float_pixels_arrive_as_they_are() -> None:
    image = read(message("float32"))
    np.testing.assert_array_equal(np.squeeze(image.data), picture().data[0])
    assert tuple(image.matrix_size) in ((1, 16, 12), (12, 16, 1))
    assert (image.repetition, image.image_index, image.image_series_index) == (3, 4, 1)
    assert "incomplete" not in image.attribute_string


def test_int16_has_one_scale_and_a_window() -> None:
    scale = choose_scale(picture())
    image = read(message("int16", scale))
    assert image.data.dtype == np.int16
    assert image.data.max() == 8192
    meta = ismrmrd.Meta.deserialize(image.attribute_string)
    assert int(meta["WindowWidth"]) > 0
    assert float(meta["RescaleSlope"]) * image.data.max() == pytest.approx(100.0, rel=1e-3)
    brighter = read(image_message(picture(1000.0), SCAN, "int16", scale=scale, series_index=1, image_index=5))
    assert brighter.data.max() == 32767, "saturates, never wraps"


def test_an_incomplete_frame_says_so() -> None:
    image = read(message("float32", completeness=Completeness(16, 10, tuple(range(6)))))
    assert "incomplete: 10 of 16 lines" in image.attribute_string


def test_a_processed_image_names_its_network() -> None:
    meta = ismrmrd.Meta.deserialize(read(message("float32", processed_by="mean 1.2.3")).attribute_string)
    assert meta["ImageProcessingHistory"] == ["SCANSIDE", "DENOISED"]
    assert meta["ScansideNetwork"] == "mean 1.2.3"
    original = ismrmrd.Meta.deserialize(read(message("float32")).attribute_string)
    assert original["ImageProcessingHistory"] == "SCANSIDE"
    assert "ScansideNetwork" not in original


@pytest.mark.parametrize("name", OURS)
def test_our_configurations_need_no_remark(name: str) -> None:
    assert choose_config(name).remark == ""


@pytest.mark.parametrize("name", ["simplefft", "default.xml", "os", "../../x", "", "x" * 5000])
def test_other_names_fall_back_and_say_so(name: str) -> None:
    config = choose_config(name)
    assert config.form is ReplyForm.FLOAT32
    assert "scanside" in config.remark
    assert len(config.remark) < 250


def test_the_config_in_json_text() -> None:
    assert config_from_text('{"parameters": {"config": "openrecon"}}') == "openrecon"
    for text in ("hello", "[]", "3", '{"parameters": 3}', '{"parameters": {}}', "null"):
        assert config_from_text(text) is None
