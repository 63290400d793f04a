"""The gate lets through what answers like the reference, and names everything else."""

import dataclasses
import json
from collections.abc import Callable

import numpy as np
import pytest

from engine.errors import Unavailable
from engine.forms import FP16, INT8_U8, Form, fp32
from engine.package import Package, load_package, trusted_keys
from engine.plans.extremes import extremes, typical
from engine.plans.gate import GateReport, gate, latency_of
from engine.runners import reference
from engine.runners.batch import axis_sizes, check_values
from engine.seams import Backend, Runner
from models.shipped import DENOISER, KEYS, PACKAGES, QUALITY
from tests.engine.package_cases import gain
from tests.engine.runners.smoothing import write_package


class Ticking:
    """Every look at the clock costs a millisecond."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def monotonic(self) -> float:
        self.seconds += 1e-3
        return self.seconds

    def now(self) -> float:
        return self.seconds


class Bent:
    """A runner whose answers are those of another one, bent."""

    backend = Backend("bent", INT8_U8, "bender", "bender")

    def __init__(
        self, straight: Runner, bend: Callable[[np.ndarray, np.ndarray], np.ndarray], check: bool = True
    ) -> None:
        self._straight, self._bend, self._check = straight, bend, check

    def run(self, batch: np.ndarray) -> tuple[np.ndarray, ...]:
        safe = batch if self._check else np.nan_to_num(batch)
        return tuple(self._bend(batch, answer.copy()) for answer in self._straight.run(safe))


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Package:
    folder, keys = write_package(tmp_path_factory.mktemp("gate"))
    loaded = load_package(folder, trusted_keys(keys))
    truth = loaded.golden["denoised"] + np.float32(1)
    return dataclasses.replace(loaded, golden={**loaded.golden, "denoised.truth": truth})


@pytest.fixture
def straight(package: Package) -> Runner:
    return reference.load(package, fp32(package))


def judged(package: Package, straight: Runner, bend: Callable[..., np.ndarray], **more: object) -> GateReport:
    form = Form(INT8_U8, package.model)
    return gate(package, straight, Bent(straight, bend), form, Ticking(), **more)  # type: ignore[arg-type]


def same(batch: np.ndarray, answer: np.ndarray) -> np.ndarray:
    return answer


def test_the_same_answers_pass(package: Package, straight: Runner) -> None:
    report = judged(package, straight, same, precision=0.9, bar=1.5)
    assert report.passed, report.reasons
    assert (report.reasons, report.repeatable, report.low_share) == ((), True, 0.9)
    assert report.golden is not None
    assert (report.golden.value, report.golden.against) == (0, "the truth")
    assert report.latency is not None
    assert report.latency.p50 == report.latency.p999 == pytest.approx(1.0)
    assert (report.runner, report.form, report.requested, report.actual) == ("bent", INT8_U8, "bender", "bender")
    assert (report.package_sha256, report.form_sha256) == (package.sha256, fp32(package).sha256)


def test_a_report_is_plain_data(package: Package, straight: Runner) -> None:
    told = json.loads(json.dumps(dataclasses.asdict(judged(package, straight, same))))
    assert told["golden"]["unit"] == "dB in the object"
    assert told["extremes"][told["worst"]]["limit"]


def test_worse_answers_are_refused_with_the_figure(package: Package, straight: Runner) -> None:
    report = judged(package, straight, lambda batch, answer: answer - np.float32(0.03))
    assert not report.passed
    assert any("golden frames: denoised loses 0.257 dB in the object, 0.15 is allowed" in why for why in report.reasons)


def test_what_only_twice_the_intensity_breaks_is_named(package: Package, straight: Runner) -> None:
    top = float(package.golden["image"].max())
    report = judged(package, straight, lambda batch, answer: np.minimum(answer, np.float32(top)))
    assert not report.passed
    assert any(why.startswith("frame 1 at twice the intensity") for why in report.reasons)
    assert not any("half" in why or "golden" in why for why in report.reasons)
    assert report.extremes[report.worst].problem


def test_one_nan_at_an_odd_size_is_refused(package: Package, straight: Runner) -> None:
    def spoilt(batch: np.ndarray, answer: np.ndarray) -> np.ndarray:
        answer[..., 0, 0] = np.nan if batch.shape[-1] % 2 else answer[..., 0, 0]
        return answer

    report = judged(package, straight, spoilt)
    assert [why for why in report.reasons if "NaN" in why] == ["odd size: denoised holds NaN or infinite values"]


def test_an_answer_that_is_not_shown_need_only_be_finite(package: Package, straight: Runner) -> None:
    """The mean takes far more than noise from one bright pixel: the guard keeps the reference's answer back."""

    def off(batch: np.ndarray, answer: np.ndarray) -> np.ndarray:
        return answer + np.float32(2 if batch.max() > 9000 else 0)

    report = judged(package, straight, off)
    hidden = report.extremes["one pixel at the top of the range"]
    assert report.passed, report.reasons
    assert hidden.value > hidden.limit
    assert hidden.against == "nothing: the reference's answer is not shown"
    report = judged(package, straight, lambda batch, answer: np.where(batch.max() > 9000, np.float32(np.inf), answer))
    assert "NaN" in report.reasons[0]


