"""The denoising step is the identity until there is a runner."""

from dataclasses import replace

import numpy as np
import pytest

from engine.denoise import denoise
from tests.engine.decide.test_decide_decider import frame


class Half:
    """A runner that halves."""

    def run(self, batch: np.ndarray) -> np.ndarray:
        return batch / 2


class Broken:
    def run(self, batch: np.ndarray) -> np.ndarray:
        return batch * np.nan


def test_without_a_runner_nothing_changes() -> None:
    original = frame()
    assert denoise(original, None) is original


def test_a_runner_gets_the_pixels_and_the_original_is_kept() -> None:
    original = replace(frame(), data=np.full((1, 4, 4), 8, np.float32))
    np.testing.assert_array_equal(denoise(original, Half()).data, np.full((1, 4, 4), 4))
    np.testing.assert_array_equal(original.data, np.full((1, 4, 4), 8))


def test_an_answer_that_is_not_finite_is_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        denoise(frame(), Broken())
