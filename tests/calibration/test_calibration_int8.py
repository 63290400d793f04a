"""A whole calibration of a small network, and what its parts find."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from calibration.bounds import METHODS, read_bounds
from calibration.frames import Frame
from calibration.int8 import Calibration, calibrate, widest
from calibration.judge import HeldOut, Judge, strain
from calibration.work import work_shares
from engine.errors import InputRefused
from engine.forms.fold import folded
from engine.forms.int8 import int8_form
from engine.forms.ranges import check_belongs, parse_ranges, ranges_bytes
from engine.package import Package, load_package
from engine.plans.parity import Loss
from tests.engine.forms.networks import answer, frames, residual, seen
from tests.engine.package_cases import KEYS, files, npz, seal

MODEL = residual()


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Package:
    image = np.stack(frames(2))
    golden = npz(image=image, denoised=np.stack([answer(MODEL, frame) for frame in image]))
    content: dict[str, Any] = files(model_onnx=MODEL.SerializeToString(), golden_npz=golden)
    return load_package(seal(tmp_path_factory.mktemp("p") / "small", content), KEYS)


def some(count: int, seed: int) -> list[Frame]:
    return [Frame(frame) for frame in frames(count, seed=seed)]


@pytest.fixture(scope="module")
def found(package: Package) -> Calibration:
    return calibrate(package, some(6, 1), some(6, 2), lambda what, done: None)


def test_the_table_is_for_the_network_and_names_its_frames(package: Package, found: Calibration) -> None:
    check_belongs(found.ranges, package.model, "x")
    assert parse_ranges(ranges_bytes(found.ranges), "x") == found.ranges
    assert found.ranges.frames == [frame.sha256 for frame in some(6, 1)]
    assert found.ranges.held_out == [frame.sha256 for frame in some(6, 2)]


def test_the_forms_follow_from_the_table(package: Package, found: Calibration) -> None:
    for kind in ("s8", "u8"):
        assert found.forms[f"int8-{kind}"] == int8_form(package.model, found.ranges, kind)


def test_every_way_is_tried_and_every_layer(found: Calibration) -> None:
    for report in found.reports.values():
        assert tuple(report.methods) == METHODS
        assert report.method in METHODS
        assert [one.name for one in report.sensitivity] == ["a", "b", "c"]
        assert sum(one.work for one in report.sensitivity) == pytest.approx(1)
        assert len(report.kept) <= 1


@pytest.mark.parametrize(
    ("wide", "narrow", "chosen"),
    [
        ((0.1, 0.3), (0.08, 0.2), "minmax"),
        ((0.11, 0.1), (0.1, 0.2), "entropy"),  # 0.15 is allowed, 0.105 asked
        ((0.2, 0.3), (0.3, 0.2), "entropy"),  # neither is good enough
        ((np.inf, np.inf), (np.inf, np.inf), "percentile-99.999"),
    ],
)
def test_of_the_ways_that_are_good_enough_the_one_that_cuts_off_least_is_taken(
    wide: tuple[float, float], narrow: tuple[float, float], chosen: str
) -> None:
    losses = dict.fromkeys(METHODS, (9.0, 9.0)) | {"minmax": wide, "entropy": narrow}
    made = {method: HeldOut(Loss(value, "dB", 0.15, "out"), mean) for method, (value, mean) in losses.items()}
    assert widest(made) == chosen


def test_it_says_what_it_does_until_all_is_done_and_prints_nothing(
    package: Package, capsys: pytest.CaptureFixture[str]
) -> None:
    told: list[tuple[str, float]] = []
    calibrate(package, some(4, 1), some(4, 2), lambda what, done: told.append((what, done)))
    shares = [done for _, done in told]
    assert shares == sorted(shares)
    assert shares[0] == 0
    assert shares[-1] <= 1
    assert {"int8-s8: entropy", "int8-u8: sensitivity"} <= {what for what, _ in told}
    assert capsys.readouterr() == ("", "")


def test_the_same_frames_make_the_same_table(package: Package, found: Calibration) -> None:
    again = calibrate(package, some(6, 1), some(6, 2), lambda what, done: None)
    assert ranges_bytes(again.ranges) == ranges_bytes(found.ranges)


def test_bounds_hold_what_was_seen() -> None:
    network, given = folded(MODEL.SerializeToString()), some(5, 3)
    bounds = read_bounds(network, "image", given)
    low, high = bounds["minmax"]["image"]
    assert low == 0  # always within the range, so that nothing is the same nothing
    assert high == pytest.approx(max(float(frame.batch.max()) for frame in given), rel=1e-5)
    values = np.concatenate([frame.batch.ravel() for frame in given])
    low, high = bounds["percentile-99.9"]["image"]
    assert high == pytest.approx(float(np.percentile(values, 99.95)), rel=0.02)
    for method in METHODS:
        for name, (low, high) in bounds[method].items():
            least, most = bounds["minmax"][name]
            assert least <= low <= high <= most, (method, name)


def test_a_first_frame_of_nearly_nothing_does_not_make_endless_bins() -> None:
    network = folded(MODEL.SerializeToString())
    given = [Frame(np.full((1, 1, 16, 16), 1e-25, np.float32)), *some(2, 3)]
    wanted = seen(MODEL, [frame.batch for frame in given])
    found = read_bounds(network, "image", given)["minmax"]
    assert found["sum"] == pytest.approx(wanted["sum"], rel=1e-5)


def test_work_is_counted_in_multiplications() -> None:
    shares = work_shares(folded(MODEL.SerializeToString()), "image", some(1, 0)[0])
    assert shares == {"a": pytest.approx(1 / 6), "b": pytest.approx(4 / 6), "c": pytest.approx(1 / 6)}


def test_without_a_layer_in_int8_nothing_is_lost(package: Package) -> None:
    bounds, judge = seen(MODEL, frames()), Judge(package, folded(package.model), some(4, 2))
    assert judge.loss(bounds, "s8", ("a", "b", "c")).loss.value == pytest.approx(0, abs=1e-6)
    assert judge.loss(bounds, "s8", ()).mean > 0


def test_a_network_without_convolutions_is_refused(tmp_path: Path) -> None:
    gain = load_package(seal(tmp_path / "gain", files()), KEYS)
    with pytest.raises(InputRefused, match="gain: no convolution in it"):
        calibrate(gain, some(4, 1), some(4, 2), lambda what, done: None)


def test_too_few_frames_and_the_same_in_both_sets_are_refused(package: Package) -> None:
    with pytest.raises(InputRefused, match="the frames to calibrate on: 3 frames"):
        calibrate(package, some(3, 1), some(4, 2), lambda what, done: None)
    with pytest.raises(InputRefused, match="the held-out frames: 2 frames"):
        calibrate(package, some(4, 1), some(2, 2), lambda what, done: None)
    with pytest.raises(InputRefused, match="is there 2 times"):
        calibrate(package, some(4, 1), some(4, 1), lambda what, done: None)


def sized(count: int, side: int, seed: int) -> list[Frame]:
    return [Frame(frame) for frame in frames(count, side, seed)]


def judged(package: Package, given: list[Frame]) -> Any:
    return Judge(package, folded(package.model), given).loss(seen(MODEL, frames()), "s8", ())


def test_in_db_the_noise_at_which_most_is_lost_counts(package: Package) -> None:
    """Of frames that have theirs in common the mean, however many frames of another noise there are."""
    quiet, loud = sized(9, 16, 2), [replace(frame, like="loud") for frame in sized(3, 16, 3)]
    loud = [replace(frame, batch=3 * frame.batch) for frame in loud]
    each = [judged(package, [frame]).loss.value for frame in loud]
    found = judged(package, [*quiet, *loud])
    assert found.levels == {"": judged(package, quiet).loss.value, "loud": pytest.approx(np.mean(each))}
    assert found.loss.value == max(found.levels.values()) == found.levels["loud"]
    assert "at loud" in found.loss.problem


def test_frames_of_two_sizes_count_by_their_number_in_the_mean_of_db(package: Package) -> None:
    small, large = sized(5, 16, 2), sized(15, 40, 3)
    one, other, both = (judged(package, given) for given in (small, large, [*small, *large]))
    assert both.loss.unit == "dB"
    assert both.loss.value == pytest.approx((5 * one.loss.value + 15 * other.loss.value) / 20)
    assert both.mean == pytest.approx((5 * one.mean + 15 * other.mean) / 20)


def test_of_anything_but_db_the_worst_group_counts(package: Package) -> None:
    plain = replace(package, manifest=replace(package.manifest, task="example"))
    small, large = sized(5, 16, 2), sized(15, 40, 3)
    one, other, both = (judged(plain, given) for given in (small, large, [*small, *large]))
    assert one.loss.value != other.loss.value
    assert both.loss.value == max(one.loss.value, other.loss.value)
    assert both.mean == pytest.approx((5 * one.mean + 15 * other.mean) / 20)


def test_one_lost_verdict_is_not_allowed_however_small_the_error() -> None:
    assert strain(Loss(0.01, "of a probability", 0.02, "probability")) == 0.5
    assert strain(Loss(0.01, "of a probability", 0.02, "probability", agreement=0.9, problem="others")) > 1
    assert strain(Loss(float("inf"), "", 0.0, "probability", problem="NaN")) == float("inf")
    assert strain(Loss(0.05, "of a probability", 0.02, "probability", problem="loses")) == pytest.approx(2.5)


def test_a_reserve_is_kept() -> None:
    assert HeldOut(Loss(0.04, "dB in the object", 0.05, "denoised"), 0.0).strain == pytest.approx(0.8 / 0.7)
