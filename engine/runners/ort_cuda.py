"""ONNX Runtime on an NVIDIA GPU: for machines without TensorRT.

Everything but the sizes must run there. The batch and the answers stay at fixed addresses of the host, bound once per
shape; ONNX Runtime copies between them and the GPU.
"""

import contextlib
import io

import onnxruntime as ort

from engine.cuda.probe import cuda_here
from engine.errors import Unavailable
from engine.forms import Form
from engine.package import Package
from engine.runners.ort import CPU, OrtRunner, one_thread, open_session
from engine.runners.ort_nodes import elsewhere, low_share_of, nodes_run
from engine.seams import Backend

NAME, CUDA = "onnxruntime-cuda", "CUDAExecutionProvider"


def load(package: Package, form: Form) -> OrtRunner:
    """The network in a session of its own; raises Unavailable, also where a part of it would run on the CPU."""
    if said := why_not():
        raise Unavailable(said, package.manifest.name, "serve it with onnxruntime-cpu")
    with contextlib.redirect_stdout(io.StringIO()):  # it prints what it does not find
        ort.preload_dlls()  # CUDA and cuDNN that were installed as Python packages
    session = open_session(package, form, [CUDA, CPU], one_thread())
    actual = session.get_providers()[0]
    if actual != CUDA:
        raise Unavailable(f"ONNX Runtime fell back to {actual}", package.manifest.name, "scanside doctor")
    if left := elsewhere(nodes_run(package, form, [CUDA, CPU]), CUDA):
        what = f"{len(left)} nodes would run on the CPU, the first is {left[0]}"
        raise Unavailable(what, package.manifest.name, "serve it with onnxruntime-cpu")
    return OrtRunner(package, session, Backend(NAME, form.name, CUDA, actual, real_gpu=True))


def why_not() -> str:
    """What keeps it from running here, in words; empty: nothing."""
    if CUDA not in ort.get_available_providers():
        return "this ONNX Runtime is built without CUDA"
    return cuda_here().why


def low_share(package: Package, form: Form) -> float | None:
    """Share of the convolutions that run below float32; None: the network has none."""
    return low_share_of(nodes_run(package, form, [CUDA, CPU]))
