"""The forms of a package: carried, made, or missing a table."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from engine.errors import Unavailable
from engine.forms.int8 import int8_form
from engine.forms.make import NAMES, largest_values, make_form
from engine.forms.ranges import FILE, Ranges, ranges_bytes
from engine.package import Package, load_package
from tests.engine.forms.networks import answer, frames, residual, seen, table
from tests.engine.package_cases import KEYS, files, npz, seal

MODEL = residual()


def packed(folder: Path, ranges: Ranges | None = None, **more: bytes) -> Package:
    image = np.stack(frames(2))
    golden = npz(image=image, denoised=np.stack([answer(MODEL, frame) for frame in image]))
    content: dict[str, Any] = files(model_onnx=MODEL.SerializeToString(), golden_npz=golden)
    if ranges is not None:
        content[FILE] = ranges_bytes(ranges)
    return load_package(seal(folder, content | {f"{name}.onnx": data for name, data in more.items()}), KEYS)


RANGES = table(MODEL, seen(MODEL, frames()))
OTHER = table(MODEL, {name: (2 * low, 2 * high) for name, (low, high) in seen(MODEL, frames()).items()})


@pytest.mark.parametrize("name", NAMES)
def test_every_form_takes_and_gives_what_the_network_does(tmp_path: Path, name: str) -> None:
    form = make_form(packed(tmp_path / "p", RANGES), name)
    assert form.name == name
    wanted = answer(MODEL, frames(1)[0])
    assert np.abs(answer(form.data, frames(1)[0]) - wanted).max() <= 0.1 * np.abs(wanted).max()


def test_bf16_is_the_fp32_file(tmp_path: Path) -> None:
    package = packed(tmp_path / "p")
    assert make_form(package, "bf16").data == make_form(package, "fp32").data == package.model


def test_a_site_comes_before_the_package(tmp_path: Path) -> None:
    package = packed(tmp_path / "p", RANGES)
    assert make_form(package, "int8-s8").data == int8_form(package.model, RANGES, "s8")
    assert make_form(package, "int8-s8", OTHER).data == int8_form(package.model, OTHER, "s8")


def test_a_form_that_the_package_carries_is_taken_as_it_is(tmp_path: Path) -> None:
    carried = onnx.load_from_string(int8_form(MODEL.SerializeToString(), OTHER, "u8"))
    carried.doc_string = "by hand"
    package = packed(tmp_path / "p", RANGES, **{"int8-u8": carried.SerializeToString()})
    assert make_form(package, "int8-u8").data == package.forms["int8-u8"]
    assert make_form(package, "int8-u8", OTHER).data != package.forms["int8-u8"]


@pytest.mark.parametrize("name", ["int8-s8", "int8-u8", "mixed"])
def test_without_a_table_it_says_how_to_make_one(tmp_path: Path, name: str) -> None:
    with pytest.raises(Unavailable, match=f"no table of ranges for {name}; make one with `scanside calibrate int8"):
        make_form(packed(tmp_path / "gain"), name)


def test_an_unknown_form_is_named_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="no form is called 'int4'; known are fp32, fp16"):
        make_form(packed(tmp_path / "p"), "int4")


def test_the_largest_values_are_those_of_the_hardest_frame(tmp_path: Path) -> None:
    package = packed(tmp_path / "p")
    full = np.full_like(package.golden["image"][0], 100)
    wanted = max(
        float(np.abs(answer(MODEL, frame)).max())
        for frame in (full, *(factor * frame for frame in package.golden["image"] for factor in (1, 2)))
    )
    assert largest_values(package)["denoised"] == pytest.approx(wanted, rel=1e-5)
    assert {"a_out", "a_relu", "sum"} <= largest_values(package).keys()
