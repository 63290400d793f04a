"""Building in a child: real plans where the compiler is installed, and every way in which it may end badly."""

import os
import select
import signal
import subprocess
import sys
import threading
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from onnx import ModelProto, TensorProto, helper

from engine.errors import PlanRefused, Unavailable
from engine.forms import Form
from engine.package.manifest import Manifest, read_manifest
from engine.plans.build import Limits, ask_compiler, build, profiles_of
from engine.plans.messages import Progress
from tests.engine.package_cases import MANIFEST, gain, network, stored
from tests.engine.plans.plan_cases import Clock

ROOT = Path(__file__).resolve().parents[3]

needs_rtx = pytest.mark.skipif(find_spec("tensorrt_rtx_bindings") is None, reason="TensorRT-RTX is not installed")


def manifest() -> Manifest:
    return read_manifest(MANIFEST.encode(), "here")


def form(model: ModelProto, name: str = "fp32") -> Form:
    return Form(name, model.SerializeToString())


def faulty(how: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "tests.engine.plans.faulty_builder", how)


def convolution(opset: int = 17) -> ModelProto:
    weights = stored("weights", np.full((1, 1, 3, 3), 0.1))
    return network([helper.make_node("Conv", ["image", "weights"], ["denoised"], name="conv", pads=[1] * 4)], [weights])


def half_convolution() -> ModelProto:
    return network(
        [
            helper.make_node("Cast", ["image"], ["small"], to=TensorProto.FLOAT16),
            helper.make_node("Conv", ["small", "weights"], ["made"], name="conv", pads=[1] * 4),
            helper.make_node("Cast", ["made"], ["denoised"], to=TensorProto.FLOAT),
        ],
        [stored("weights", np.full((1, 1, 3, 3), 0.1), np.float16)],
    )


def int8_convolution() -> ModelProto:
    constants = [
        stored("step", 0.5),
        stored("zero", 0, np.int8),
        stored("weights8", np.full((1, 1, 3, 3), 12), np.int8),
        stored("weight_step", [0.01]),
        stored("weight_zero", [0], np.int8),
    ]
    return network(
        [
            helper.make_node("QuantizeLinear", ["image", "step", "zero"], ["q"]),
            helper.make_node("DequantizeLinear", ["q", "step", "zero"], ["dq"]),
            helper.make_node("DequantizeLinear", ["weights8", "weight_step", "weight_zero"], ["weights"], axis=0),
            helper.make_node("Conv", ["dq", "weights"], ["denoised"], name="conv", pads=[1] * 4),
        ],
        constants,
    )


def test_profiles_are_the_manifest_s_bounds() -> None:
    assert profiles_of(manifest()) == {"image": ((1, 1, 8, 8), (4, 1, 64, 64), (4, 1, 64, 64))}


@needs_rtx
def test_a_real_plan_is_built_without_a_gpu() -> None:
    heard: list[Progress] = []
    made = build(form(gain()), manifest(), "rtx", ["86"], Clock(0.01), told=heard.append)
    assert made.plan.startswith(b"vtrt")
    assert made.facts.backend.startswith("tensorrt_rtx ")
    assert (made.facts.convolutions, made.facts.int8_conv_share) == (0, 0.0)
    assert made.facts.layers > 0
    assert 20 < made.facts.peak_mib < 2000
    assert made.facts.build_s > 0
    shares = [progress.done for progress in heard if progress.phase == "build"]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert len(shares) > 3


@needs_rtx
@pytest.mark.parametrize(
    ("model", "int8", "half"),
    [(convolution(), 0.0, 0.0), (half_convolution(), 0.0, 1.0), (int8_convolution(), 1.0, 0.0)],
    ids=["float", "half", "int8"],
)
def test_precision_is_read_off_the_parsed_network(model: ModelProto, int8: float, half: float) -> None:
    facts = build(form(model), manifest(), "rtx", ["86"], Clock()).facts
    assert (facts.convolutions, facts.int8_conv_share, facts.half_conv_share) == (1, int8, half)


