"""The training loop: by time, resumable, with a running mean of the weights and early stopping.

Everything random comes from the seed through two generators that are part of the checkpoint, so a run that was killed
goes on with the same weights, pictures and random numbers as saved. The rate follows the clock: steps that are done
again after the last checkpoint see other rates than they did, and so end at other weights.
"""

import copy
import logging
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from engine.errors import ScansideError
from engine.seams import Clock
from models.train.run_folder import RunFolder
from models.train.task import Recipe, Settings, Task

log = logging.getLogger(__name__)

_SAVE_SECONDS = 20.0


@dataclass(slots=True)
class Progress:
    """Where a run is."""

    step: int = 0
    seconds: float = 0.0
    loss: float = math.nan
    """Running mean."""
    best: float = -math.inf
    best_step: int = 0
    history: list[dict[str, float]] = field(default_factory=list)


Say = Callable[[Progress], None]


class Training:
    """One run: begun or resumed, carried on to its end."""

    def __init__(self, task: Task, settings: Settings, run: RunFolder, clock: Clock) -> None:
        self._task, self._settings, self._run, self._clock = task, settings, run, clock
        self._recipe = task.recipe
        torch.manual_seed(settings.seed)
        self._network = task.network().to(memory_format=torch.channels_last)
        self._average = copy.deepcopy(self._network).eval().requires_grad_(requires_grad=False)
        self._best = copy.deepcopy(self._average)
        self._optimizer = torch.optim.AdamW(
            self._network.parameters(), lr=self._recipe.rate, weight_decay=self._recipe.decay
        )
        self._rng = np.random.default_rng(settings.seed)
        self.progress = Progress()
        self._limit = settings.minutes * 60
        if (state := run.load()) is not None:
            self._restore(state)

    def run(self, say: Say) -> nn.Module:
        """Train to the end; the best weights. Raises ScansideError when the loss or its gradient is no number."""
        progress, before = self.progress, self._clock.monotonic()
        saved = progress.seconds
        while progress.seconds < self._limit and not self._stalled():
            self._step()
            now = self._clock.monotonic()
            progress.seconds, before = progress.seconds + now - before, now
            if self._validation_due():
                self._validate()
            if progress.seconds - saved > _SAVE_SECONDS:
                self._save()
                saved = progress.seconds
            say(progress)
        if not progress.history or progress.history[-1]["step"] != progress.step:
            self._validate()
        self._save()
        say(progress)
        return self._best

    def _step(self) -> None:
        progress = self.progress
        rate = learning_rate(self._recipe, progress.step, progress.seconds / self._limit)
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        batch = self._task.batch(self._rng)
        self._network.train()
        loss = self._task.loss(self._network, batch)
        value = float(loss.detach())
        self._check("loss", value, batch)
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self._network.parameters(), self._recipe.clip)
        self._check("gradient", float(norm), batch)
        self._optimizer.step()
        progress.step += 1
        weight = max(1 - self._recipe.average, 1 / progress.step)
        progress.loss = value if progress.step == 1 else progress.loss + 0.01 * (value - progress.loss)
        _approach(self._average, self._network, weight)

    def _check(self, what: str, value: float, batch: tuple[Tensor, ...]) -> None:
        if math.isfinite(value):
            return
        path = self._run.save_batch(batch)
        raise ScansideError(
            f"the {what} became {value} in step {self.progress.step}",
            self._settings.name,
            f"the batch is in {path}; the checkpoint before it is kept",
        )

    def _validation_due(self) -> bool:
        done = len(self.progress.history)
        return self.progress.seconds >= (done + 1) * self._limit / self._recipe.validations

    def _validate(self) -> None:
        progress = self.progress
        figures = self._task.validate(self._average)
        progress.history.append(
            {"step": float(progress.step), "seconds": progress.seconds, "loss": progress.loss, **figures}
        )
        self._run.write_history(progress.history)
        if figures["score"] > progress.best:
            progress.best, progress.best_step = figures["score"], progress.step
            self._best.load_state_dict(self._average.state_dict())

    def _stalled(self) -> bool:
        later = sum(row["step"] > self.progress.best_step for row in self.progress.history)
        return later >= self._recipe.patience

    def _save(self) -> None:
        progress = self.progress
        self._run.save(
            {
                "network": self._network.state_dict(),
                "average": self._average.state_dict(),
                "best": self._best.state_dict(),
                "optimizer": self._optimizer.state_dict(),
                "rng": self._rng.bit_generator.state,
                "torch_rng": torch.get_rng_state(),
                "progress": asdict(progress),
            }
        )

    def _restore(self, state: dict[str, Any]) -> None:
        for name in ("network", "average", "best", "optimizer"):
            getattr(self, f"_{name}").load_state_dict(state[name])
        self._rng.bit_generator.state = state["rng"]
        torch.set_rng_state(state["torch_rng"])
        self.progress = Progress(**state["progress"])
        log.info("going on at step %d, after %.0f s", self.progress.step, self.progress.seconds)


def learning_rate(recipe: Recipe, step: int, share: float) -> float:
    """Linear over the first steps, then a cosine of the share (0..1) of the time that has passed."""
    low = recipe.last_rate
    falling = low + (1 - low) * 0.5 * (1 + math.cos(math.pi * min(share, 1.0)))
    return recipe.rate * falling * min(1.0, (step + 1) / recipe.warm_up)


@torch.no_grad()
def _approach(average: nn.Module, network: nn.Module, weight: float) -> None:
    kept, fresh = dict(average.state_dict()), network.state_dict()
    for name, value in kept.items():
        if value.is_floating_point():
            value.lerp_(fresh[name], weight)
        else:
            value.copy_(fresh[name])
