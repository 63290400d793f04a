"""Trains the denoiser: fresh noise on clean pictures at every step, the noisy image's mean as the target.

The target is the expectation of the magnitude over the noise, floor and all, which is what a second, equally noisy
repeat would teach as well (Noise2Noise, Lehtinen 2018): the network takes noise away and corrects no bias. Loss:
squared error over (sigma + 0.01)^2, sigma the noise over the picture's brightness, so that quiet images count too.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.answers import npz_bytes
from models.data.anatomy import Anatomy
from models.data.noise import expected_magnitude, noisy_magnitude
from models.data.targets import LEAST, PHOTOGRAPHS, Bank, Picture, bank, levelled, photograph_pictures, shrunk
from models.denoiser import graph
from models.denoiser.network import Denoiser
from models.train.plots import plot_examples, plot_history
from models.train.precision import HAS_BF16
from models.train.source import run_card, write_source
from models.train.task import Recipe, Settings

COILS = (1, 2, 4, 8, 16, 32)
SIGMA, RARE_SIGMA, RARE = (0.01, 0.13), (0.005, 0.3), 0.2
"""Noise over the picture's brightness; and, for so large a share of the pictures, far quieter and louder ones."""
SIDE, BATCH = 64, 8

_HELD_OUT_PHOTOGRAPHS = ("camera", "coins")
_VALIDATION_SIGMA = (0.05, 0.10)
_VALIDATION_SIDE, _VALIDATION_PICTURES = 128, 16
_OBJECT = 0.1
_GOLDEN_COILS = 8


@dataclass(frozen=True, slots=True)
class Held:
    """Pictures that are not trained on, with their noise."""

    noisy: Tensor
    wanted: Tensor
    inside: Tensor
    """Where the object is."""
    peak: Tensor
    """`[picture, 1, 1, 1]` SNR of the brightest."""


