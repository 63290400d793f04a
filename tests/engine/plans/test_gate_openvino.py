"""Why OpenVINO is held against the reference: of a signed int8 file it makes another network, without a word."""

import dataclasses
import hashlib

import numpy as np
import onnxruntime as ort
import pytest
from onnx import ValueInfoProto

from engine.forms import BF16, INT8_S8, INT8_U8, Form, fp32
from engine.forms.fold import folded
from engine.forms.int8 import int8_form
from engine.forms.ranges import S8, U8, KindRanges, Ranges
from engine.package import Package, load_package, trusted_keys
from engine.plans.gate import GateReport, gate
from engine.runners import reference
from firmware.clock import SystemClock
from models.data.noise import expected_magnitude, noisy_magnitude
from models.data.targets import shapes
from models.shipped import DENOISER, KEYS, PACKAGES

openvino = pytest.importorskip("engine.runners.openvino", reason="openvino is not installed", exc_type=ImportError)


@pytest.fixture(scope="module")
def package() -> Package:
    """The shipped denoiser with golden frames of our own: drawn shapes in noise of 5 and 10 %, with their truth."""
    shipped = load_package(PACKAGES / DENOISER, trusted_keys(KEYS))
    rng = np.random.default_rng(3)
    signals = [shapes(rng, 64) / np.float32(level) for level in (0.05, 0.1)]
    image = np.stack([noisy_magnitude(signal, 8, rng) for signal in signals])[:, None, None]
    truth = np.stack([expected_magnitude(signal, 8) for signal in signals])[:, None, None]
    straight = reference.load(shipped, fp32(shipped))
    answers = np.stack([straight.run(frame)[0].copy() for frame in image])
    return dataclasses.replace(shipped, golden={"image": image, "denoised": answers, "denoised.truth": truth})


@pytest.fixture(scope="module")
def ranges(package: Package) -> Ranges:
    """The least and greatest value of every tensor, and nothing left in float."""
    network = folded(package.model)
    made = [name for node in network.graph.node for name in node.output]
    network.graph.output.extend(ValueInfoProto(name=name) for name in made if name != "denoised")
    session = ort.InferenceSession(network.SerializeToString(), providers=["CPUExecutionProvider"])
    seen: dict[str, tuple[float, float]] = {}
    for frame in package.golden["image"]:
        for name, values in zip(
            (o.name for o in session.get_outputs()), session.run(None, {"image": frame}), strict=True
        ):
            low, high = seen.get(name, (0.0, 0.0))
            seen[name] = (min(low, float(values.min())), max(high, float(values.max())))
    kind = KindRanges("minmax", seen, [], 0.0, "dB in the object")
    digest = hashlib.sha256(package.golden["image"].tobytes()).hexdigest()
    return Ranges(hashlib.sha256(package.model).hexdigest(), 1, {S8: kind, U8: kind}, [digest], [digest])


def judged(package: Package, runner: object, form: Form) -> GateReport:
    straight = reference.load(package, fp32(package))
    return gate(package, straight, runner, form, SystemClock(), runs=1)  # type: ignore[arg-type]


def golden_loss(report: GateReport) -> float:
    assert report.golden is not None
    assert report.golden.unit == "dB in the object"
    return report.golden.value


def test_the_signed_file_is_refused_on_openvino_though_the_file_is_sound(package: Package, ranges: Ranges) -> None:
    data = int8_form(package.model, ranges, S8)
    sound = judged(package, reference.load(package, Form(INT8_S8, data)), Form(INT8_S8, data))
    trapped = judged(package, openvino.load(package, Form(INT8_U8, data)), Form(INT8_U8, data))
    assert golden_loss(sound) < 0.3
    assert golden_loss(trapped) > 1
    assert not trapped.passed
    assert trapped.reasons[0].startswith("golden frames: denoised loses")


def test_the_unsigned_file_means_the_same_to_both(package: Package, ranges: Ranges) -> None:
    form = Form(INT8_U8, int8_form(package.model, ranges, U8))
    here, there = (judged(package, module.load(package, form), form) for module in (reference, openvino))
    assert golden_loss(there) == pytest.approx(golden_loss(here), abs=0.02)


@pytest.mark.skipif("BF16" not in openvino.ov.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"), reason="no bf16")
def test_bf16_costs_next_to_nothing(package: Package) -> None:
    form = Form(BF16, package.model)
    report = judged(package, openvino.load(package, form), form)
    assert report.passed, report.reasons
    assert 0 < abs(golden_loss(report)) < 0.03
