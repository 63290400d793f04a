"""The curves of the quality network."""

from pathlib import Path

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray

from models.quality.calibrate import area
from models.quality.kinds import KINDS
from models.quality.sample import CLEAN

mpl.use("Agg")
from matplotlib import pyplot as plt

_STYLES = ("-", "--")
"""A second round of the ten colours."""


def plot_curves(folder: Path, logits: NDArray[np.float64], kind: NDArray[np.int64]) -> None:
    """roc.png: sensitivity of each kind over the false alarms on sound samples; simulated faults, held-out anatomy."""
    _, axis = plt.subplots(figsize=(7.5, 5), layout="constrained")
    for number, name in enumerate(KINDS):
        sound, faulty = (np.sort(logits[kind == which, number]) for which in (CLEAN, number))
        if not len(sound) or not len(faulty):
            continue
        limits = np.concatenate([sound, faulty])
        limits.sort()
        alarms = 1 - np.searchsorted(sound, limits) / len(sound)
        found = 1 - np.searchsorted(faulty, limits) / len(faulty)
        scores, true = np.concatenate([sound, faulty]), np.repeat([False, True], [len(sound), len(faulty)])
        axis.plot(
            np.maximum(alarms, 1e-3),
            found,
            label=f"{name} {area(scores, true):.3f}",
            lw=1,
            color=f"C{number}",
            ls=_STYLES[number // 10],
        )
    axis.set(xscale="log", xlabel="false alarms of sound samples", ylabel="found", title="simulated faults, held out")
    axis.legend(fontsize=7, bbox_to_anchor=(1.02, 1.0), loc="upper left")
    plt.savefig(folder / "roc.png", dpi=90)
    plt.close()
