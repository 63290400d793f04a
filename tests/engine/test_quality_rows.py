"""From a quality network's answers to rows: what is refused, the worst plane, where, and strange images."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.forms import fp32
from engine.package import load_package, trusted_keys
from engine.package.manifest import Manifest, read_manifest
from engine.quality import (
    CELLS,
    LEARNED,
    box_of,
    fault_in,
    joined,
    joined_length,
    measured,
    not_measured,
    pairs,
    why_no_quality,
)
from engine.runners import load_runner
from engine.runners.golden import check_golden
from tests.engine.quality_network import KINDS, MANIFEST, answers, write_package

PIXELS = (32, 48)


def read(text: str) -> Manifest:
    return read_manifest(text.encode(), "manifest.toml")


def good(planes: int = 1, kinds: int = 3) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [
        rng.uniform(0, 1, (planes, kinds)).astype(np.float32),
        rng.uniform(0, 200, (planes, kinds)).astype(np.float32),
        rng.uniform(0, 1, (planes, kinds, CELLS, CELLS)).astype(np.float32),
        rng.standard_normal((planes, 7)).astype(np.float32),
        rng.uniform(0, 1, (planes, 1)).astype(np.float32),
    ]


def test_a_packaged_network_is_run_and_read(tmp_path: Path) -> None:
    folder, keys = write_package(tmp_path)
    package = load_package(folder, trusted_keys(keys))
    assert why_no_quality(package.manifest) == ""
    runner = load_runner("onnxruntime-cpu", package, fp32(package))
    check_golden(runner, package)
    batch = np.random.default_rng(0).uniform(0, 50, (2, 2, 33, 47)).astype(np.float32)
    made = runner.run(batch)
    for output, answer in zip(package.manifest.outputs, made, strict=True):
        if output.name != "where":
            np.testing.assert_allclose(answer, answers(batch)[output.name], rtol=1e-4, atol=1e-5)
    assert fault_in(made, 2) == ""


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('task = "quality"', 'task = "denoise"', "made to denoise"),
        ('["batch", 2, "y", "x"]', '["batch", 1, "y", "x"]', "takes something else"),
        ('unit = "SNR"', 'unit = "1"', "in SNR"),
        ('name = "embedding"', 'name = "features"', "gives probability, severity, where, features"),
        ('"gibbs"]', '"gremlin"]', "gremlin, which is no kind"),
        ('"gibbs"]\n[[outputs]]\nname = "embedding"', '"wrap"]\n[[outputs]]\nname = "embedding"', "the same labels"),
        ('["batch", 3, 16, 16]', '["batch", 3, 8, 8]', "other shapes"),
        ('name = "distance"\nshape = ["batch", 1]', 'name = "distance"\nshape = ["batch"]', "other shapes"),
        ('name = "embedding"\nshape = ["batch", 2]', 'name = "embedding"\nshape = [2]', "other shapes"),
    ],
)  # fmt: skip
def test_a_network_for_something_else_is_named(old: str, new: str, says: str) -> None:
    assert old in MANIFEST
    assert says in why_no_quality(read(MANIFEST.replace(old, new)))


def test_labels_may_not_differ_between_outputs() -> None:
    manifest = read(MANIFEST)
    turned = dataclasses.replace(manifest.outputs[1], labels=KINDS[::-1])
    outputs = (manifest.outputs[0], turned, *manifest.outputs[2:])
    assert "the same labels" in why_no_quality(dataclasses.replace(manifest, outputs=outputs))


def test_each_plane_is_paired_with_the_one_before() -> None:
    image, before = (np.arange(12, dtype=np.float32).reshape(3, 2, 2) + add for add in (0, 100))
    made = pairs(image, before).reshape(3, 2, 2, 2)
    np.testing.assert_array_equal(made[:, 0], image)
    np.testing.assert_array_equal(made[:, 1], before)
    for none in (None, before[:2]):
        made = pairs(image, none).reshape(3, 2, 2, 2)
        np.testing.assert_array_equal(made[:, 1], image)


@pytest.mark.parametrize(
    ("output", "value", "why"),
    [
        (0, np.nan, "not_finite"),
        (2, np.inf, "not_finite"),
        (3, -np.inf, "not_finite"),
        (0, 1.01, "impossible_answer"),
        (0, -0.01, "impossible_answer"),
        (2, 1.5, "impossible_answer"),
        (1, -1.0, "impossible_answer"),
        (4, -0.1, "impossible_answer"),
        (3, -9.0, ""),
        (1, 900.0, ""),
    ],
)
def test_answers_that_mean_nothing_are_named(output: int, value: float, why: str) -> None:
    made = good(2)
    made[output].flat[-1] = value
    assert fault_in(made, 2) == why


def test_shapes_must_agree() -> None:
    assert fault_in(good(2), 2) == ""
    assert fault_in(good(2), 3) == "wrong_shape"
    assert fault_in(good()[:4], 1) == "wrong_shape"
    for output in (0, 1, 2, 4):
        made = good()
        made[output] = made[output][:, :-1]
        assert fault_in(made, 1) == "wrong_shape"
        made[output] = made[output].ravel()
        assert fault_in(made, 1) == "wrong_shape"


def test_rows_hold_what_the_network_said() -> None:
    made = good()
    made[4][0, 0] = 0.25
    answer = joined(made)
    assert answer.shape == (1, joined_length(3))
    distance, *rows = measured(answer, KINDS, PIXELS)
    assert (distance.row, distance.value, distance.unit) == ("n02", 0.25, "times the limit")
    for k, (kind, row) in enumerate(zip(KINDS, rows, strict=True)):
        assert (row.row, row.name, row.unit) == (LEARNED[kind], f"learned-{kind}", "probability")
        assert row.value == pytest.approx(float(made[0][0, k]), abs=1e-4)
        assert row.impact == pytest.approx(float(made[1][0, k]), abs=0.01)
        assert row.impact_unit == "%"
        assert row.where.box == box_of(made[2][0, k], PIXELS)


def test_the_worst_plane_speaks_for_each_kind() -> None:
    made = good(3)
    made[0][:] = [[0.1, 0.9, 0.0], [0.8, 0.2, 0.0], [0.3, 0.3, 0.0]]
    _, motion, ghost, _ = measured(joined(made), KINDS, PIXELS)
    assert (motion.value, ghost.value) == (0.8, 0.9)
    assert motion.where.box == box_of(made[2][1, 0], PIXELS)
    assert ghost.impact == pytest.approx(float(made[1][0, 1]), abs=0.01)


def test_a_strange_image_gets_no_probability() -> None:
    made = good(2)
    made[4][1] = 1.2
    distance, *rows = measured(joined(made), KINDS, PIXELS)
    assert distance.value == 1.2
    assert {(row.value, row.why_missing) for row in rows} == {(None, "out_of_distribution")}
    made[4][1] = 1.0
    assert all(row.value is not None for row in measured(joined(made), KINDS, PIXELS))


@pytest.mark.parametrize(("distance", "strange"), [(1.0003, False), (1.0006, True)])
def test_the_distance_that_is_told_is_the_one_that_counts(distance: float, strange: bool) -> None:
    made = good()
    made[4][:] = distance
    told, *rows = measured(joined(made), KINDS, PIXELS)
    assert (told.value > 1.0) is strange
    assert all((row.why_missing == "out_of_distribution") is strange for row in rows)


def test_without_an_answer_every_row_says_why() -> None:
    rows = not_measured(KINDS, "worker_late")
    assert [row.row for row in rows] == ["n02", "n03", "n04", "n10"]
    assert {row.why_missing for row in rows} == {"worker_late"}
    assert len(not_measured((), "starting")) == 1


def map_of(*cells: tuple[int, int, float]) -> np.ndarray:
    made = np.zeros((CELLS, CELLS), np.float32)
    for y, x, value in cells:
        made[y, x] = value
    return made


@pytest.mark.parametrize(
    ("cells", "box"),
    [
        ([(0, 0, 1.0)], (0, 0, 3, 2)),
        ([(15, 15, 1.0)], (45, 30, 48, 32)),
        ([(4, 5, 1.0), (4, 6, 0.6), (5, 6, 0.51)], (15, 8, 21, 12)),
        ([(4, 5, 1.0), (4, 6, 0.5)], (15, 8, 18, 10)),
        ([(4, 5, 1.0), (5, 6, 0.9)], (15, 8, 18, 10)),
        ([(4, 5, 0.01), (9, 9, 0.009)], (15, 8, 18, 10)),
        ([], None),
    ],
    ids=["corner", "far corner", "connected", "half is not above half", "only by sides", "faint", "nothing"],
)
def test_the_box_holds_what_hangs_together_with_the_peak(
    cells: list[tuple[int, int, float]], box: tuple[int, ...] | None
) -> None:
    assert box_of(map_of(*cells), PIXELS) == box


@given(st.integers(1, 600), st.integers(1, 600), st.integers(0, CELLS**2 - 1))
def test_a_box_lies_within_the_image_and_holds_a_pixel(ny: int, nx: int, peak: int) -> None:
    cells = np.zeros((CELLS, CELLS), np.float32)
    cells.flat[peak] = 1
    x0, y0, x1, y1 = box_of(cells, (ny, nx))
    assert 0 <= x0 < x1 <= nx
    assert 0 <= y0 < y1 <= ny
