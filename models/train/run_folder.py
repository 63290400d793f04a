"""The folder of one training run: settings, checkpoint, history, and what a failure left."""

import csv
import io
import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from engine.errors import ConfigError, InputRefused
from models.train.task import Settings

CHECKPOINT = "checkpoint.pt"


class RunFolder:
    """One folder, one run: the same settings go on where they stopped, other settings are refused.

    Nothing is written before `begin`, so a run whose settings turn out to be wrong leaves the folder to the next.
    """

    def __init__(self, path: Path, settings: Settings) -> None:
        self.path, self._settings = path, asdict(settings)
        self._told = path / "settings.json"
        if self._told.exists():
            kept = self._kept()
            if {name: kept.get(name) for name in self._settings} != self._settings:
                mend = "give the same settings to go on, or another --out"
                raise ConfigError(f"holds a run with other settings; {mend}", str(path))

    def _kept(self) -> dict[str, Any]:
        try:
            kept = json.loads(self._told.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise InputRefused(f"cannot be read ({error})", str(self._told), "give another --out") from error
        return kept if isinstance(kept, dict) else {}

    def begin(self) -> None:
        """settings.json with the versions of now; left as it is when the run goes on."""
        self.path.mkdir(parents=True, exist_ok=True)
        if not self._told.exists():
            versions = {"python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__}
            self.write_json("settings.json", {**self._settings, "versions": versions})

    def write_json(self, name: str, document: dict[str, Any]) -> None:
        """A readable file, whole or not at all."""
        self._replace(name, (json.dumps(document, indent=2) + "\n").encode())

    def save(self, state: dict[str, Any]) -> None:
        """The checkpoint, whole or not at all."""
        held = io.BytesIO()  # torch writes a file by itself with errors that do not say what the disk said
        torch.save(state, held)
        self._replace(CHECKPOINT, held.getvalue())

    def load(self) -> dict[str, Any] | None:
        """The checkpoint, None at the start; raises InputRefused when it cannot be read."""
        path = self.path / CHECKPOINT
        if not path.exists():
            return None
        try:
            state: dict[str, Any] = torch.load(path, weights_only=True)
        except Exception as error:
            # torch raises whatever the damaged part makes it raise.
            raise InputRefused(f"cannot be read ({error})", str(path), "remove it to start again") from error
        return state

    def write_history(self, rows: Sequence[dict[str, float]]) -> None:
        """history.csv, one line for each validation."""
        lines = [",".join(rows[0])] + [",".join(f"{value:.6g}" for value in row.values()) for row in rows]
        self._replace("history.csv", ("\n".join(lines) + "\n").encode())

    def save_batch(self, batch: tuple[Tensor, ...]) -> Path:
        """The batch that broke the training, for who looks into it."""
        path = self.path / "broken-batch.npz"
        np.savez(path, **{f"array_{number}": tensor.numpy() for number, tensor in enumerate(batch)})
        return path

    def _replace(self, name: str, data: bytes) -> None:
        half = self.path / f"{name}.half"
        try:
            half.write_bytes(data)
            os.replace(half, self.path / name)
        except OSError:
            half.unlink(missing_ok=True)  # a full disk is not to stay full of it
            raise


def read_history(folder: Path) -> list[dict[str, float]]:
    """history.csv of a run."""
    with (folder / "history.csv").open(encoding="utf-8", newline="") as stream:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(stream)]