def test_answers_that_do_not_repeat_are_refused(package: Package, straight: Runner) -> None:
    random = np.random.default_rng(0)
    report = judged(package, straight, lambda batch, answer: answer + np.float32(1e-5 * random.random()))
    assert not report.repeatable
    assert any("differ" in why for why in report.reasons)


def test_answers_that_depend_on_the_frame_before_are_refused(package: Package, straight: Runner) -> None:
    other, before = package.golden["image"][-1], [np.float32(0)]

    def mixed(batch: np.ndarray, answer: np.ndarray) -> np.ndarray:
        answer += np.float32(1e-5 if before[0] == other.flat[0] else 0)
        before[0] = batch.flat[0]
        return answer

    assert not judged(package, straight, mixed).repeatable


def test_a_runner_that_takes_nan_is_refused(package: Package, straight: Runner) -> None:
    report = gate(package, straight, Bent(straight, same, check=False), fp32(package), Ticking())
    assert report.reasons == ("it takes NaN, where every runner must refuse",)


def test_what_is_no_faster_than_what_serves_is_not_promoted(package: Package, straight: Runner) -> None:
    report = judged(package, straight, same, bar=0.5)
    assert report.reasons == ("p99 is 1 ms, and 0.5 ms is served already",)


def test_a_precision_that_is_only_claimed_is_refused(package: Package, straight: Runner) -> None:
    report = judged(package, straight, same, precision=0.1)
    assert report.reasons == ("10% of the convolutions run in int8-u8, 50% are asked",)


@pytest.mark.parametrize(("runner", "why"), [("tensorrt", "nothing tells that it runs in int8-u8"), ("openvino", "")])
def test_a_plan_must_tell_its_precision_where_there_are_convolutions(
    package: Package, straight: Runner, runner: str, why: str
) -> None:
    """Other runners tell of every network that has one."""
    candidate, form = Bent(straight, same), Form(INT8_U8, package.model)
    candidate.backend = dataclasses.replace(candidate.backend, runner=runner)
    assert gate(package, straight, candidate, form, Ticking()).reasons == ((why,) if why else ())
    assert gate(package, straight, candidate, fp32(package), Ticking()).passed
    without = dataclasses.replace(package, model=gain().SerializeToString())
    assert gate(without, straight, candidate, form, Ticking()).passed


def test_a_candidate_that_raises_is_a_reason_and_no_end(package: Package, straight: Runner) -> None:
    def broken(batch: np.ndarray, answer: np.ndarray) -> np.ndarray:
        raise RuntimeError("the device is gone")

    report = judged(package, straight, broken)
    assert report.reasons == ("it fails (RuntimeError: the device is gone)",)
    assert (report.golden, report.latency, report.passed) == (None, None, False)


def test_latency_quantiles_are_times_that_were_measured() -> None:
    assert latency_of([0.001] * 98 + [0.002, 0.005]) == latency_of([0.005, 0.002] + [0.001] * 98)
    found = latency_of([0.001] * 98 + [0.002, 0.005])
    assert (found.p50, found.p99, found.p999, found.runs) == (1.0, 2.0, 5.0, 100)


@pytest.mark.parametrize("name", [DENOISER, QUALITY])
def test_every_extreme_is_what_the_manifest_promises(name: str) -> None:
    package = load_package(PACKAGES / name, trusted_keys(KEYS))
    taken = package.manifest.inputs[0]
    found = extremes(package)
    for batch in (*found.values(), typical(package)):
        assert batch.dtype == np.float32
        axis_sizes(batch, taken)
        check_values(batch, taken)
    sizes = {name: batch.shape for name, batch in found.items()}
    assert sizes["least size"][2:] == tuple(axis.min for axis in taken.shape[2:])  # type: ignore[union-attr]
    assert all(size % 2 for size in sizes["odd size"][2:])
    assert sizes["typical size"] == typical(package).shape == (1, taken.shape[1], 256, 256)
    assert sizes["two at once"][0] == 2
    assert found["one pixel at the top of the range"].max() == taken.range[1]


def test_twice_an_intensity_near_the_top_stays_within_the_range(package: Package) -> None:
    taken = package.manifest.inputs[0]
    bright = dataclasses.replace(package, golden={**package.golden, "image": package.golden["image"] * np.float32(190)})
    for batch in extremes(bright).values():
        check_values(batch, taken)


def test_a_network_of_fixed_size_has_its_extremes_too(package: Package) -> None:
    taken = package.manifest.inputs[0]
    fixed = dataclasses.replace(taken, shape=package.golden["image"].shape[1:])
    manifest = dataclasses.replace(package.manifest, inputs=(fixed,))
    found = extremes(dataclasses.replace(package, manifest=manifest))
    assert {batch.shape for batch in found.values()} == {package.golden["image"].shape[1:]}


def test_the_reference_names_a_network_that_it_cannot_load(package: Package) -> None:
    with pytest.raises(Unavailable, match="does not load"):
        reference.load(package, Form(FP16, b"no network"))


def test_the_shipped_denoiser_is_held_against_its_truth_where_it_has_one() -> None:
    package = load_package(PACKAGES / DENOISER, trusted_keys(KEYS))
    straight = reference.load(package, fp32(package))
    report = gate(package, straight, straight, fp32(package), Ticking(), runs=1)
    wanted = "the truth" if "denoised.truth" in package.golden else "the reference: an estimate, there is no truth"
    assert report.golden is not None
    assert report.golden.against == wanted
