"""What a runner costs in memory: a process of its own loads it, runs it and says by how much it grew.

`python -m benchmarks.engine_memory PACKAGE FORM FILE RUNNER` prints MiB.
"""

import contextlib
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.engine_candidates import Candidate
from engine.forms import Form
from engine.package import load_package, trusted_keys
from engine.plans.extremes import typical
from engine.runners import load_runner
from models.shipped import KEYS

_CALLS = 5
_LIMIT_S = 120.0


def memory_mb(candidate: Candidate) -> float | None:
    """MiB by which the peak of a fresh process grows, the runner's library included; None when it does not end well."""
    with tempfile.NamedTemporaryFile(suffix=f".{candidate.form.name}") as file:
        Path(file.name).write_bytes(candidate.form.data)
        told = [str(candidate.package.path), candidate.form.name, file.name, candidate.name]
        command = [sys.executable, "-m", "benchmarks.engine_memory", *told]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=_LIMIT_S, check=True)
        except (subprocess.SubprocessError, OSError):
            return None
    return float(done.stdout)


def main() -> None:
    folder, form, file, runner_name = sys.argv[1:]
    package = load_package(Path(folder), trusted_keys(KEYS))
    loaded = Form(form, Path(file).read_bytes())
    frame = typical(package)
    before = _reset_peak_mb()
    runner = load_runner(runner_name, package, loaded)
    for _ in range(_CALLS):
        runner.run(frame)
    print(round(_peak_mb() - before, 1))


def _reset_peak_mb() -> float:
    """The resident size now; what was needed to read and verify the package is forgotten."""
    with contextlib.suppress(OSError):  # refused in some containers: then the growth is a little understated
        Path("/proc/self/clear_refs").write_text("5")
    return _peak_mb()


def _peak_mb() -> float:
    """Largest resident size so far, MiB."""
    status = Path("/proc/self/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) / 1024


if __name__ == "__main__":
    main()
