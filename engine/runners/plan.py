"""Runs a plan of TensorRT or TensorRT-RTX on the first CUDA device: one thread, fixed addresses, nothing per frame."""

import weakref
from collections import OrderedDict, deque
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from threading import get_ident
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.cuda.graphs import Graphs
from engine.cuda.inspector import conv_shares, layer_report
from engine.cuda.layer import Layer, open_layer
from engine.cuda.logger import last_words, make_logger
from engine.cuda.probe import cuda_here
from engine.cuda.slots import Slot, make_slot
from engine.errors import DeviceLost, InputRefused, Unavailable
from engine.forms import Form
from engine.package import Package
from engine.package.sizes import shape_at
from engine.plans.target import target_row
from engine.runners.batch import axis_sizes, check_values, float_tensors
from engine.seams import Backend

_SLOTS = 2
"""For each shape: the answers of one call stay while the next one runs."""

_MOST_SHAPES = 4

_AGAIN = "compile it again on this machine: scanside compile"


@dataclass(slots=True)
class _Loaded:
    """TensorRT's objects; the later need the earlier."""

    runtime: Any
    engine: Any
    context: Any


class PlanRunner:
    """A `Runner`. It belongs to the thread that made it; a call from another raises RuntimeError.

    Besides what a runner may raise, `run` raises DeviceLost when the GPU no longer answers: the process must end.
    """

    def __init__(self, trt: Any, layer: Layer, package: Package, form: Form, backend: Backend) -> None:
        """`trt` is the module tensorrt or tensorrt_rtx, `form` holds the plan; raises Unavailable, DeviceLost."""
        self._trt, self._layer, self.backend = trt, layer, backend
        self._name, self._owner = package.manifest.name, get_ident()
        self._logger = make_logger(trt)
        self._input, self._outputs = float_tensors(package.manifest)
        with layer:
            self._loaded = self._load(form.data)
            self._check_tensors(package)
            self._start, self._end = layer.event(), layer.event()
        self.graphs = Graphs(layer)
        self._shape: tuple[int, ...] = ()
        self._rings: OrderedDict[tuple[int, ...], deque[Slot]] = OrderedDict()
        self._addressed: Slot | None = None
        self.gpu_ms = 0.0
        """GPU time of the last call, without its copies, in ms."""
        weakref.finalize(self, _release, layer, self._loaded, self.graphs)

    def run(self, batch: NDArray[np.float32]) -> tuple[NDArray[np.float32], ...]:
        """The network's answers to `batch`, in memory that the next call but one with this shape overwrites.

        Raises InputRefused, Unavailable when TensorRT refuses the call, and DeviceLost.
        """
        if get_ident() != self._owner:
            raise RuntimeError("a plan runs only in the thread that loaded it")
        sizes = axis_sizes(batch, self._input)
        check_values(batch, self._input)
        with self._layer:
            if batch.shape != self._shape:
                self._reshape(batch.shape, sizes)
            ring = self._rings[batch.shape]
            ring.rotate()
            slot = ring[0]
            np.copyto(slot.taken.host, batch)
            self._execute(slot)
        return slot.answers

    def low_share(self) -> float | None:
        """Share of the convolutions that read 8 or 16 bits, by TensorRT's own report, for the shape of the last call.

        None: it has no convolution whose type it tells. Raises Unavailable when the report cannot be read.
        """
        with self._layer:
            shares = conv_shares(layer_report(self._trt, self._loaded.engine, self._loaded.context))
        return shares.int8 + shares.half if shares.convolutions > shares.untold else None

    def facts(self) -> dict[str, Any]:
        """How its calls ran, as JSON: `gpu_ms` of the last one, and how many were graphs, or eager for want of one."""
        graphs = self.graphs
        return {
            "gpu_ms": round(self.gpu_ms, 4),
            "replayed": graphs.replayed,
            "fallbacks": graphs.fallbacks,
            "graphs_off": graphs.off,
        }

    def _execute(self, slot: Slot) -> None:
        layer = self._layer
        slot.upload(layer)
        layer.record(self._start)
        if not self.graphs.play(slot) and not self._enqueue(slot):
            layer.check("running a network")
            raise self._refused("does not run the network", "compile it again, or use another runner")
        layer.record(self._end)
        slot.download(layer)
        layer.synchronize()
        self.gpu_ms = layer.elapsed_ms(self._start, self._end)
        self.graphs.learn(slot, lambda: self._enqueue(slot))

    def _enqueue(self, slot: Slot) -> bool:
        """Queue the work; False: TensorRT refuses. It touches nothing else, so it can be captured."""
        context = self._loaded.context
        if slot is not self._addressed:
            if not all(context.set_tensor_address(place.name, place.address) for place in (slot.taken, *slot.made)):
                return False
            self._addressed = slot
        return bool(context.execute_async_v3(self._layer.stream))

    def _reshape(self, shape: tuple[int, ...], sizes: dict[str, int]) -> None:
        """Tell TensorRT the shape, and have memory for it; the shape used longest ago goes when there are many."""
        self.graphs.forget()
        self._shape = ()
        context = self._loaded.context
        if not context.set_input_shape(self._input.name, shape) or context.infer_shapes():
            self._layer.check("setting a shape")
            mend = "compile it again for the manifest's bounds"
            raise InputRefused(f"the plan was not made for {list(shape)}", self._input.name, mend, reason="shape")
        made = {output.name: shape_at(output, sizes) for output in self._outputs}
        for name, promised in made.items():
            if (given := tuple(context.get_tensor_shape(name))) != promised:
                raise Unavailable(f"the plan gives {name} as {list(given)}, not {list(promised)}", self._name, _AGAIN)
        if shape not in self._rings:
            if len(self._rings) >= _MOST_SHAPES:
                self._rings.popitem(last=False)
            self._rings[shape] = deque(make_slot(self._layer, (self._input.name, shape), made) for _ in range(_SLOTS))
        self._rings.move_to_end(shape)
        self._shape = shape

    def _load(self, plan: bytes) -> _Loaded:
        self._logger.kept.clear()
        try:
            runtime = self._trt.Runtime(self._logger)
            engine = runtime.deserialize_cuda_engine(plan)
            if engine is None:
                raise self._refused("does not load the plan", _AGAIN)
            context = engine.create_execution_context()
        except (TypeError, RuntimeError, MemoryError) as error:
            raise self._refused(f"fails ({error})", _AGAIN) from error
        if context is None:
            raise self._refused("cannot make a context for the plan", "free GPU memory, or use another form")
        return _Loaded(runtime, engine, context)

    def _check_tensors(self, package: Package) -> None:
        """Raises Unavailable when the plan takes and gives something else than the manifest says."""
        engine, modes, single = self._loaded.engine, self._trt.TensorIOMode, self._trt.DataType.FLOAT
        names = [engine.get_tensor_name(index) for index in range(engine.num_io_tensors)]
        held = {name: (engine.get_tensor_mode(name), engine.get_tensor_dtype(name)) for name in names}
        promised = {tensor.name: (modes.INPUT, single) for tensor in package.manifest.inputs}
        promised |= {tensor.name: (modes.OUTPUT, single) for tensor in package.manifest.outputs}
        if held != promised:
            what = f"the plan takes and gives {', '.join(names)}: not the float32 tensors of the manifest"
            raise Unavailable(what, self._name, _AGAIN)

    def _refused(self, what: str, mend: str) -> Unavailable:
        return Unavailable(f"{self.backend.runner} {what} ({last_words(self._logger.kept)})", self._name, mend)


