"""Pictures of known things: what is put in must be seen, and an independent numpy says how bright."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from engine.picture import element_images, kspace_magnitude, plane16, window
from engine.types import Completeness, FrameIndex, KSpace

RNG = np.random.default_rng(12)


def values(quantised):
    return quantised.offset + quantised.step * quantised.data.astype(np.float64)


def kspace_of(raw, hybrid=None, whitening=None, counts=None):
    """`raw` `[line, coil, sample]`, centred; `hybrid` is its plain centred transform unless given."""
    lines, _, samples = raw.shape
    if hybrid is None:
        hybrid = np.fft.fftshift(np.fft.ifft(np.fft.ifftshift(raw, axes=2), axis=2), axes=2)
    counts = np.ones(lines, np.int32) if counts is None else counts
    return KSpace(
        index=FrameIndex(),
        data=raw.astype(np.complex64).transpose(1, 0, 2)[:, None],
        hybrid=np.ascontiguousarray(hybrid, np.complex64),
        counts=counts,
        time_stamps=np.zeros(lines, np.uint32),
        order=np.arange(lines, dtype=np.int32),
        whitening=whitening,
        noise=None,
        center=(lines // 2, samples // 2),
        readout_oversampling=1.0,
        completeness=Completeness(lines, lines),
    )


def noise(*shape):
    return (RNG.standard_normal((*shape, 2)).astype(np.float32)).view(np.complex64)[..., 0]


# --- the image ---------------------------------------------------------------------------------------


@given(arrays.arrays(np.float32, (5, 7), elements=st.floats(-(2.0**100), 2.0**100, width=32)))
def test_sixteen_bits_give_a_value_back_within_half_a_step(image):
    quantised = plane16(image)
    assert quantised.data.dtype == np.uint16
    span = float(image.max()) - float(image.min())
    assert np.abs(values(quantised) - image).max() <= span / 131070 * (1 + 1e-9)


def test_the_least_and_the_greatest_value_use_all_levels():
    quantised = plane16(np.array([[2.0, 3.0], [5.0, 4.0]], np.float32))
    assert quantised.data.tolist() == [[0, 21845], [65535, 43690]]
    assert (quantised.offset, quantised.step) == (2.0, 3.0 / 65535)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_dark_and_spoils_nothing_else(bad):
    image = np.array([[1.0, 2.0], [3.0, bad]], np.float32)
    assert np.allclose(values(plane16(image)), [[1, 2], [3, 1]], atol=1e-4)
    assert window(image)[1] <= 3.0
    nothing = np.full((2, 2), bad, np.float32)
    assert values(plane16(nothing)).tolist() == [[0, 0], [0, 0]]
    assert window(nothing) == (0.0, 1.0)


def test_an_image_of_one_value_has_a_window_all_the_same():
    image = np.full((4, 4), 7.0, np.float32)
    assert (values(plane16(image)) == 7.0).all()
    low, high = window(image)
    assert low == 7.0
    assert high > low


@pytest.mark.parametrize("shape", [(256, 256), (192, 300), (31, 1)])
def test_the_window_is_that_of_all_pixels_and_hot_ones_do_not_move_it(shape):
    image = np.abs(RNG.standard_normal(shape)).astype(np.float32) * 100
    image[0, 0] = 1e9
    low, high = window(image)
    clean = np.delete(image.ravel(), 0)
    assert np.isclose(low, np.percentile(clean, 1), atol=5)
    assert np.percentile(clean, 96) < high <= clean.max() or shape[1] == 1


# --- k-space -----------------------------------------------------------------------------------------


@given(st.integers(0, 383), st.integers(0, 767), st.integers(0, 3))
def test_one_spike_stays_as_bright_in_a_small_picture_as_it_is(line, sample, coil):
    raw = np.full((384, 4, 768), 1e-3 + 0j, np.complex64)
    raw[line, coil, sample] = 1.0
    picture = kspace_magnitude(kspace_of(raw, raw))
    assert picture.data.shape == (256, 256)
    assert picture.data.max() == 255
    (at,) = np.argwhere(picture.data == 255)
    assert abs(at[0] - line * 256 / 384) <= 1
    assert abs(at[1] - sample * 256 / 768) <= 1


def test_kspace_is_the_magnitude_over_elements_in_decibels():
    raw = noise(64, 3, 96)
    picture = kspace_magnitude(kspace_of(raw, raw))
    magnitude = np.sqrt((np.abs(raw) ** 2).sum(axis=1))
    decibels = 20 * np.log10(magnitude / magnitude.max())
    assert picture.data.shape == (64, 96)
    assert np.abs(values(picture) - decibels).max() <= picture.step / 2 + 1e-3


def test_a_line_that_never_came_is_black_whatever_its_buffer_holds():
    raw = noise(32, 2, 32)
    raw[5] = 1e6
    counts = np.ones(32, np.int32)
    counts[5] = 0
    picture = kspace_magnitude(kspace_of(raw, raw, counts=counts))
    assert (picture.data[5] == 0).all()
    assert (np.delete(picture.data, 5, axis=0) > 0).all()


def test_kspace_without_anything_in_it_is_black():
    assert not kspace_magnitude(kspace_of(np.zeros((8, 2, 8), np.complex64))).data.any()


# --- the elements ------------------------------------------------------------------------------------


def body(coils, lines=128, samples=128):
    """k-space of a block off the centre, seen by each element with its own strength; `[line, coil, sample]`."""
    image = np.zeros((lines, samples))
    image[lines // 4 : lines // 2, samples // 2 : samples * 3 // 4] = 1.0
    spectrum = np.fft.fftshift(np.fft.fft2(np.fft.ifftshift(image)))
    return (spectrum[:, None, :] * np.asarray(coils)[:, None]).astype(np.complex64)


def test_an_element_shows_what_it_saw_where_it_was_and_a_dead_one_is_dark():
    shown = element_images(kspace_of(body([1.0, 0.5, 0.0])))
    assert shown.data.shape == (3, 64, 64)
    strength = values(shown)[:, 18:30, 34:46].mean(axis=(1, 2))
    assert strength[0] > 0.8
    assert np.isclose(strength[1] / strength[0], 0.5, atol=0.02)
    assert not shown.data[2].any()
    assert values(shown)[0, 40:, :].mean() < 0.1
    assert values(shown)[0, :, :28].mean() < 0.1


def test_a_dead_element_stays_dark_where_whitening_has_mixed_the_elements():
    raw = body([1.0, 0.8, 0.0, 0.9])
    correlated = np.full((4, 4), 0.5) + 0.5 * np.eye(4)
    whitening = np.linalg.inv(np.linalg.cholesky(correlated)).astype(np.complex64)
    plain = kspace_of(raw)
    mixed = kspace_of(raw, np.matmul(whitening, plain.hybrid), whitening)
    assert np.abs(mixed.hybrid[:, 2]).max() > 0.2 * np.abs(mixed.hybrid).max()  # the mixture is not dark
    assert element_images(mixed).data[2].max() <= 1
    assert np.abs(element_images(mixed).data.astype(int) - element_images(plain).data).max() <= 1


def test_oversampling_is_cut_off_and_lines_that_never_came_do_not_shine():
    raw = body([1.0])
    counts = np.ones(128, np.int32)
    kspace = kspace_of(raw, counts=counts)
    all_of_it, cut = (values(element_images(kspace, ratio))[0] for ratio in (1.0, 2.0))
    assert all_of_it[:16].mean() < 0.1 < 0.2 < cut[:16].mean()  # the block begins a quarter down the full view
    counts[64] = 0
    kspace.hybrid[64] = 1e6
    assert values(element_images(kspace)).mean() < 0.9


@pytest.mark.parametrize("shape", [(20, 2, 20), (64, 1, 100), (65, 3, 7)])
def test_small_and_odd_matrices_have_elements_too(shape):
    shown = element_images(kspace_of(noise(*shape)))
    assert shown.data.shape == (shape[1], 64, min(64, shape[2]))
    assert shown.data.max() == 255


def test_elements_without_anything_are_dark():
    assert not element_images(kspace_of(np.zeros((8, 2, 8), np.complex64))).data.any()
