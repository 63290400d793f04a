"""The reference that forms and plans are held against: ONNX Runtime on the CPU with every optimisation off.

Optimised, it differs from itself by up to a tenth of an int8 step's effect; a file's own meaning is what it says
node by node. It never serves.
"""

import onnxruntime as ort

from engine.forms import Form
from engine.package import Package
from engine.runners.ort import CPU, OrtRunner, one_thread, open_session
from engine.seams import Backend


def load(package: Package, form: Form) -> OrtRunner:
    """The network in a session of its own, executed as it is written; raises Unavailable."""
    options = one_thread()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = open_session(package, form, [CPU], options)
    return OrtRunner(package, session, Backend("reference", form.name, CPU, session.get_providers()[0]))