class DenoiserTask:
    """A `Task`."""

    def __init__(self, settings: Settings, pictures: Bank, held: Held, data: str) -> None:
        self.recipe = Recipe()
        self._settings, self._data = settings, data
        self._pictures, self._held = pictures, held
        self._means = {coils: _table(coils) for coils in COILS}

    def network(self) -> nn.Module:
        """Fresh."""
        return Denoiser()

    def batch(self, rng: np.random.Generator) -> tuple[Tensor, ...]:
        """Noisy magnitude, its mean, sigma, and the brightness that the whole picture would have."""
        pairs = [self._pair(rng) for _ in range(BATCH)]
        return tuple(torch.from_numpy(np.stack(part).astype(np.float32)) for part in zip(*pairs, strict=True))

    def loss(self, network: nn.Module, batch: tuple[Tensor, ...]) -> Tensor:
        """Mean of squared error over (sigma + 0.01)^2."""
        noisy, wanted, sigma, level = batch
        with torch.autocast("cpu", torch.bfloat16, enabled=HAS_BF16):
            noise = network.noise(noisy, level)
        error = (noisy - noise - wanted) * sigma
        return (error.square() / (sigma + 0.01).square()).mean()

    @torch.no_grad()
    def validate(self, network: nn.Module) -> dict[str, float]:
        """Mean gain in PSNR inside the object at each noise level, dB; the score is their mean."""
        gained = psnr(network(self._held.noisy), self._held) - psnr(self._held.noisy, self._held)
        by_level = gained.view(-1, len(_VALIDATION_SIGMA)).mean(0)
        gains = {f"gain_{s:.0%}".replace("%", ""): float(g) for s, g in zip(_VALIDATION_SIGMA, by_level, strict=True)}
        return {"score": float(by_level.mean()), **gains}

    @torch.no_grad()
    def finish(self, network: nn.Module, folder: Path) -> dict[str, Any]:
        """package/ with the ONNX graph, manifest, card and golden frames; loss.png, examples.png."""
        weights = {name: value.numpy() for name, value in network.state_dict().items()}
        figures = {**self.validate(network), "parameters": sum(value.size for value in weights.values())}
        model = graph.build(weights).SerializeToString(deterministic=True)
        held = self._held
        golden = held.noisy[[0, -1], :, :96, :81].numpy()
        files = {"model.onnx": model, "golden.npz": npz_bytes({"image": golden[:, None]})}
        card = run_card(self._settings, self._data, figures)
        write_source(folder / "package", Path(graph.__file__).parent, files, card)
        answers = network(held.noisy)
        plot_history(folder, ["score", *(f"gain_{round(100 * s)}" for s in _VALIDATION_SIGMA)], "gain, dB PSNR")
        shown = range(0, len(answers), max(len(answers) // 5, 1))
        panels = [(held.noisy[i, 0], answers[i, 0], held.wanted[i, 0], float(held.peak[i])) for i in shown]
        plot_examples(folder, ("noisy", "denoised", "truth", "removed x 4"), [_row(*panel) for panel in panels])
        return figures

    def _pair(self, rng: np.random.Generator) -> tuple[NDArray[np.float32], ...]:
        sigma = float(rng.uniform(*(RARE_SIGMA if rng.random() < RARE else SIGMA)))
        coils = int(rng.choice(COILS))
        signal = self._pictures.patch(SIDE, rng) / np.float32(sigma)
        noisy = noisy_magnitude(signal, coils, rng)
        grid, means = self._means[coils]
        wanted = np.interp(signal, grid, means)
        level = max(float(rng.uniform(0.7, 1.2)) / sigma, 4.0, float(np.percentile(noisy, 99)) * 0.5)
        one = np.ones((1, 1, 1), np.float32)
        return noisy[None], wanted[None], one * np.float32(sigma), one * np.float32(level)


def _row(noisy: Tensor, answer: Tensor, wanted: Tensor, peak: float) -> list[NDArray[np.float32]]:
    pictures = [noisy / peak, answer / peak, wanted / peak, 0.5 + 4 * (noisy - answer) / peak]
    return [picture.numpy() for picture in pictures]


def psnr(images: Tensor, held: Held) -> Tensor:
    """`[picture]` peak signal to noise ratio inside the object, dB."""
    error = ((images - held.wanted).square() * held.inside).sum((1, 2, 3)) / held.inside.sum((1, 2, 3))
    return 10 * torch.log10(held.peak.flatten() ** 2 / error)


def prepare(settings: Settings, anatomy: Anatomy, folder: Path, say: Callable[[str], None]) -> DenoiserTask:
    """Makes the pictures, and says what is trained on."""
    del folder  # nothing is worth keeping: the pictures are made in seconds
    rng = np.random.default_rng([settings.seed, 1])
    photographs = {name: _photograph(name) for name in PHOTOGRAPHS}
    held = photograph_pictures([photographs.pop(name) for name in _HELD_OUT_PHOTOGRAPHS], rng)
    held = _held_slices(anatomy, rng) or held
    pictures = bank(anatomy.of("train"), list(photographs.values()), rng)
    trained = len(anatomy.of("train")) - len(pictures.unused)
    for name in pictures.unused:
        say(f"left out: {name}: slices below {LEAST} pixels, too small for a patch and room to move it")
    data = (
        f"{trained} volumes of real anatomy to train on, {len(anatomy.of('val'))} held out, "
        f"{len(anatomy.problems) + len(pictures.unused)} problems with the data; "
        f"{sum(map(len, pictures.groups))} clean pictures" + _instead(anatomy, trained)
    )
    say(data)
    return DenoiserTask(settings, pictures, held_out(held, rng), data)


def _instead(anatomy: Anatomy, trained: int) -> str:
    """What stands in for the splits that hold nothing."""
    training = "" if trained else "; no anatomy to train on: photographs and drawn shapes only"
    return training + ("" if anatomy.of("val") else "; no anatomy held out: two photographs instead")


def held_out(pictures: Sequence[Picture], rng: np.random.Generator) -> Held:
    """Some of the pictures at each noise level, the middle of each, with noise drawn once."""
    chosen = [pictures[i] for i in np.linspace(0, len(pictures) - 1, _VALIDATION_PICTURES).round().astype(int)]
    rows = []
    for picture in chosen:
        middle = _middle(picture, _VALIDATION_SIDE)
        for sigma in _VALIDATION_SIGMA:
            coils = int(rng.choice(COILS))
            signal = middle / np.float32(sigma)
            noisy = noisy_magnitude(signal, coils, rng)
            rows.append((noisy, expected_magnitude(signal, coils), middle > _OBJECT, np.float32(1 / sigma)))
    noisy, wanted, inside, peak = (np.stack(part) for part in zip(*rows, strict=True))
    planes = (torch.from_numpy(part.astype(np.float32))[:, None] for part in (noisy, wanted, inside))
    return Held(next(planes), next(planes), next(planes), torch.from_numpy(peak).view(-1, 1, 1, 1))


def _held_slices(anatomy: Anatomy, rng: np.random.Generator) -> list[Picture]:
    """The middle slices of the held-out volumes, as sharp as the training pictures."""
    pictures = []
    for volume in anatomy.of("val"):
        planes = volume.slices()
        for plane in planes[len(planes) // 3 :: max(len(planes) // 3, 1)][:2]:
            pictures.append(levelled(shrunk(plane, float(rng.uniform(1.2, 1.6)) * (1.5 if volume.interpolated else 1))))
    return pictures


def _middle(picture: Picture, side: int) -> Picture:
    """A square of `side` pixels round the middle, mirrored where the picture ends."""
    short = [max(side - size, 0) for size in picture.shape]
    padded = np.pad(picture, [(n // 2, n - n // 2) for n in short], mode="reflect") if any(short) else picture
    top, left = ((size - side) // 2 for size in padded.shape)
    return padded[top : top + side, left : left + side]


def _photograph(name: str) -> Picture:
    from skimage import color, data

    image = np.asarray(getattr(data, name)(), np.float32)
    return np.asarray(color.rgb2gray(image[..., :3]) if image.ndim == 3 else image, np.float32)


def _table(coils: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Signal and its expected magnitude, close enough to interpolate between."""
    grid = np.concatenate([np.linspace(0, 40, 801), np.linspace(41, 400, 360)])
    return grid, expected_magnitude(grid, coils).astype(np.float64)
