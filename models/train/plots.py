"""Pictures of a run, for whoever judges whether it went well."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray

from models.train.run_folder import read_history

mpl.use("Agg")
from matplotlib import pyplot as plt


def plot_history(folder: Path, figures: Sequence[str], unit: str) -> None:
    """loss.png: the loss, and the named validation figures, over the steps."""
    rows = read_history(folder)
    steps = [row["step"] for row in rows]
    _, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
    left.plot(steps, [row["loss"] for row in rows], "o-", ms=3)
    left.set(title="training loss", xlabel="step", yscale="log")
    for name in figures:
        right.plot(steps, [row[name] for row in rows], "o-", ms=3, label=name)
    right.set(title="held out", xlabel="step", ylabel=unit)
    right.legend()
    plt.savefig(folder / "loss.png", dpi=90)
    plt.close()


def plot_examples(folder: Path, titles: Sequence[str], rows: Sequence[Sequence[NDArray[Any]]]) -> None:
    """examples.png: rows of pictures side by side, 0 black and 1 white."""
    _, axes = plt.subplots(
        len(rows), len(titles), figsize=(2.2 * len(titles), 2.2 * len(rows)), layout="constrained", squeeze=False
    )
    for axis, title in zip(axes[0], titles, strict=True):
        axis.set_title(title, fontsize=9)
    for axis, picture in zip(axes.flat, (picture for row in rows for picture in row), strict=True):
        axis.imshow(np.asarray(picture), cmap="gray", vmin=0, vmax=1)
        axis.set_axis_off()
    plt.savefig(folder / "examples.png", dpi=90)
    plt.close()
