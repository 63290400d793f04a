"""What can run a package's network: one module per runner, each loading its library only when it is used."""

from importlib import import_module

from engine.errors import Unavailable
from engine.package import Package
from engine.seams import Runner

RUNNERS = {"onnxruntime-cpu": "engine.runners.ort_cpu"}
"""Name -> module with `load(package) -> Runner`."""


def load_runner(name: str, package: Package) -> Runner:
    """The verified package's network, ready to run; raises Unavailable when the runner is unknown or cannot load it."""
    module = RUNNERS.get(name)
    if module is None:
        raise Unavailable(f"no runner is called {name!r}", mend=f"known are {', '.join(RUNNERS)}")
    try:
        loaded: Runner = import_module(module).load(package)
    except ImportError as error:
        raise Unavailable(f"the runner {name} cannot be loaded ({error})", mend="scanside doctor") from error
    return loaded
