"""Whether a runner answers here what the package says the network answers."""

import numpy as np

from engine.errors import Unavailable
from engine.forms import FP32
from engine.package import Package
from engine.package.golden import TRUTH
from engine.plans.parity import loss
from engine.seams import Runner

_TOLERANCE = 1e-3
"""Of the largest golden value: far above float32 rounding between machines, far below a wrong network."""


def check_golden(runner: Runner, package: Package) -> None:
    """Runs every golden frame; raises Unavailable when the answers are not those that the package came with.

    In float32 no output may differ by more than 1e-3 of its largest value; in another precision it may lose what the
    gate lets it lose.
    """
    manifest, golden = package.manifest, package.golden
    frames = golden[manifest.inputs[0].name].astype(np.float32, copy=False)
    rows = [[answer.copy() for answer in runner.run(frame)] for frame in frames]
    answers = {output.name: np.stack([row[k] for row in rows]) for k, output in enumerate(manifest.outputs)}
    if runner.backend.form != FP32:
        truth = {
            output.name: golden[output.name + TRUTH] for output in manifest.outputs if output.name + TRUTH in golden
        }
        if problem := loss(manifest, runner.backend.form, golden, answers, truth, frames).problem:
            raise _refused(f"the golden frames come out different on {runner.backend.actual}: {problem}", package)
        return
    for output in manifest.outputs:
        for number, (answer, wanted) in enumerate(zip(answers[output.name], golden[output.name], strict=True)):
            if not np.allclose(answer, wanted, rtol=0, atol=_TOLERANCE * max(float(np.abs(wanted).max()), 1e-30)):
                what = f"{output.name} of golden frame {number} comes out different on {runner.backend.actual}"
                raise _refused(what, package)


def _refused(what: str, package: Package) -> Unavailable:
    return Unavailable(what, package.manifest.name, "pack it again, or use another runner")
