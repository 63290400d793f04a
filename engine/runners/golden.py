"""Whether a runner answers here what the package says the network answers."""

import numpy as np

from engine.errors import Unavailable
from engine.package import Package
from engine.seams import Runner

_TOLERANCE = 1e-3
"""Of the largest golden value: far above float32 rounding between machines, far below a wrong network."""


def check_golden(runner: Runner, package: Package) -> None:
    """Run every golden frame; raises Unavailable when an output differs by more than 1e-3 of its largest value."""
    taken = package.manifest.inputs[0].name
    for number, frame in enumerate(package.golden[taken]):
        answers = runner.run(frame.astype(np.float32, copy=False))
        for output, answer in zip(package.manifest.outputs, answers, strict=True):
            wanted = package.golden[output.name][number]
            if not np.allclose(answer, wanted, rtol=0, atol=_TOLERANCE * max(float(np.abs(wanted).max()), 1e-30)):
                raise Unavailable(
                    f"{output.name} of golden frame {number} comes out different on {runner.backend.actual}",
                    package.manifest.name,
                    "pack it again, or use another runner",
                )
