"""Frames to calibrate on: simulated, stored, and refused."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from calibration.frames import NOISE, Frame, check_apart, check_frames, image_frames, simulated_frames, stored_frames
from engine.errors import InputRefused, Unavailable
from engine.package.manifest import read_manifest
from models.data.anatomy import Volume
from models.shipped import DENOISER, PACKAGES, QUALITY
from tests.engine.package_cases import MANIFEST

GAIN = read_manifest(MANIFEST.encode(), "manifest.toml")
SHIPPED = {name: read_manifest((PACKAGES / name / "manifest.toml").read_bytes(), name) for name in (DENOISER, QUALITY)}


def volume() -> Volume:
    y, x = np.mgrid[-1:1:80j, -1:1:72j]
    head = ((y**2 + x**2 < 0.7) * (1 + 0.3 * np.cos(9 * x))).astype(np.float32)
    return Volume("made", "train", "nobody", "none", "head", False, np.stack([head, head[::-1]]))


def good(count: int = 4) -> list[Frame]:
    rng = np.random.default_rng(0)
    return [Frame(rng.uniform(0, 50, (1, 1, 16, 16)).astype(np.float32)) for _ in range(count)]


def test_a_denoisers_frames_span_the_noise_and_know_the_truth() -> None:
    frames = simulated_frames(SHIPPED[DENOISER], [volume()], 2 * len(NOISE), 1)
    check_frames(SHIPPED[DENOISER], frames, "made")
    peaks = [float(np.percentile(frame.truth["denoised"], 99.5)) for frame in frames[: len(NOISE)]]
    assert peaks[0] == pytest.approx(200, rel=0.05)
    assert peaks == sorted(peaks, reverse=True)
    assert [frame.like for frame in frames[:2]] == ["noise 0.5 %", "noise 1 %"]
    assert frames[-1].like == frames[len(NOISE) - 1].like == "noise 30 %"
    # Where there is signal, the truth is the mean over the noise: what is left has sd 1 and no mean.
    left = (frames[0].batch - frames[0].truth["denoised"])[frames[0].truth["denoised"] > 30]
    assert abs(left.mean()) < 0.05
    assert left.std() == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("name", [DENOISER, QUALITY])
def test_the_same_seed_makes_the_same_frames_and_another_one_others(name: str) -> None:
    first, same, other = (simulated_frames(SHIPPED[name], [volume()], 4, seed) for seed in (1, 1, 2))
    assert [frame.sha256 for frame in first] == [frame.sha256 for frame in same]
    check_apart(first, other)
    check_frames(SHIPPED[name], first, "made")


def test_no_frames_can_be_made_for_another_task() -> None:
    with pytest.raises(Unavailable, match=r"task 'segment'.*--frames"):
        simulated_frames(replace(GAIN, task="segment"), [volume()], 4, 1)


def test_a_scan_is_taken_slice_by_slice() -> None:
    image = np.arange(2 * 40 * 36, dtype=np.float32).reshape(2, 40, 36)
    planes = image_frames(SHIPPED[DENOISER], [image])
    assert [frame.batch.shape for frame in planes] == [(1, 1, 40, 36)] * 2
    np.testing.assert_array_equal(planes[1].batch[0, 0], image[1])
    pairs = image_frames(SHIPPED[QUALITY], [image])
    np.testing.assert_array_equal(pairs[1].batch[0], np.stack([image[1], image[1]]))


def test_stored_frames_and_their_truth_are_read(tmp_path: Path) -> None:
    image = np.stack([frame.batch for frame in good()])
    np.savez(tmp_path / "f.npz", **{"image": image, "denoised.truth": image / 2})
    np.save(tmp_path / "f.npy", image)
    stored, plain = stored_frames(GAIN, tmp_path / "f.npz"), stored_frames(GAIN, tmp_path / "f.npy")
    np.testing.assert_array_equal(stored[2].truth["denoised"], image[2] / 2)
    assert [frame.sha256 for frame in stored] == [frame.sha256 for frame in plain]
    assert not plain[0].truth


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"picture": np.zeros((4, 1, 1, 16, 16), np.float32)}, "no frames of the input 'image'"),
        ({"image": np.zeros((16, 16), np.float32)}, "no frames of the input 'image'"),
        ({"image": np.array([{}])}, r"cannot be read \(no whole file of plain arrays\)"),
    ],
)
def test_arrays_that_hold_no_frames_are_refused(tmp_path: Path, arrays: dict[str, np.ndarray], said: str) -> None:
    np.savez(tmp_path / "f.npz", **arrays)
    with pytest.raises(InputRefused, match=said):
        stored_frames(GAIN, tmp_path / "f.npz")


TRUE = np.ones((4, 1, 1, 16, 16), np.float32)


@pytest.mark.parametrize(
    ("truth", "said"),
    [
        (TRUE[:3], "another number of truths than of frames"),
        (np.float32(1), "another number of truths than of frames"),
        (TRUE[..., :9], "x is both 16 and 9"),
        (TRUE[:, 0], "denoised has 3 dimensions, not 4"),
        (TRUE.astype(np.float64), "float64 values, the manifest says float32"),
        (TRUE.astype(str), "<U32 values, the manifest says float32"),
        (TRUE * np.nan, "values that are not finite"),
        (TRUE * np.float32([1, 1, 0, 1]).reshape(4, 1, 1, 1, 1), "frame 2 shows no object"),
    ],
)
def test_a_truth_that_is_none_for_the_frames_is_refused(tmp_path: Path, truth: np.ndarray, said: str) -> None:
    np.savez(tmp_path / "f.npz", image=TRUE, **{"denoised.truth": truth})
    with pytest.raises(InputRefused, match=f"f.npz: denoised.truth: {said}; correct the truth, or leave it out"):
        stored_frames(GAIN, tmp_path / "f.npz")


@pytest.mark.parametrize("data", [b"PK\x03\x04 no", b"no archive", b"", b"\x80\x04N."])
def test_a_file_that_is_none_is_refused_in_our_words(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "f.npz").write_bytes(data)
    with pytest.raises(InputRefused) as refused:
        stored_frames(GAIN, tmp_path / "f.npz")
    assert refused.value.what == "cannot be read (no whole file of plain arrays)"


@pytest.mark.parametrize("store", [np.savez_compressed, lambda path, image: np.save(path, image)])
def test_a_file_that_unpacks_to_more_than_is_allowed_is_refused_unread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: Callable[..., None]
) -> None:
    monkeypatch.setattr("calibration.frames._MOST_BYTES", 1_000_000)
    monkeypatch.setattr("numpy.load", lambda *_, **__: pytest.fail("it was read"))
    with (tmp_path / "f").open("wb") as stream:
        store(stream, image=np.zeros((300, 1, 1, 32, 32), np.float32))
    with pytest.raises(InputRefused, match=r"unpacked, 0\.001 are allowed; store the frames in several files"):
        stored_frames(GAIN, tmp_path / "f")


def test_resampled_anatomy_is_shrunk_to_where_its_noise_is_white() -> None:
    fine = replace(volume(), pixels=np.kron(volume().pixels, np.ones((1, 2, 2), np.float32)), interpolated=True)
    for made, sizes in ((fine, (80, 72)), (replace(fine, interpolated=False), (160, 144))):
        (frame,) = simulated_frames(SHIPPED[DENOISER], [made], 1, 1)
        assert frame.batch.shape == (1, 1, *sizes)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda batch: batch[:, :, :4], "y is 8 to 64"),
        (lambda batch: batch.astype(np.float64), "float64 values"),
        (lambda batch: np.where(batch > 40, np.nan, batch), "not finite"),
        (lambda batch: batch * 100, "made for 0 to 100"),
    ],
)
def test_a_frame_that_is_not_as_the_manifest_says_is_refused_by_its_number(change, said: str) -> None:
    frames = good()
    frames[2] = Frame(change(frames[2].batch))
    with pytest.raises(InputRefused, match=f"the frames: frame 2: .*{said}"):
        check_frames(GAIN, frames, "the frames")


def test_frames_in_another_unit_are_refused() -> None:
    scaled = [Frame(frame.batch / 50) for frame in good()]
    with pytest.raises(InputRefused, match="not in SNR units; divide each image by its noise sd"):
        check_frames(GAIN, scaled, "the frames")


def test_too_few_frames_are_refused() -> None:
    with pytest.raises(InputRefused, match="3 frames, at least 4"):
        check_frames(GAIN, good(3), "the frames")


def test_a_frame_in_both_sets_is_refused() -> None:
    frames = good(8)
    check_apart(frames[:4], frames[4:])
    with pytest.raises(InputRefused, match="is there 2 times"):
        check_apart(frames[:4], [*frames[4:], Frame(frames[0].batch.copy())])
