"""`scanside models train NAME`: trains a network, with progress, and goes on where a run was interrupted."""

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from engine.errors import ConfigError, Unavailable
from firmware.clock import SystemClock

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

    from models.train.loop import Progress

ANATOMY = "anatomy"
"""Folder of real anatomy below SCANSIDE_DATA."""

_LARGEST_SEED = 2**32 - 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="denoiser or quality")
    parser.add_argument("--minutes", type=float, default=45.0, metavar="N", help="time to train (45)")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of everything random (1)")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of the run; an old run goes on")
    parser.add_argument(
        "--data", type=Path, metavar="DIR", help="folder of real anatomy (default: anatomy in SCANSIDE_DATA, if there)"
    )


def run(options: argparse.Namespace) -> dict[str, Any]:
    """The final figures; raises ScansideError."""
    if not options.minutes > 0:
        raise ConfigError(f"takes a number above 0, not {options.minutes:g}", "--minutes")
    if not 0 <= options.seed <= _LARGEST_SEED:
        raise ConfigError(f"takes a whole number from 0 to {_LARGEST_SEED}, not {options.seed}", "--seed")
    try:
        import torch

        from models.train import prepare
        from models.train.loop import Training
        from models.train.run_folder import RunFolder
        from models.train.task import Settings
    except ImportError as error:
        raise Unavailable(f"training needs what is not installed ({error})", mend="make train-setup") from error
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    console = Console(stderr=True, highlight=False)
    settings = Settings(options.name, options.minutes, options.seed, _data(options.data))
    folder = RunFolder(options.out, settings)
    try:
        task = prepare(settings, folder, lambda text: console.print(text, soft_wrap=True))
        training = Training(task, settings, folder, SystemClock())
        if training.progress.step:
            console.print(f"going on at step {training.progress.step}, after {training.progress.seconds:.0f} s")
        with _bar(console) as bar:
            network = training.run(_Teller(bar, options.name, options.minutes * 60))
        figures = task.finish(network, options.out)
        folder.write_json("metrics.json", figures)
    except OSError as error:
        mend = "make room or give another --out; the same command goes on from the last checkpoint"
        raise Unavailable(f"cannot be written ({error.strerror})", str(options.out), mend) from error
    package = options.out / "package"
    console.print(f"{package}: sign it with scanside models pack {package} --key FILE", soft_wrap=True)
    return {"run": str(options.out), "package": str(package), "steps": training.progress.step, "figures": figures}


def _data(given: Path | None) -> str:
    if given is not None:
        return str(given)
    root = os.environ.get("SCANSIDE_DATA")
    return str(Path(root, ANATOMY)) if root and Path(root, ANATOMY).is_dir() else ""


def _bar(console: Console) -> "Bar":
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("step {task.fields[step]}, {task.fields[rate]:.1f}/s, loss {task.fields[loss]:.4f}"),
        TextColumn("held out {task.fields[score]}"),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=console, refresh_per_second=2)


class _Teller:
    """Shows a run's progress."""

    def __init__(self, bar: "Bar", name: str, seconds: float) -> None:
        self._bar = bar
        self._task = bar.add_task(name, total=seconds, step=0, rate=0.0, loss=0.0, score="-")

    def __call__(self, progress: "Progress") -> None:
        score = f"{progress.history[-1]['score']:.3f} (best {progress.best:.3f})" if progress.history else "-"
        rate = progress.step / max(progress.seconds, 1e-9)
        self._bar.update(
            self._task,
            completed=progress.seconds,
            step=progress.step,
            rate=rate,
            loss=progress.loss,
            score=score,
        )
