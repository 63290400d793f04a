"""A plan runner on the doubles."""

from dataclasses import dataclass, field
from types import ModuleType

from engine.cuda.capture import GraphCalls
from engine.cuda.layer import Layer
from engine.forms import Form
from engine.package import Package
from engine.runners.plan import PlanRunner
from engine.seams import Backend
from tests.engine.cuda.gpu_double import Gpu, pycuda_driver
from tests.engine.cuda.graph_double import bindings_driver
from tests.engine.cuda.trt_double import MARK, TrtFaults, tensorrt


@dataclass
class Bench:
    """The device, the module, and what they are told to do wrong."""

    gpu: Gpu = field(default_factory=Gpu)
    trt_faults: TrtFaults = field(default_factory=TrtFaults)
    bindings: bool = True
    largest: int = 64

    def trt(self) -> ModuleType:
        return tensorrt(self.gpu, self.trt_faults, self.largest)

    def layer(self) -> Layer:
        graphs = GraphCalls(bindings_driver(self.gpu)) if self.bindings else None
        return Layer(pycuda_driver(self.gpu), graphs)

    def runner(self, package: Package, plan: bytes | None = None) -> PlanRunner:
        form = Form("fp32", MARK + package.model if plan is None else plan)
        return PlanRunner(self.trt(), self.layer(), package, form, Backend("tensorrt", "fp32", "cuda:0", "double"))
