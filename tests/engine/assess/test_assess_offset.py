"""m08: the receiver's constant offset and quadrature error read their strength, and nothing else looks like them."""

import numpy as np
import pytest

from engine.assess.memory import StratumMemory
from engine.assess.offset import DETECTED, center_over_ring, receiver_offset
from engine.decide.limits import shipped_limits
from engine.types import Verdict
from tests.engine.assess.views import DISC, HEIGHT, LEVEL, WIDTH, views

LIMITS = shipped_limits()


def measure(seed: int, change):
    return receiver_offset(next(views(DISC, 1, seed, change)), StratumMemory())


@pytest.mark.parametrize("sd", [10.0, 20.0, 60.0])
def test_a_constant_reads_as_the_dot_that_it_makes(sd: float) -> None:
    offset = sd / np.sqrt(HEIGHT * WIDTH / 4)

    def add(lines, repetition):
        lines[:, 5] += offset * np.exp(0.7j)
        return lines

    dot = 100 * offset * np.sqrt(HEIGHT * WIDTH) / LEVEL
    found = [measure(seed, add) for seed in range(10)]
    assert {m.where.coils for m in found} == {(5,)}
    assert np.mean([m.value for m in found]) == pytest.approx(sd, rel=0.1)
    assert np.mean([m.impact for m in found]) == pytest.approx(dot, rel=0.1)
    assert [m.impact for m in found] == pytest.approx([dot] * 10, abs=3 * dot / sd)
    assert LIMITS.judge(found[0]).severity is Verdict.WARN


@pytest.mark.parametrize("gain", [0.15, 0.3])
def test_a_quadrature_gain_error_reads_as_half_of_it(gain: float) -> None:
    def unbalance(lines, repetition):
        part = lines[:, 3]
        lines[:, 3] = (1 + gain / 2) * part.real + 1j * (1 - gain / 2) * part.imag
        return lines

    found = [measure(seed, unbalance) for seed in range(10)]
    assert {m.where.coils for m in found} == {(3,)}
    spread = 50 / np.sqrt(HEIGHT * WIDTH / 4)
    assert np.mean([m.impact for m in found]) == pytest.approx(50 * gain, rel=0.1)
    assert [m.impact for m in found] == pytest.approx([50 * gain] * 10, abs=3 * spread)


def test_without_fault_the_worst_of_sixteen_stays_below_the_limit() -> None:
    found = [measure(seed, lambda lines, _: lines) for seed in range(10)]
    assert max(m.value for m in found) < DETECTED
    assert all(m.impact == 0 and not m.where.coils for m in found)


def test_the_limit_of_the_table_is_the_one_that_names_elements() -> None:
    assert LIMITS.rows["m08"].detect.value == DETECTED


def test_the_centre_is_the_pixel_of_the_corner_image() -> None:
    """Independent: the whole image of the masked k-space by a plain FFT."""
    rng = np.random.default_rng(1)
    samples = rng.standard_normal((40, 3, 48)) + 1j * rng.standard_normal((40, 3, 48))
    ky, kx = np.arange(40) - 20, np.arange(48) - 24
    rows, columns = np.abs(ky) > 10, np.abs(kx) > 12
    masked = np.where((rows[:, None] & columns)[:, None], samples, 0)
    image = np.fft.fftshift(np.fft.ifft2(np.fft.ifftshift(masked, (0, 2)), axes=(0, 2)), (0, 2)) * 40 * 48
    lattice = np.arange(-6, 7, 2)
    turns = [np.exp(2j * np.pi * np.outer(lattice, k) / n) for k, n in ((ky[rows], 40), (kx[columns], 48))]
    center, sd = center_over_ring(np.ascontiguousarray(samples[rows][..., columns]), *turns)
    around = image[20 - 6 : 20 + 7 : 2, :, 24 - 6 : 24 + 7 : 2].transpose(1, 0, 2).reshape(3, -1)
    assert center == pytest.approx(image[20, :, 24])
    ring = (np.abs(np.delete(around, 24, axis=1)) ** 2).mean(axis=1)
    assert sd == pytest.approx(np.abs(image[20, :, 24]) / np.sqrt(ring / 2))


def test_an_incomplete_frame_says_so() -> None:
    view = next(views(DISC, 1, 0))
    object.__setattr__(view.kspace.completeness, "missing", (3,))
    assert receiver_offset(view, StratumMemory()).why_missing == "incomplete"
