"""Whether a runner answers here what the package says the network answers."""

import numpy as np

from engine.errors import Unavailable
from engine.package import Package
from engine.seams import Runner

_TOLERANCE = 1e-3
"""Of the largest golden value: far above float32 rounding between machines, far below a wrong network."""


def check_golden(runner: Runner, package: Package) -> None:
    """Run every golden frame; raises Unavailable when an answer differs by more than 1e-3 of the largest value."""
    taken, given = package.manifest.inputs[0].name, package.manifest.outputs[0].name
    for number, (frame, wanted) in enumerate(zip(package.golden[taken], package.golden[given], strict=True)):
        answer = runner.run(frame.astype(np.float32, copy=False))
        if not np.allclose(answer, wanted, rtol=0, atol=_TOLERANCE * max(float(np.abs(wanted).max()), 1e-30)):
            raise Unavailable(
                f"golden frame {number} comes out different on {runner.backend.actual}",
                package.manifest.name,
                "pack it again, or use another runner",
            )
