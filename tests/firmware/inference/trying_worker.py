"""The real worker, which finds one more runner to try: loading it lasts for ever. A program, not a test.

`python trying_worker.py FIFO MANNER WISHES`: a line in FIFO says that it is being loaded. MANNER is `heard` where a
signal comes through meanwhile, and `deaf` where it does not, as inside a library.
"""

import signal
import sys
import threading
from pathlib import Path
from types import ModuleType
from typing import Any

from engine.package import Package
from engine.runners import RUNNERS, RunnerRow
from firmware.inference import worker


def load(package: Package, form: object) -> None:
    if MANNER == "deaf":
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    FIFO.write_text("loading\n")
    threading.Event().wait()


if __name__ == "__main__":
    FIFO, MANNER = Path(sys.argv[1]), sys.argv[2]
    trying: Any = ModuleType("tests_trying")
    trying.why_not, trying.load = lambda: "", load
    sys.modules[trying.__name__] = trying
    for name in set(RUNNERS) - {"onnxruntime-cpu"}:
        del RUNNERS[name]
    RUNNERS["trying"] = RunnerRow(trying.__name__, ("fp32",), "install it")
    sys.argv[1:] = sys.argv[3:]
    worker.main()
