"""Writes down what the real modules offer, so that the doubles can be held to it where the modules are not installed.

    python tests/engine/cuda/record_names.py tests/data/cuda_names.json

Whatever can be imported is recorded, the rest stays as it was. PyCUDA's driver module imports without a device when a
library that exports the driver's symbols is preloaded.
"""

import inspect
import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

TENSORRT = (
    "Runtime", "ICudaEngine", "IExecutionContext", "EngineInspector", "ILogger", "ILogger.Severity", "TensorIOMode",
    "DataType", "LayerInformationFormat",
)  # fmt: skip
PYCUDA = (
    "", "Device", "Context", "Stream", "Event", "DeviceAllocation", "PagelockedHostAllocation", "device_attribute",
    "host_alloc_flags",
)  # fmt: skip
BINDINGS = ("", "CUstream", "CUresult", "CUstreamCaptureMode")
MODULES = {
    "tensorrt_rtx_bindings": TENSORRT,
    "tensorrt_lean": TENSORRT,
    "pycuda.driver": PYCUDA,
    "cuda.bindings.driver": BINDINGS,
}
OF_BINDINGS = ("cuStreamBeginCapture", "cuStreamEndCapture", "cuGraphInstantiate", "cuGraphLaunch", "cuGraphDestroy",
               "cuGraphExecDestroy", "CUstream", "CUresult", "CUstreamCaptureMode")  # fmt: skip
ENUMS = ("CUresult", "CUstreamCaptureMode", "device_attribute", "host_alloc_flags")
SPECIAL = ("__init__", "__int__")


def signatures(thing: Any) -> list[str]:
    """Every signature that a function's first docstring lines state, or its own."""
    name = getattr(thing, "__name__", "")
    lines = [line.strip().split(". ", 1)[-1] for line in (inspect.getdoc(thing) or "").splitlines()]
    stated = [line for line in lines if name and line.startswith(f"{name}(") and "*args" not in line]
    return [line.removesuffix(" :") for line in stated]


def record(module: Any, wanted: tuple[str, ...]) -> dict[str, dict[str, list[str]]]:
    """Class (empty: the module) -> public name -> signatures."""
    classes = {}
    for path in wanted:
        found: Any = module
        for part in filter(None, path.split(".")):
            found = getattr(found, part, None)
        if found is None:
            continue
        names = [name for name in dir(found) if not name.startswith("_") or (name in SPECIAL and name in vars(found))]
        if not path:
            kept = OF_BINDINGS if module.__name__ == "cuda.bindings.driver" else names
            names = [name for name in names if name in kept and name not in ("np", "os", "annotations")]
        if path in ENUMS:
            names = [name for name in names if name.isupper()]
        classes[path] = {name: signatures(getattr(found, name)) for name in names}
    return classes


def main() -> None:
    path = Path(sys.argv[1])
    known = json.loads(path.read_text("utf-8")) if path.exists() else {}
    for name, wanted in MODULES.items():
        try:
            module = import_module(name)
        except ImportError as error:
            print(f"{name}: {error}")
            continue
        top = import_module(name.split(".")[0])
        version = getattr(module, "__version__", "") or getattr(top, "VERSION_TEXT", "") or distribution(name)
        known[name] = {"version": version, "names": record(module, wanted)}
        print(name, version, sum(map(len, known[name]["names"].values())))
    path.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n", "utf-8")


def distribution(name: str) -> str:
    from importlib.metadata import version

    return version({"cuda.bindings.driver": "cuda-bindings", "pycuda.driver": "pycuda"}[name])


if __name__ == "__main__":
    main()