@needs_rtx
def test_one_plan_for_several_compute_capabilities() -> None:
    one = build(form(half_convolution()), manifest(), "rtx", ["86"], Clock())
    two = build(form(half_convolution()), manifest(), "rtx", ["75", "86"], Clock())
    assert len(two.plan) > 1.2 * len(one.plan)  # 7.5 shares no kernels with 8.6


@needs_rtx
def test_what_the_parser_refuses_names_the_node() -> None:
    node = helper.make_node("Add", ["image", "half"], ["denoised"], name="sum of two kinds")
    with pytest.raises(PlanRefused, match="Add node 'sum of two kinds'") as caught:
        build(form(network([node], [stored("half", 1, np.float16)])), manifest(), "rtx", ["86"], Clock())
    assert caught.value.reason == "parser"
    unknown = network([helper.make_node("Sharpen", ["image"], ["denoised"], domain="ours")], domains=["ours"])
    with pytest.raises(PlanRefused, match="Sharpen node that makes 'denoised': no such operator is known"):
        build(form(unknown), manifest(), "rtx", ["86"], Clock())
    with pytest.raises(PlanRefused, match="parse"):
        build(Form("fp32", b"no network"), manifest(), "rtx", ["86"], Clock())


@needs_rtx
def test_a_node_that_crashes_the_real_builder_costs_one_sentence() -> None:
    node = helper.make_node("Attention", ["image", "image", "image"], ["denoised"], name="attention")
    size = [1, 1, 32, 32]
    model = network([node], inputs=[("image", 1, size)], outputs=[("denoised", 1, size)], opset=23)
    fixed = MANIFEST.replace('["batch", 1, "y", "x"]', "[1, 1, 32, 32]").partition("[axes.batch]")[0]
    with pytest.raises(PlanRefused, match=r"crashed \(signal 11, SIGSEGV\) in its phase 'build'") as caught:
        build(form(model), read_manifest(fixed.encode(), "here"), "rtx", ["86"], Clock())
    assert caught.value.reason == "crash"


@needs_rtx
def test_devices_that_this_compiler_does_not_know_are_named() -> None:
    assert "86" in ask_compiler("rtx", Clock()).sms
    for sm, name in (("87", "Orin"), ("90", "Hopper")):
        with pytest.raises(
            PlanRefused, match=rf"not for SM {sm} \(.*{name}\); compile on that device with --target tens"
        ):
            build(form(gain()), manifest(), "rtx", [sm], Clock())


@needs_rtx
@pytest.mark.skipif(Path("/dev/nvidiactl").exists(), reason="there is a GPU to build for")
def test_without_a_gpu_one_must_be_named() -> None:
    with pytest.raises(Unavailable, match="no GPU here to build for"):
        build(form(gain()), manifest(), "rtx", [], Clock())


@pytest.mark.skipif(find_spec("tensorrt") is not None, reason="TensorRT is installed")
def test_a_missing_compiler_says_how_to_have_it() -> None:
    with pytest.raises(Unavailable, match=r"tensorrt is not installed .*docs/jetson\.md"):
        build(form(gain()), manifest(), "tensorrt", [], Clock())
    with pytest.raises(Unavailable, match="known targets are tensorrt, rtx"):
        ask_compiler("coreml", Clock())


@needs_rtx
def test_the_same_code_builds_with_the_names_of_tensorrt_10() -> None:
    """On the real compiler behind them; its timing cache goes out, and into the next build."""
    old = faulty("tensorrt 10")
    made = build(form(int8_convolution()), manifest(), "tensorrt", [], Clock(), command=old)
    assert (made.facts.backend, made.facts.int8_conv_share) == ("tensorrt 10.3.0.26", 1.0)
    assert made.plan.startswith(b"vtrt")
    assert len(made.timing_cache) > 20
    again = build(
        form(int8_convolution()), manifest(), "tensorrt", [], Clock(), timing_cache=made.timing_cache, command=old
    )
    assert again.plan.startswith(b"vtrt")
    assert build(form(gain()), manifest(), "tensorrt", [], Clock(), timing_cache=b"no cache", command=old).plan
    with pytest.raises(PlanRefused, match=r"10\.3\.0\.26 builds only for the device it runs on, not for SM 86"):
        build(form(gain()), manifest(), "tensorrt", ["86"], Clock(), command=old)


