"""Raw data of one frame of real anatomy with one fault or none, as a scanner would acquire them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from models.data.anatomy import Volume
from models.quality.kinds import PRIORS, Prior
from models.quality.pictures import body_weights, frame_picture
from models.simulate import FAULTS
from models.simulate.anatomy import anatomy_base
from models.simulate.base import Base, Lines
from models.simulate.fault import Fault
from models.simulate.order import Order, centre_out, echo_trains, interleaved, line_times, sequential

SNR = 40.0
"""Of the object's median; what the faults that are measured in noise refer to."""

_CLEAN_SHARE = 0.36
_PULSATION_SHARE = 0.5
_PULSATION = (10.0, 600.0)
_JITTER_SHARE = 0.4
_JITTER = (0.003, 0.1)
"""Instability of real scans from line to line, a share of the signal; a sound head scan was seen with 0.08."""
_TIGHT_SHARE = 0.2
"""Of the sound prescriptions, as many just hold the object: touching the border is no fault."""
_COILS = (4, 9)
_GAP = 3
"""Repetitions between the frame before and this one: the heart is elsewhere."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What is acquired."""

    base: Base
    """Without the fault."""
    before: Base
    """The frame before, without the fault."""
    prior: Prior | None
    fault: Fault | None
    shape: tuple[int, int]
    """Of the image with the fault."""
    subject: str


def draw_prior(rng: np.random.Generator) -> Prior | None:
    """A random fault, or none."""
    if rng.random() < _CLEAN_SHARE:
        return None
    weights = np.array([prior.weight for prior in PRIORS])
    return PRIORS[int(rng.choice(len(PRIORS), p=weights / weights.sum()))]


def make_scene(
    volumes: Sequence[Volume], shape: tuple[int, int], prior: Prior | None, rng: np.random.Generator, snr: float = SNR
) -> Scene:
    """A random slice on a matrix of `shape`, with half of the clean ones unsteady; raises InputRefused for a fault
    that this picture cannot show.
    """
    volume = volumes[int(rng.choice(len(volumes), p=body_weights(volumes)))]
    strength = float(np.exp(rng.uniform(np.log(prior.low), np.log(prior.high)))) if prior else 0.0
    wraps = prior is not None and prior.fault == "wrap"
    height = 2 * round(shape[0] / (1 - strength / 100) / 2) if wraps else shape[0]
    picture = frame_picture(volume, (height, shape[1]), wraps or rng.random() < _TIGHT_SHARE, rng)
    base = before = _base(picture, prior.fault if prior else "", rng, snr)
    if rng.random() < _PULSATION_SHARE:
        base, before = _pulsating(base, rng)
    if rng.random() < _JITTER_SHARE:
        base, before = _jittered(base, before, rng)
    fault = FAULTS[prior.fault].make(base, strength, 0, rng) if prior else None
    return Scene(base, before, prior, fault, shape, volume.subject)


def _base(picture: NDArray[np.float32], fault: str, rng: np.random.Generator, snr: float) -> Base:
    """`picture` seen by a random ring of coils, its lines in a random order."""
    lines = len(picture)
    train = int(rng.choice((1, 4, 8, 16)))
    if fault == "tremor" and rng.random() < 0.8:  # a pose of its own for each line takes long
        train = max(train, 4)
    single: tuple[Order, ...] = (sequential(lines), interleaved(lines), centre_out(lines))
    order = echo_trains(lines, train) if train > 1 else single[int(rng.integers(len(single)))]
    seconds = float(rng.uniform(0.01, 0.05)) if train == 1 else float(rng.uniform(0.1, 0.6))
    pixel = float(rng.uniform(0.9, 2.0))
    times = line_times(order, seconds, train)
    return anatomy_base(picture, int(rng.integers(*_COILS)), snr, (pixel, pixel), order, times)


def _pulsating(base: Base, rng: np.random.Generator) -> tuple[Base, Base]:
    """The same with one to three vessels that beat: this frame, and an earlier one."""
    now, earlier = base.lines, base.lines
    for _ in range(int(rng.integers(1, 4))):
        strength = float(np.exp(rng.uniform(*np.log(_PULSATION))))
        beat = FAULTS["pulsation"].make(base, strength, 0, rng)
        now, earlier = beat.signal(now, _GAP), beat.signal(earlier, 0)
    return replace(base, lines=now), replace(base, lines=earlier)


def _jittered(base: Base, before: Base, rng: np.random.Generator) -> tuple[Base, Base]:
    """Both frames with a random gain and phase in each line, as unsteady blood and electronics leave in real scans."""
    spread = np.exp(rng.uniform(*np.log(_JITTER))) / np.sqrt(2)

    def unsteady(lines: Lines) -> Lines:
        gains = 1 + spread * (rng.standard_normal(len(lines)) + 1j * rng.standard_normal(len(lines)))
        return np.asarray(lines * gains[:, None, None], np.complex64)

    return replace(base, lines=unsteady(base.lines)), replace(before, lines=unsteady(before.lines))
