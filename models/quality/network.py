"""The quality network in torch: 8 convolutions, 4 of them at stride 2, and heads on the last feature map.

A map per kind says where; its log-mean-exp over the image says how surely. Faults of MRI run along the phase direction,
the image's first axis, so the last convolution also sees the mean over it (of each column) and over the whole image.
About 0.2 thousand million multiplications at 256 x 256.
"""

import math
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from models.quality.shape import (
    CELLS,
    DIFFERENCE_GAIN,
    FLOOR,
    LAST,
    LAYERS,
    LOG_GAIN,
    MIDDLE,
    MOST_DIFFERENCE,
    POOL,
    STRIDE,
)

_RARE = -2.5
"""Logit that a kind begins with."""


class Answers(NamedTuple):
    """What training needs; the graph turns it into probabilities, percent and a distance."""

    logits: Tensor
    """`[image, kind]`."""
    severity: Tensor
    """`[image, kind]` log(1 + impact in %)."""
    where: Tensor
    """`[image, kind, 16, 16]` logits."""
    features: Tensor
    """`[image, feature]` what the embedding is made of."""


class Quality(nn.Module):
    """`[image, 2, y, x]` frame and the frame before, in SNR units -> Answers."""

    def __init__(self, kinds: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(_normalised(*layer) for layer in LAYERS)
        width = LAYERS[-1][1]
        self.along = nn.Conv2d(width, width, 1)
        self.whole = nn.Conv2d(width, width, 1)
        self.last = _normalised(*LAST)
        self.maps = nn.Conv2d(LAST[1], kinds, 1)
        self.severity = nn.Conv2d(LAST[1], kinds, 1)
        self.gain = nn.Parameter(torch.ones(kinds))
        self.bias = nn.Parameter(torch.full((kinds,), _RARE))
        self.where_bias = nn.Parameter(torch.zeros(kinds))
        for convolution in (self.along, self.whole):
            nn.init.zeros_(convolution.weight)

    def forward(self, image: Tensor) -> Answers:
        """See Answers."""
        x = channels(image)
        middle = x
        for number, layer in enumerate(self.layers):
            x = functional.relu(layer(x))
            middle = x if number == MIDDLE else middle
        x = functional.relu(x + self.along(x.mean(2, keepdim=True)) + self.whole(x.mean((2, 3), keepdim=True)))
        x = functional.relu(self.last(x)).float()
        with torch.autocast("cpu", enabled=False):
            maps = self.maps(x)
            where = functional.interpolate(maps, (CELLS, CELLS), mode="bilinear", align_corners=False)
            features = torch.cat([middle.float().mean((2, 3)), x.mean((2, 3))], 1)
            return Answers(
                mean_exponential(maps) * self.gain + self.bias,
                mean_exponential(self.severity(x)),
                where + self.where_bias[:, None, None],
                features,
            )

    @torch.no_grad()
    def weights(self) -> dict[str, NDArray[np.float32]]:
        """Weights as `graph.build` takes them; what normalises is folded into the convolutions."""
        out: dict[str, Tensor] = {}
        for number, layer in enumerate(self.layers):
            out |= _folded(f"layers.{number}", layer)
        out |= _folded("last", self.last)
        for name in ("along", "whole", "maps", "severity"):
            convolution = getattr(self, name)
            out |= {f"{name}.weight": convolution.weight, f"{name}.bias": convolution.bias}
        out |= {"gain": self.gain, "bias": self.bias, "where_bias": self.where_bias}
        return {name: value.float().numpy() for name, value in out.items()}


def channels(image: Tensor) -> Tensor:
    """`[image, 3, y, x]`: over its own brightness, as a logarithm, and the difference to the frame before."""
    frame = image[:, :1].clamp_min(0)
    level = functional.avg_pool2d(frame, POOL, STRIDE).amax((2, 3), keepdim=True).clamp_min(FLOOR)
    change = (image[:, :1] - image[:, 1:]).clamp(-MOST_DIFFERENCE, MOST_DIFFERENCE)
    return torch.cat([frame / level, LOG_GAIN * torch.log(1 + frame), DIFFERENCE_GAIN * change], 1)


def mean_exponential(maps: Tensor) -> Tensor:
    """`[image, kind]` log of the mean of exp over the plane: the mean of flat maps, near the maximum of peaked ones."""
    return torch.logsumexp(maps, (2, 3)) - math.log(maps.shape[2] * maps.shape[3])


def _normalised(taken: int, given: int, stride: int) -> nn.Sequential:
    convolution = nn.Conv2d(taken, given, 3, stride, 1, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(given, momentum=0.02))


def _folded(name: str, layer: nn.Module) -> dict[str, Tensor]:
    convolution, norm = layer.children()
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    return {
        f"{name}.weight": convolution.weight * scale[:, None, None, None],
        f"{name}.bias": norm.bias - norm.running_mean * scale,
    }
