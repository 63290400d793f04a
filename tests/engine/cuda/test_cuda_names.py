"""The names that our code uses exist in the real modules, and the doubles have no others.

`tests/data/cuda_names.json` was written by `record_names.py` from the real modules; where one is installed, it is
looked at again here.
"""

import ast
import inspect
import json
import re
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.engine.cuda.gpu_double import Gpu, pycuda_driver
from tests.engine.cuda.graph_double import bindings_driver
from tests.engine.cuda.record_names import MODULES, record
from tests.engine.cuda.trt_double import TrtFaults, tensorrt

ROOT = Path(__file__).parents[3]
KNOWN = json.loads((ROOT / "tests/data/cuda_names.json").read_text("utf-8"))
TENSORRT = ("tensorrt_rtx_bindings", "tensorrt_lean", "tensorrt 10.3")
DOUBLES = [(name, tensorrt(Gpu(), TrtFaults())) for name in TENSORRT] + [
    ("pycuda.driver", pycuda_driver(Gpu())),
    ("cuda.bindings.driver", bindings_driver(Gpu())),
]
LEAN_LACKS = {"EngineInspector", "create_engine_inspector"}
"""The lean module cannot inspect; the full one of the same version can, as NVIDIA's pages say."""

USERS = ("engine/cuda/layer.py", "engine/cuda/capture.py", "engine/cuda/logger.py", "engine/cuda/inspector.py",
         "engine/runners/plan.py")  # fmt: skip
HOLDERS = {
    "driver", "_driver", "trt", "_trt", "engine", "context", "_context", "runtime", "inspector", "device", "base",
    "severities", "modes", "device_attribute", "host_alloc_flags", "Context", "CUresult", "CUstreamCaptureMode",
    "_stream", "LayerInformationFormat", "DataType", "TensorIOMode", "ILogger", "Severity",
}  # fmt: skip
"""What our code calls a thing of theirs."""
OURS = {"begin", "end", "launch", "drop"}


def public(thing: Any) -> list[str]:
    return [name for name in vars(thing) if not name.startswith("_")]


def owners(double: ModuleType) -> Iterator[tuple[str, Any]]:
    """The module itself, and every class or group of names in it."""
    yield "", double
    for name in public(double):
        held = vars(double)[name]
        if inspect.isclass(held) or (hasattr(held, "__dict__") and not callable(held)):
            yield name, held
            for inner in public(held):
                if inspect.isclass(vars(held)[inner]):
                    yield f"{name}.{inner}", vars(held)[inner]


def parameters(signature: str, *, method: bool) -> list[str]:
    """Names of what a recorded signature takes, the object itself left out."""
    inner = signature[signature.index("(") + 1 : signature.rindex(")")]
    names = [part.strip(" []").split("=")[0].split(":")[0] for part in re.sub(r"\(\w+\)", "", inner).split(",")]
    return [name for name in names if name][method:]


@pytest.mark.parametrize(("module", "double"), DOUBLES, ids=[name for name, _ in DOUBLES])
def test_the_double_has_no_name_that_the_real_module_lacks(module: str, double: ModuleType) -> None:
    known = KNOWN[module]["names"]
    lacks = LEAN_LACKS if module == "tensorrt_lean" else set()
    top = set(known.get("", {})) | {name.split(".")[0] for name in known}
    for name, held in owners(double):
        if name in known or not name:
            assert set(public(held)) - (set(known[name]) if name else top) - lacks == set(), name


@pytest.mark.parametrize(("module", "double"), DOUBLES, ids=[name for name, _ in DOUBLES])
def test_the_double_takes_what_the_real_functions_take(module: str, double: ModuleType) -> None:
    compared = 0
    for owner, held in owners(double):
        for name, stated in KNOWN[module]["names"].get(owner, {}).items():
            ours = vars(held).get(name)
            if not stated or not inspect.isfunction(getattr(ours, "__func__", ours)):
                continue
            method = bool(owner) and not isinstance(ours, staticmethod)
            of_double = list(inspect.signature(getattr(ours, "__func__", ours)).parameters)[method:]
            real = [parameters(signature, method=method) for signature in stated]
            assert any(len(of_double) <= len(names) for names in real), (owner, name, stated)
            compared += 1
    assert compared >= 6


def used_names() -> Iterator[tuple[str, str]]:
    for path in USERS:
        for node in ast.walk(ast.parse((ROOT / path).read_text("utf-8"))):
            if isinstance(node, ast.Attribute):
                holder = node.value
                called = holder.attr if isinstance(holder, ast.Attribute) else getattr(holder, "id", "")
                if called in HOLDERS and node.attr not in OURS:
                    yield f"{path}: {called}", node.attr


def test_every_name_that_our_code_uses_is_recorded() -> None:
    offered = {name for module in KNOWN.values() for names in module["names"].values() for name in names}
    offered |= {part for module in KNOWN.values() for name in module["names"] for part in name.split(".")}
    used = {name: where for where, name in used_names()}
    assert {"execute_async_v3", "cuStreamBeginCapture", "memcpy_htod_async", "retain_primary_context"} <= set(used)
    inside = {"context", "engine", "runtime", "kept"}  # fields of our own dataclass
    assert {name: where for name, where in used.items() if name not in offered | inside} == {}


def test_the_names_of_tensorrt_10_3_are_those_of_11_too() -> None:
    for owner, names in KNOWN["tensorrt 10.3"]["names"].items():
        assert set(names) <= set(KNOWN["tensorrt_rtx_bindings"]["names"][owner]), owner


@pytest.mark.parametrize("name", MODULES)
def test_the_installed_module_still_has_them(name: str) -> None:
    if find_spec(name.split(".")[0]) is None:
        pytest.skip(f"{name} is not installed here; it was when its names were recorded")
    try:
        module = import_module(name)
    except ImportError as error:
        pytest.skip(f"{name} does not import here: {error}")
    double = dict(DOUBLES)[name]
    now = record(module, MODULES[name])
    for owner, names in KNOWN[name]["names"].items():
        used = set(public(dict(owners(double)).get(owner, double)))
        for called in used & set(names):
            assert called in now[owner], f"{owner}.{called}"
            assert now[owner][called] == names[called], f"{owner}.{called} is called differently now"
