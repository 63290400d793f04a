"""What the real parser and builder of TensorRT for RTX do with a file, tried in a child process: some kill it."""

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

MODULE = next((name for name in ("tensorrt_rtx", "tensorrt_rtx_bindings") if find_spec(name)), "")
needs_rtx = pytest.mark.skipif(not MODULE, reason="TensorRT for RTX is not installed")


@dataclass(frozen=True)
class Outcome:
    """`does`: refuses (parser), fails (builder), dies (both with the process), builds."""

    does: str
    said: str = ""


def try_all(files: Mapping[str, bytes], folder: Path) -> dict[str, Outcome]:
    """Each file, of fixed sizes, parsed strongly typed and built for compute capability 8.6."""
    for number, data in enumerate(files.values()):
        (folder / f"{number}.onnx").write_bytes(data)
    names, done = list(files), {}
    while len(done) < len(names):
        asked = [str(folder / f"{number}.onnx") for number in range(len(done), len(names))]
        child = subprocess.run(
            [sys.executable, __file__, MODULE],
            input=json.dumps(asked),
            capture_output=True,
            text=True,
            check=False,
            timeout=100,
        )
        answers = [json.loads(line) for line in child.stdout.splitlines()]
        assert answers or child.returncode < 0, child.stderr
        for answer in answers:
            done[names[len(done)]] = Outcome(**answer)
        if child.returncode < 0:
            done[names[len(done)]] = Outcome("dies", f"signal {-child.returncode}")
    return done


def _try(trt: Any, path: str) -> Outcome:
    said: list[str] = []

    class Logger(trt.ILogger):  # type: ignore[misc]
        def log(self, severity: Any, message: str) -> None:
            if severity <= trt.ILogger.ERROR:
                said.append(message)

    logger = Logger()
    builder = trt.Builder(logger)
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = trt.OnnxParser(network, logger)
    if not parser.parse(Path(path).read_bytes()):
        return Outcome("refuses", parser.get_error(0).desc() if parser.num_errors else "")
    config = builder.create_builder_config()
    config.num_compute_capabilities = 1
    config.set_compute_capability(trt.ComputeCapability.SM86, 0)
    plan = builder.build_serialized_network(network, config)
    return Outcome("fails", " ".join(said)) if plan is None else Outcome("builds")


if __name__ == "__main__":
    from importlib import import_module

    loaded = import_module(sys.argv[1])
    for one in json.loads(sys.stdin.read()):
        print(json.dumps(_try(loaded, one).__dict__), flush=True)
