"""A frame and its denoised self: what is shown, and what is told where it is not."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from engine.denoise import in_noise_units
from firmware.inference.denoising import Denoising
from firmware.inference.status import ModelStatus
from tests.engine.decide.test_decide_decider import frame

NOISE = np.random.default_rng(1).choice([-1, 1], (1, 64, 64)).astype(np.float32)
CLEAN = np.full_like(NOISE, 30)
STATUS = ModelStatus("mean", "denoise", "onnxruntime-cpu", "fp32", "serving", version="1.2.3")
LESION = np.zeros_like(NOISE)
LESION[0, 20:28, 30:38] = 1.5


@dataclass
class Answers:
    """A worker that gives the same answer to every image."""

    answer: np.ndarray | str
    status: ModelStatus = STATUS

    def submit(self, image: np.ndarray) -> int:
        return 1

    def collect(self, pending: int) -> np.ndarray | str:
        assert pending == 1
        return self.answer


def shown(image: np.ndarray, answer: np.ndarray | str):
    """(processed frame, row n01) of an image in units of half its noise sd."""
    noisy = replace(frame(), data=2 * image, noise_sd=2.0, snr_units=False)
    return Denoising(noisy, in_noise_units(noisy), Answers(answer)).finish()


def test_what_lost_only_noise_is_shown() -> None:
    made, row = shown(CLEAN + NOISE, CLEAN)
    np.testing.assert_allclose(made.data, 2 * CLEAN)
    assert made.processed_by == "mean 1.2.3"
    assert row.value == pytest.approx(1)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (CLEAN - 6, "change_too_large"),
        (CLEAN - 0.3 * NOISE, "removed_too_much"),
        (CLEAN, "structure_removed"),
        ("worker_late", "worker_late"),
    ],
)
def test_what_lost_more_is_not_shown_and_said(answer: np.ndarray | str, why: str) -> None:
    made, row = shown(CLEAN + NOISE + LESION, answer)
    assert made is None
    assert (row.row, row.value, row.why_missing) == ("n01", None, why)
