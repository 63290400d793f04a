"""The CUDA layer on a real device: memory, events, errors, and graphs of real work."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec

import numpy as np
import pytest

from engine.cuda.graphs import Graphs
from engine.cuda.layer import Layer, open_layer
from engine.cuda.probe import cuda_here
from engine.cuda.slots import Slot, make_slot
from engine.errors import Unavailable

pytestmark = pytest.mark.gpu

HALVE = b"""
.version 6.0
.target sm_50
.address_size 64
.visible .entry halve(.param .u64 taken, .param .u64 made)
{
    .reg .b64 %rd<5>; .reg .b32 %r<5>; .reg .f32 %f<3>;
    ld.param.u64 %rd1, [taken]; ld.param.u64 %rd2, [made];
    mov.u32 %r1, %ctaid.x; mov.u32 %r2, %ntid.x; mov.u32 %r3, %tid.x;
    mad.lo.s32 %r4, %r1, %r2, %r3;
    mul.wide.s32 %rd3, %r4, 4;
    add.s64 %rd4, %rd1, %rd3; ld.global.f32 %f1, [%rd4];
    mul.f32 %f2, %f1, 0f3F000000;
    add.s64 %rd4, %rd2, %rd3; st.global.f32 [%rd4], %f2;
    ret;
}
"""
"""A kernel: half of every value. The driver translates it for whatever device there is."""

SHAPE = (2, 1, 64, 96)


@pytest.fixture(scope="module")
def layer() -> Layer:
    if why := cuda_here().why:
        pytest.skip(why)
    if find_spec("pycuda") is None:
        pytest.skip("pycuda is not installed")
    return open_layer()


@pytest.fixture(params=["own memory", "mapped"])
def slot(request: pytest.FixtureRequest, layer: Layer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Slot]:
    monkeypatch.setattr(layer, "integrated", request.param == "mapped")
    with layer:
        yield make_slot(layer, ("image", SHAPE), {"halved": SHAPE})


def image(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0, 100, SHAPE).astype(np.float32)


def copying(layer: Layer, slot: Slot) -> Callable[[], bool]:
    """Work that needs no kernel: the output is the input."""
    driver = pytest.importorskip("cuda.bindings.driver")
    stream, size = driver.CUstream(layer.stream), slot.taken.host.nbytes
    addresses = [driver.CUdeviceptr(place.address) for place in (slot.made[0], slot.taken)]
    return lambda: int(driver.cuMemcpyDtoDAsync(*addresses, size, stream)[0]) == 0


def halving(layer: Layer, slot: Slot) -> Callable[[], bool]:
    import ctypes

    driver = pytest.importorskip("cuda.bindings.driver")
    code, module = driver.cuModuleLoadData(HALVE)
    assert int(code) == 0, code
    code, kernel = driver.cuModuleGetFunction(module, b"halve")
    values = ((slot.taken.address, slot.made[0].address), (ctypes.c_uint64, ctypes.c_uint64))
    stream, blocks = driver.CUstream(layer.stream), slot.taken.host.size // 64
    return lambda: int(driver.cuLaunchKernel(kernel, blocks, 1, 1, 64, 1, 1, 0, stream, values, 0)[0]) == 0


def call(layer: Layer, slot: Slot, graphs: Graphs, work: Callable[[], bool], seed: int) -> np.ndarray:
    np.copyto(slot.taken.host, image(seed))
    slot.upload(layer)
    assert graphs.play(slot) or work()
    slot.download(layer)
    layer.synchronize()
    graphs.learn(slot, work)
    return slot.answers[0].copy()


def test_the_probe_and_the_layer_see_the_same_device(layer: Layer) -> None:
    device = cuda_here().devices[0]
    assert (device.name, device.integrated) == (layer.name, layer.integrated)
    assert device.capability >= (5, 0)
    assert device.memory_bytes > 1 << 28


def test_what_goes_to_the_device_comes_back(layer: Layer) -> None:
    with layer:
        memory, out, back = layer.alloc(4 * 1000), *(layer.pinned((10, 100), mapped=False) for _ in range(2))
        out[:] = np.arange(1000).reshape(10, 100)
        layer.copy_in(int(memory), out)
        layer.copy_out(back, int(memory))
        layer.synchronize()
    np.testing.assert_array_equal(back, out)


def test_events_measure_time_and_can_be_used_again(layer: Layer, slot: Slot) -> None:
    start, end, work = layer.event(), layer.event(), copying(layer, slot)
    for _ in range(3):
        layer.record(start)
        assert work()
        layer.record(end)
        layer.synchronize()
        assert 0 <= layer.elapsed_ms(start, end) < 1000


def test_a_graph_of_a_copy_is_replayed_with_new_values(layer: Layer, slot: Slot) -> None:
    graphs, work = Graphs(layer), copying(layer, slot)
    for seed in range(10):
        np.testing.assert_array_equal(call(layer, slot, graphs, work, seed), image(seed))
    assert (graphs.off, graphs.replayed) == ("", 7)
    graphs.forget()


def test_a_graph_of_a_kernel_is_replayed_with_new_values(layer: Layer, slot: Slot) -> None:
    graphs, work = Graphs(layer), halving(layer, slot)
    for seed in range(10):
        np.testing.assert_array_equal(call(layer, slot, graphs, work, seed), image(seed) / 2)
    assert (graphs.off, graphs.replayed) == ("", 7)
    graphs.forget()


def test_an_empty_graph_is_found_out(layer: Layer, slot: Slot) -> None:
    graphs, work, calls = Graphs(layer), copying(layer, slot), []

    def forgetful() -> bool:
        calls.append(1)
        return work() if len(calls) != 4 else True  # nothing is queued while capturing

    for seed in range(6):
        np.testing.assert_array_equal(call(layer, slot, graphs, forgetful, seed), image(seed))
    assert "something else" in graphs.off
    assert graphs.replayed == 0


def test_too_little_memory_is_no_loss(layer: Layer) -> None:
    with layer:
        with pytest.raises(Unavailable, match="no room"):
            layer.alloc(1 << 50)
        layer.check("testing")


def test_a_fault_on_the_device_is_told_as_final() -> None:
    if why := cuda_here().why:
        pytest.skip(why)
    code = """
from cuda.bindings import driver
from engine.cuda.layer import open_layer
from engine.errors import DeviceLost
from tests.gpu.test_gpu_layer import HALVE
import ctypes
layer = open_layer()
try:
    with layer:
        _, module = driver.cuModuleLoadData(HALVE)
        _, kernel = driver.cuModuleGetFunction(module, b"halve")
        values = ((8, 8), (ctypes.c_uint64, ctypes.c_uint64))
        driver.cuLaunchKernel(kernel, 1, 1, 1, 64, 1, 1, 0, driver.CUstream(layer.stream), values, 0)
        layer.synchronize()
except DeviceLost as error:
    print("lost:", error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.startswith("lost:"), done.stderr[-400:]
