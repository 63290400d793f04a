"""What is trained: the settings of a run, and what the training loop asks of a network's own module."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class Settings:
    """One run, as asked for; kept in its folder as settings.json."""

    name: str
    minutes: float
    """Time to train, validation included, preparation of the data not."""
    seed: int
    data: str = ""
    """Folder of real anatomy; empty: photographs and drawn shapes only."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a network is trained; the defaults suit small convolutional networks on a CPU."""

    rate: float = 3e-3
    """Highest learning rate of AdamW; falls with the time that has passed, as a cosine, to `last_rate` of it."""
    last_rate: float = 0.01
    warm_up: int = 60
    """Steps."""
    clip: float = 1.0
    """Largest norm of the gradient."""
    decay: float = 1e-4
    average: float = 0.998
    """Of the running mean of the weights, which is what is validated and shipped."""
    validations: int = 24
    """Spread over the time."""
    patience: int = 12
    """Validations without a better score after which training ends."""


class Task(Protocol):
    """One network with its data."""

    @property
    def recipe(self) -> Recipe:
        """How it is trained."""
        ...

    def network(self) -> nn.Module:
        """Fresh, from torch's own seed."""
        ...

    def batch(self, rng: np.random.Generator) -> tuple[Tensor, ...]:
        """The next training pictures and their targets; everything random comes from `rng`."""
        ...

    def loss(self, network: nn.Module, batch: tuple[Tensor, ...]) -> Tensor:
        """A scalar."""
        ...

    def validate(self, network: nn.Module) -> dict[str, float]:
        """Figures on what was held out; `score` is the one to make large."""
        ...

    def finish(self, network: nn.Module, folder: Path) -> dict[str, Any]:
        """Writes the package's source and the plots; returns the final figures."""
        ...
