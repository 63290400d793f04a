"""What goes into a denoising network and what may come out."""

from dataclasses import replace

import numpy as np
import pytest

from engine.denoise import fault_in, in_noise_units, not_denoised, processed_frame, removed
from tests.engine.decide.test_decide_decider import frame


def of(value: float, noise_sd: float | None, *, snr_units: bool = False):
    return replace(frame(), data=np.full((1, 4, 4), value, np.float32), noise_sd=noise_sd, snr_units=snr_units)


def test_networks_see_noise_of_one() -> None:
    np.testing.assert_array_equal(in_noise_units(of(8, 2.0)), np.full((1, 4, 4), 4))
    np.testing.assert_array_equal(in_noise_units(of(8, 0.5, snr_units=True)), np.full((1, 4, 4), 16))
    whitened = of(8, None, snr_units=True)
    assert in_noise_units(whitened) is whitened.data


@pytest.mark.parametrize("noise_sd", [None, 0.0, float("nan")])
def test_without_a_noise_level_there_is_no_input(noise_sd: float | None) -> None:
    assert in_noise_units(of(8, noise_sd)) is None


def test_the_answer_goes_back_into_the_frames_unit_and_names_its_network() -> None:
    original = of(8, 2.0)
    image = in_noise_units(original)
    made = processed_frame(original, image / 2, "mean 1.2.3")
    np.testing.assert_array_equal(made.data, np.full((1, 4, 4), 4))
    np.testing.assert_array_equal(original.data, np.full((1, 4, 4), 8))
    assert (made.processed_by, original.processed_by) == ("mean 1.2.3", "")
    assert replace(made, data=original.data, processed_by="") == original


def test_the_row_says_how_much_was_taken_away() -> None:
    image = np.zeros((1, 2, 2), np.float32)
    answer = np.array([[[3, -3], [3, -3]]], np.float32)
    told = removed(image, answer)
    assert (told.row, told.value, told.unit) == ("n01", 3.0, "noise sd")
    assert not_denoised("worker_lost").why_missing == "worker_lost"


RAMP = np.arange(16, dtype=np.float32).reshape(1, 4, 4)


@pytest.mark.parametrize(
    ("answer", "image", "why"),
    [
        (RAMP / 2, RAMP, ""),
        (RAMP[:, :3], RAMP, "wrong_shape"),
        (np.full_like(RAMP, np.nan), RAMP, "not_finite"),
        (np.where(RAMP == 3, np.inf, RAMP), RAMP, "not_finite"),
        (np.where(RAMP == 3, -np.inf, RAMP), RAMP, "not_finite"),
        (np.full_like(RAMP, 7), RAMP, "constant_output"),
        (np.full_like(RAMP, 7), np.zeros_like(RAMP), ""),
    ],
)
def test_answers_that_cannot_be_used_are_named(answer: np.ndarray, image: np.ndarray, why: str) -> None:
    assert fault_in(answer, image) == why
