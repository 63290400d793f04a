"""The denoiser in torch: FFDNet's idea (Zhang, Zuo, Zhang 2018, IEEE TIP 27:4608), with residual blocks.

Works at half resolution (pixels unshuffled into channels) beside a map of the noise level, both over the image's own
brightness, and predicts the noise. Small enough for one frame of 256 x 256 in some 14 ms on one core.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.denoiser.shape import BLOCKS, CHANNELS, FLOOR, MOST_CHANGE, NOISE_GAIN, POOL, STRIDE


class Denoiser(nn.Module):
    """`[image, 1, y, x]` magnitude in SNR units -> the same with its noise taken away, at most 3 noise sd a pixel."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Conv2d(5, CHANNELS, 3, padding=1)
        self.body = nn.ModuleList(nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1) for _ in range(2 * BLOCKS))
        self.tail = nn.Conv2d(CHANNELS, 4, 3, padding=1)
        nn.init.zeros_(self.tail.weight)
        nn.init.zeros_(self.tail.bias)

    def noise(self, image: Tensor, level: Tensor) -> Tensor:
        """What is noise in `image`, in its unit, not capped; `level [image, 1, 1, 1]` is how bright the image is."""
        odd = (0, image.shape[3] % 2, 0, image.shape[2] % 2)
        scaled = functional.pixel_unshuffle(functional.pad(image / level, odd, mode="replicate"), 2)
        noise_map = (NOISE_GAIN / level).expand(-1, 1, *scaled.shape[2:])
        x = functional.relu(self.head(torch.cat([scaled, noise_map], 1)))
        for first, second in zip(self.body[0::2], self.body[1::2], strict=True):
            x = x + second(functional.relu(first(x)))
        noise = functional.pixel_shuffle(self.tail(x), 2).float() * level
        return noise[:, :, : image.shape[2], : image.shape[3]]

    def forward(self, image: Tensor) -> Tensor:
        """The denoised image."""
        return image - self.noise(image, brightness(image)).clamp(-MOST_CHANGE, MOST_CHANGE)


def brightness(image: Tensor) -> Tensor:
    """`[image, 1, 1, 1]` the brightest mean over 8 x 8 pixels, at least 4 noise sd."""
    return functional.avg_pool2d(image, POOL, STRIDE).amax((2, 3), keepdim=True).clamp_min(FLOOR)