@needs_rtx
def test_tensorrt_without_a_driver_says_so() -> None:
    with pytest.raises(Unavailable, match="tensorrt finds no GPU here and builds for no other"):
        build(form(gain()), manifest(), "tensorrt", [], Clock(), command=faulty("no driver"))


@pytest.mark.parametrize(
    ("how", "reason", "said"),
    [
        ("crash", "crash", r"crashed \(signal 11, SIGSEGV\) in its phase 'build'; it last said: tactic 7 is slow"),
        ("killed", "memory", "was killed, most often for lack of memory, in its phase 'build'"),
        ("no memory", "memory", "ran out of memory.*bad_alloc"),
        ("raise", "crash", "RuntimeError: the compiler is confused"),
        ("silent", "crash", "ended without a plan"),
        ("babble", "crash", r"says what is no message \(.*\), in its phase 'build'; run it again"),
        ("babble in bytes", "crash", "says what is no message"),
    ],
)
def test_every_death_of_the_child_is_one_sentence(how: str, reason: str, said: str) -> None:
    with pytest.raises(PlanRefused, match=said) as caught:
        build(form(gain()), manifest(), "rtx", ["86"], Clock(), command=faulty(how))
    assert caught.value.reason == reason
    assert str(caught.value).startswith("gain fp32 for rtx: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("how", ["hang", "mute"])
def test_a_build_that_takes_too_long_is_stopped(how: str) -> None:
    """Also one that has closed its end of the pipe."""
    heard: list[Progress] = []
    with pytest.raises(PlanRefused, match="not done after 100 s, in its phase") as caught:
        build(
            form(gain()),
            manifest(),
            "rtx",
            ["86"],
            Clock(step=10),
            limits=Limits(seconds=100),
            told=heard.append,
            command=faulty(how),
        )
    assert caught.value.reason == "time"


def test_a_build_that_takes_too_much_memory_is_stopped() -> None:
    with pytest.raises(PlanRefused, match=r"it took \d+ MiB of memory, 150 are allowed") as caught:
        build(
            form(gain()),
            manifest(),
            "rtx",
            ["86"],
            Clock(),
            limits=Limits(memory_mib=150),
            command=faulty("greedy"),
        )
    assert caught.value.reason == "memory"


def test_a_build_makes_way_for_everybody_else() -> None:
    seen: list[tuple[int, str]] = []

    def told(_progress: Progress) -> None:
        (child,) = Path(f"/proc/self/task/{threading.get_native_id()}/children").read_text("ascii").split()
        first_to_go = Path(f"/proc/{child}/oom_score_adj").read_text("ascii").strip()
        seen.append((os.getpriority(os.PRIO_PROCESS, int(child)), first_to_go))

    with pytest.raises(PlanRefused, match="not done after"):
        build(
            form(gain()),
            manifest(),
            "rtx",
            ["86"],
            Clock(step=10),
            limits=Limits(seconds=100),
            told=told,
            command=faulty("hang"),
        )
    assert seen == [(19, "1000")]


def test_nothing_of_a_build_outlives_who_asked_for_it(tmp_path: Path) -> None:
    code = """
import os, sys
from tests.engine.plans.test_plan_build import *
def told(progress):
    children = open(f"/proc/self/task/{os.getpid()}/children").read()
    os.write(1, children.encode())
    os.close(1)
build(form(gain()), manifest(), "rtx", ["86"], Clock(), told=told, command=faulty("hang"))
"""
    parent = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.read().split()[0])
    watched = os.pidfd_open(child)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    ended = select.select([watched], [], [], 20)[0]
    os.close(watched)
    assert ended, "the child outlives its parent"
