"""ONNX Runtime on the CPU: what serves where nothing else is there, and the safe one everywhere."""

from engine.forms import Form
from engine.package import Package
from engine.runners.ort import CPU, OrtRunner, one_thread, open_session
from engine.runners.ort_nodes import low_share_of, nodes_run
from engine.seams import Backend

NAME = "onnxruntime-cpu"


def load(package: Package, form: Form) -> OrtRunner:
    """The network in a session of its own; raises Unavailable."""
    session = open_session(package, form, [CPU], one_thread())
    return OrtRunner(package, session, Backend(NAME, form.name, CPU, session.get_providers()[0]))


def why_not() -> str:
    """Nothing: ONNX Runtime comes with the appliance."""
    return ""


def low_share(package: Package, form: Form) -> float | None:
    """Share of the convolutions that run below float32; None: the network has none."""
    return low_share_of(nodes_run(package, form, [CPU]))
