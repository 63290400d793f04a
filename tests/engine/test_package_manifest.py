"""The manifest: what it must say, and the sentence for everything else."""

import pytest

from engine.errors import PackageRefused
from engine.package.manifest import Axis, Manifest, axes_of, bind, read_manifest
from tests.engine.package_cases import MANIFEST


def read(text: str) -> Manifest:
    return read_manifest(text.encode(), "p/manifest.toml")


def test_the_values_of_a_good_one() -> None:
    manifest = read(MANIFEST)
    batch, one, y, _x = manifest.inputs[0].shape
    assert batch == Axis("batch", 1, 4, 4)
    assert one == 1
    assert y == Axis("y", 8, 64, 64)
    assert manifest.inputs[0].range == (0.0, 100.0)
    assert axes_of(manifest.inputs).keys() == {"batch", "y", "x"}


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('name = "gain"', 'name = "Gain/x"', "name"),
        ('name = "gain"\n', "", "name"),
        ('version = "1.0"', 'version = "one"', "version"),
        ('task = "denoise"', "task = 3", "task"),
        ('must_not = "be used"', 'must_not = " "', "must_not"),
        ("opset = 17", "opset = 16", "17 to 20"),
        ("opset = 17", "opset = 21", "17 to 20"),
        ("opset = 17", "opset = 17\ncolour = 1", "colour"),
        ("opset = 17", 'opset = 17\ncontrol_flow = ["Goto"]', "Goto"),
        ('["batch", 1, "y", "x"]', '["batch", 1, "y", "z"]', "'z' has no bound"),
        ('["batch", 1, "y", "x"]', '["batch", 0, "y", "x"]', "shape"),
        ('["batch", 1, "y", "x"]', "[]", "axes."),
        ("max = 64", "max = 4", "must not fall"),
        ("max = 64", "max = 1000000", "65536"),
        ("max = 64", "", "max"),
        ("max = 64", "max = 64\ntypical = 65", "must not fall"),
        ("range = [0.0, 100.0]", "range = [1.0, 0.0]", "lowest, highest"),
        ("range = [0.0, 100.0]", "range = [0.0, inf]", "float32 holds"),
        ("range = [0.0, 100.0]", "range = [nan, 1.0]", "float32 holds"),
        ("range = [0.0, 100.0]", "range = [0.0, 1e39]", "float32 holds"),
        ('"float32"\nunit = "SNR"\nrange = [0.0, 100.0]', '"int8"\nunit = "SNR"\nrange = [0.0, 128.0]', "int8 holds"),
        ('name = "denoised"', 'name = "image"', "two tensors"),
        ('unit = "SNR"', 'unit = ""', "unit"),
        ("[axes.batch]", "[axes.unused]\nmin = 1\nmax = 2\n[axes.batch]", "unused"),
        ('unit = "SNR"', 'unit = "SNR"\nlabels = ["motion"]', "image: only an output has labels"),
        ("[[inputs]]", "[[inputs", "not TOML"),
    ],
)
def test_what_is_wrong_is_named(old: str, new: str, says: str) -> None:
    assert old in MANIFEST
    with pytest.raises(PackageRefused) as caught:
        read(MANIFEST.replace(old, new))
    assert says in str(caught.value)
    assert (caught.value.where, caught.value.reason) == ("p/manifest.toml", "manifest")


def labelled(shape: str, labels: str) -> str:
    return MANIFEST.replace("[axes.batch]", f"""
[[outputs]]
name = "probability"
shape = {shape}
dtype = "float32"
unit = "probability"
range = [0.0, 1.0]
labels = {labels}
[axes.batch]""")  # fmt: skip


def test_labels_name_what_the_second_size_counts() -> None:
    plain, named = read(labelled('["batch", 2]', '["motion", "rf-interference"]')).outputs
    assert plain.labels == ()
    assert named.labels == ("motion", "rf-interference")


@pytest.mark.parametrize(
    ("shape", "labels", "says"),
    [
        ('["batch", 3]', '["motion", "ghost"]', "2 labels, but the second size is 3"),
        ('["batch"]', '["motion", "ghost"]', "2 labels, but the second size is missing"),
        ('["batch", "x"]', '["motion", "ghost"]', "2 labels, but the second size is x"),
        ('["batch", 2]', '["motion", "motion"]', "two labels are the same"),
        ('["batch", 2]', '["motion", "RF noise"]', "labels"),
    ],
)
def test_labels_that_do_not_fit_are_refused(shape: str, labels: str, says: str) -> None:
    with pytest.raises(PackageRefused, match=says):
        read(labelled(shape, labels))


@pytest.mark.parametrize("dtype", ["uint16", "int16", "complex64", "float64", "double", "bfloat16", "string"])
def test_element_types_that_no_engine_takes(dtype: str) -> None:
    with pytest.raises(PackageRefused, match=f"{dtype} is no element type.*float32"):
        read(MANIFEST.replace("float32", dtype))


@pytest.mark.parametrize("text", [b"\xff\xfe", b"a = " + b"[" * 5000])
def test_no_text_or_too_deep(text: bytes) -> None:
    with pytest.raises(PackageRefused, match="not TOML"):
        read_manifest(text, "m")


def test_shapes_are_bound_to_sizes() -> None:
    manifest = read(MANIFEST)
    tensors = (*manifest.inputs, *manifest.outputs)
    assert bind(tensors, dict.fromkeys(("image", "denoised"), (2, 1, 8, 64))) == {"batch": 2, "y": 8, "x": 64}
    for shape, says in (
        ((5, 1, 8, 8), "batch is 1 to 4"),
        ((1, 2, 8, 8), "2 instead of 1"),
        ((1, 1, 7, 8), "y is 8 to 64"),
        ((1, 8, 8), "3 dimensions, not 4"),
    ):
        with pytest.raises(ValueError, match=says):
            bind(tensors, dict.fromkeys(("image", "denoised"), shape))
    with pytest.raises(ValueError, match="y is both 8 and 9"):
        bind(tensors, {"image": (1, 1, 8, 8), "denoised": (1, 1, 9, 8)})
