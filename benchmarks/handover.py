"""What it costs to run a network in a process of its own: `python -m benchmarks.handover`, JSON on standard output.

The shipped smoothing network on 256 x 256 pixels, in interleaved rounds: ONNX Runtime called with a numpy array, the
runner in this process, and the worker (shared memory, pipes, two changes of process, one of thread).
"""

import json
import statistics
import threading
import time
from collections.abc import Callable

import numpy as np

from benchmarks.loop import percentiles
from engine.forms import fp32
from engine.package import load_package, trusted_keys
from engine.runners import load_runner
from firmware.clock import SystemClock
from firmware.health import Health
from firmware.inference.process import Wishes
from firmware.inference.status import ModelStatus
from firmware.inference.supervisor import InferenceWorker
from models.shipped import KEYS, PACKAGES

ROUNDS, CALLS = 10, 200
SMOOTH = PACKAGES / "smooth"


def main() -> None:
    image = np.random.default_rng(0).uniform(0, 50, (1, 256, 256)).astype(np.float32)
    package = load_package(SMOOTH, trusted_keys(KEYS))
    runner = load_runner("onnxruntime-cpu", package, fp32(package))
    worker = _serving()
    ways: dict[str, Callable[[], object]] = {
        "bare_session_run": _bare(package.model, image[:, None]),
        "runner_same_process": lambda: runner.run(image[:, None]),
        "worker": lambda: worker.run(image),
    }
    taken: dict[str, list[float]] = {name: [] for name in ways}
    refused = 0
    for _ in range(ROUNDS):
        for name, call in ways.items():
            for _ in range(CALLS):
                began = time.perf_counter()
                refused += isinstance(call(), str)
                taken[name].append((time.perf_counter() - began) * 1e3)
    worker.stop()
    medians = {name: statistics.median(values) for name, values in taken.items()}
    document = {
        "schema": "handover/1",
        "milliseconds": {name: percentiles(values) for name, values in taken.items()},
        "hand_over_ms": round(medians["worker"] - medians["bare_session_run"], 3),
        "not_answered": refused,
    }
    print(json.dumps(document, indent=2))


def _serving() -> InferenceWorker:
    serves = threading.Event()

    def told(status: ModelStatus) -> None:
        if status.state == "serving":
            serves.set()

    worker = InferenceWorker(Wishes(SMOOTH, (KEYS,)), Health(), SystemClock(), told)
    worker.start()
    if not serves.wait(60):
        raise SystemExit(f"the worker does not serve: {worker.status.reason}")
    return worker


def _bare(model: bytes, batch: np.ndarray) -> Callable[[], object]:
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda: session.run(None, {name: batch})


if __name__ == "__main__":
    main()