def load_plan(target: str, package: Package, form: Form) -> PlanRunner:
    """The plan in `form`, compiled for `target`, on the first device; raises Unavailable."""
    row = target_row(target)
    if why := why_no_plans(target):
        raise Unavailable(f"{row.runner} cannot run here: {why}", package.manifest.name, row.install)
    try:
        trt = import_module(next(name for name in row.modules if find_spec(name)))
    except (ImportError, OSError) as error:  # installed, but something that it needs is not
        raise Unavailable(f"{row.runner} cannot be loaded ({error})", package.manifest.name, row.install) from error
    layer = open_layer()
    return PlanRunner(trt, layer, package, form, Backend(row.runner, form.name, "cuda:0", layer.name, real_gpu=True))


def why_no_plans(target: str) -> str:
    """What keeps plans from running here, in words; empty: nothing. The CUDA driver is only touched in a child."""
    modules = target_row(target).modules
    if not any(map(find_spec, modules)):
        return f"{modules[0]} is not installed"
    if find_spec("pycuda") is None:
        return cuda_here().why or "pycuda is not installed"
    return cuda_here().why


def low_share_of_plan(target: str, package: Package, form: Form) -> float | None:
    """`PlanRunner.low_share` of a plan, after one of the package's golden frames; raises Unavailable."""
    runner = load_plan(target, package, form)
    runner.run(package.golden[package.manifest.inputs[0].name][0].astype(np.float32))
    return runner.low_share()


def _release(layer: Layer, loaded: _Loaded, graphs: Graphs) -> None:
    """Give everything back in order, while the context is current; a dead one has nothing to give."""
    with suppress(DeviceLost), layer:
        graphs.forget()
        loaded.context = None
        loaded.engine = None
        loaded.runtime = None
