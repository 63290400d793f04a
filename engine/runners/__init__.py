"""What can run a network: one module and one row per runner, each loading its library only when it is used."""

from dataclasses import dataclass
from importlib import import_module

from engine.errors import Unavailable
from engine.extras import to_install
from engine.forms import BF16, FP16, FP32, INT8_S8, INT8_U8, MIXED, Form
from engine.package import Package
from engine.seams import Runner


@dataclass(frozen=True, slots=True)
class RunnerRow:
    """One runner."""

    module: str
    """Has `load(package, form) -> Runner`, which raises Unavailable, and `why_not() -> str`: what keeps it from running
    here, in words; empty: nothing. `why_not` never takes the process down, whatever is installed. And
    `low_share(package, form) -> float | None`."""
    forms: tuple[str, ...]
    """What it may be chosen to serve."""
    install: str
    """What to do to have it."""
    needs_plan: bool = False
    """It executes plans, made by `scanside compile` for this very device; a `Form` handed to it holds one."""


RUNNERS = {
    "onnxruntime-cpu": RunnerRow("engine.runners.ort_cpu", (FP32, INT8_U8), "install the lock file again"),
    "openvino": RunnerRow("engine.runners.openvino", (FP32, BF16, INT8_U8), to_install("openvino")),
    "onnxruntime-cuda": RunnerRow(
        "engine.runners.ort_cuda",
        (FP32, FP16),
        "with an NVIDIA GPU: .venv/bin/pip uninstall onnxruntime, then install onnxruntime-gpu",
    ),
    "tensorrt": RunnerRow(
        "engine.runners.tensorrt",
        (FP32, FP16, INT8_S8, MIXED),
        f"with an NVIDIA GPU: {to_install('gpu')}; on a Jetson: docs/jetson.md",
        True,
    ),
    "tensorrt-rtx": RunnerRow(
        "engine.runners.tensorrt_rtx",
        (FP32, FP16, INT8_S8, MIXED),
        f"with an NVIDIA RTX card: {to_install('gpu,rtx')}",
        True,
    ),
}
"""Name -> row."""

AUTO = "auto"
"""The fastest runner and form of those that passed the gate on this machine."""


def named(said: str) -> tuple[str, str]:
    """(runner, form) of "auto", "runner" or "runner:form", each empty where free; raises Unavailable with the known."""
    if said == AUTO:
        return "", ""
    runner, _, form = said.partition(":")
    if runner not in RUNNERS:
        raise Unavailable(f"no runner is called {runner!r}", mend=f"known are {', '.join((AUTO, *RUNNERS))}")
    if form and form not in RUNNERS[runner].forms:
        known = ", ".join(f"{runner}:{known}" for known in RUNNERS[runner].forms)
        raise Unavailable(f"{runner} does not serve the form {form!r}", mend=f"known are {known}")
    return runner, form


def load_runner(name: str, package: Package, form: Form) -> Runner:
    """The verified package's network in one form, ready to run; raises Unavailable when the runner cannot load it."""
    row = RUNNERS.get(name)
    if row is None:
        raise Unavailable(f"no runner is called {name!r}", mend=f"known are {', '.join(RUNNERS)}")
    try:
        loaded: Runner = import_module(row.module).load(package, form)
    except ImportError as error:
        raise Unavailable(f"the runner {name} cannot be loaded ({error})", mend=row.install) from error
    return loaded


def low_share(name: str, package: Package, form: Form) -> float | None:
    """Share of the convolutions that the runner computes below float32, by its library's own account.

    None: the network has none, or the library does not tell. Raises Unavailable.
    """
    share: float | None = import_module(RUNNERS[name].module).low_share(package, form)
    return share


def why_not(name: str) -> str:
    """What keeps a runner of the table from running here, in words; empty: nothing."""
    try:
        said: str = import_module(RUNNERS[name].module).why_not()
    except ImportError as error:
        return f"{error.name or error} is not installed"
    return said
