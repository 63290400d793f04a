"""Networks along three axes and with attention go the whole way: every form is made, linted, compiled and run."""

from dataclasses import dataclass

import numpy as np
import pytest

from calibration.frames import Frame
from calibration.int8 import calibrate
from engine.errors import PackageRefused
from engine.forms import FP16, FP32, INT8_S8, INT8_U8, MIXED, Form, fp32
from engine.forms.make import make_form
from engine.forms.ranges import Ranges
from engine.lint import check_lint, lint
from engine.package import Package
from engine.plans.build import build
from engine.plans.parity import loss
from engine.runners import ort_cpu, reference
from engine.seams import Runner
from firmware.clock import SystemClock
from models.pack import pack
from models.signing import new_key
from models.variants import VARIANTS
from models.variants.__main__ import write_sources
from models.variants.frames import snr_frames
from tests.engine.lint.rtx import needs_rtx

pytestmark = pytest.mark.slow

COMPILED = (FP32, FP16, INT8_S8, MIXED)
"""Forms for TensorRT; int8-u8 is for CPUs."""
CONVOLUTIONS = {"quality-3d": 7, "quality-hybrid": 5}
FRAMES = 5
"""To calibrate on, and as many to judge by."""


@dataclass(frozen=True)
class Variant:
    """A packed variant with a table of ranges made here."""

    package: Package
    ranges: Ranges
    held_out: list[Frame]

    def form(self, name: str) -> Form:
        return make_form(self.package, name, self.ranges if name in (INT8_S8, INT8_U8, MIXED) else None)


@pytest.fixture(scope="module", params=list(VARIANTS))
def variant(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Variant:
    folder = tmp_path_factory.mktemp("variants")
    source = next(source for source in write_sources(folder) if source.name == request.param)
    package = pack(source, folder / "packed" / request.param, new_key())
    frames = [Frame(batch) for batch in snr_frames(2 * FRAMES, package.golden["image"].shape[3:])]
    table = calibrate(package, frames[::2], frames[1::2], lambda _what, _share: None).ranges
    return Variant(package, table, frames[1::2])


def answers(runner: Runner, package: Package, frames: list[Frame]) -> dict[str, np.ndarray]:
    """Output -> `[frame, *shape]`."""
    rows = [[answer.copy() for answer in runner.run(frame.batch)] for frame in frames]
    return {output.name: np.stack([row[k] for row in rows]) for k, output in enumerate(package.manifest.outputs)}


@pytest.mark.parametrize("name", COMPILED)
def test_the_lint_finds_nothing_in_a_form_for_tensorrt(variant: Variant, name: str) -> None:
    for target in ("tensorrt", "rtx", "cpu"):
        assert lint(variant.form(name).data, target, name) == ()


def test_the_form_for_cpus_is_refused_for_tensorrt_alone(variant: Variant) -> None:
    data = variant.form(INT8_U8).data
    assert lint(data, "cpu", INT8_U8) == ()
    with pytest.raises(PackageRefused, match="UINT8"):
        check_lint(data, "tensorrt", INT8_U8)


@pytest.mark.parametrize("name", [FP32, FP16, INT8_S8, INT8_U8, MIXED])
def test_a_form_answers_nearly_as_fp32(variant: Variant, name: str) -> None:
    wanted = answers(reference.load(variant.package, fp32(variant.package)), variant.package, variant.held_out)
    given = answers(ort_cpu.load(variant.package, variant.form(name)), variant.package, variant.held_out)
    assert loss(variant.package.manifest, name, wanted, given).problem == ""
    if name != FP32:
        assert any((given[output] != wanted[output]).any() for output in wanted)


@needs_rtx
@pytest.mark.parametrize("name", COMPILED)
def test_the_real_parser_and_builder_take_it(variant: Variant, name: str) -> None:
    built = build(variant.form(name), variant.package.manifest, "rtx", ["86"], SystemClock())
    assert built.plan[:4] == b"vtrt"
    facts, total = built.facts, CONVOLUTIONS[variant.package.manifest.name]
    in_int8 = total - len(variant.ranges.kinds["s8"].kept) if name in (INT8_S8, MIXED) else 0
    in_half = total - in_int8 if name in (FP16, MIXED) else 0
    assert facts.convolutions == total
    assert (facts.int8_conv_share, facts.half_conv_share) == pytest.approx((in_int8 / total, in_half / total), abs=1e-4)
    assert in_int8 >= total / 2 or name in (FP32, FP16)
