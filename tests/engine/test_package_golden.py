"""Golden frames: plain arrays, in the shapes and types of the manifest; and no content crashes the loader."""

import io
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.errors import PackageRefused
from engine.package import load_package
from tests.engine.package_cases import KEYS, files, golden, npz, seal


def zipped(name: str, data: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, data)
    return stream.getvalue()


def npy(header: bytes) -> bytes:
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header


HUGE = npy(b"{'descr': '<f4', 'fortran_order': False, 'shape': (1000000, 10000000), }\n")
ENCRYPTED = re.sub(rb"(PK\x01\x02.{4}).", lambda found: found[1] + b"\1", npz(**golden()), flags=re.DOTALL)
OBJECTS = npz(image=np.array([{"a": 1}], dtype=object))
FRAMES = golden()


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"garbage", "not an npz"),
        (OBJECTS, "not an npz"),
        (ENCRYPTED, "encrypted"),
        (zipped("image.npy", HUGE), "not an npz"),
        (zipped("image.npy", b"garbage"), "image"),
        (zipped("image.npy", bytes(256_000_001)), "unpacked"),
        (npz(image=FRAMES["image"]), "holds ['image'], not"),
        (npz(**FRAMES, more=np.zeros(1)), "more"),
        (npz(**FRAMES, **{"more.truth": FRAMES["denoised"]}), "more.truth"),
        (npz(**FRAMES, **{"denoised.truth": FRAMES["denoised"][..., :8]}), "denoised.truth has another shape"),
        (npz(**FRAMES, **{"denoised.truth": FRAMES["denoised"][:1]}), "denoised.truth has another shape"),
        (npz(**FRAMES, **{"denoised.truth": FRAMES["denoised"] + np.inf}), "denoised.truth holds NaN"),
        (npz(**FRAMES, **{"denoised.truth": FRAMES["denoised"] * 0}), "denoised.truth holds nothing above 0"),
        (npz(image=np.float32(1), denoised=np.float32(1), **{"denoised.truth": np.float32(1)}), "number of frames"),
        (npz(**FRAMES, **{"denoised.truth": FRAMES["denoised"].astype(np.float64)}), "denoised.truth is float64"),
        (npz(image=FRAMES["image"].astype(np.float64), denoised=FRAMES["denoised"]), "image is float64"),
        (npz(image=FRAMES["image"] * np.nan, denoised=FRAMES["denoised"]), "image holds NaN"),
        (npz(image=FRAMES["image"][:1], denoised=FRAMES["denoised"]), "number of frames"),
        (npz(image=FRAMES["image"][:0], denoised=FRAMES["denoised"][:0]), "number of frames"),
        (npz(image=np.float32(1), denoised=np.float32(1)), "number of frames"),
        (npz(image=FRAMES["image"][0], denoised=FRAMES["denoised"][0]), "dimensions"),
        (npz(image=FRAMES["image"][..., :4], denoised=FRAMES["denoised"][..., :4]), "x is 8 to 64"),
        (npz(image=FRAMES["image"], denoised=FRAMES["denoised"][..., :8]), "x is both"),
    ],
)
def test_what_is_no_set_of_golden_frames(tmp_path: Path, data: bytes, says: str) -> None:
    with pytest.raises(PackageRefused) as caught:
        load_package(seal(tmp_path / "p", files(golden_npz=data)), KEYS)
    assert says in str(caught.value)
    assert caught.value.where.endswith("p/golden.npz")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_signed_content_crashes_the_loader(tmp_path: Path, data: st.DataObject) -> None:
    """Whoever holds a key may sign nonsense: it loads or is refused, never anything else."""
    content = files()
    name = data.draw(st.sampled_from(sorted(content)))
    whole = bytearray(content[name])
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(whole)))
        whole[start : start + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    package = seal(tmp_path / "p", {**content, name: bytes(whole)})
    try:
        load_package(package, KEYS)
    except PackageRefused as error:
        assert error.where.startswith(str(package))  # noqa: PT017


def test_an_output_may_come_with_its_truth(tmp_path: Path) -> None:
    truth = FRAMES["denoised"] + np.float32(1)
    data = npz(**FRAMES, **{"denoised.truth": truth})
    package = load_package(seal(tmp_path / "p", files(golden_npz=data)), KEYS)
    np.testing.assert_array_equal(package.golden["denoised.truth"], truth)
