"""Which frames are calibrated on, and which are held out."""

import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from calibration.frames import Frame
from engine.errors import ConfigError, InputRefused
from engine.package.manifest import Manifest, read_manifest
from firmware.cli import calibrate_frames
from firmware.cli.calibrate_frames import MOST, Frames, find_frames
from models.shipped import DENOISER, PACKAGES
from tests.engine.package_cases import MANIFEST

GAIN = read_manifest(MANIFEST.encode(), "manifest.toml")


def store(path: Path, numbers: range) -> Path:
    """Frames that are their number all over."""
    np.savez(path, image=np.stack([np.full((1, 1, 8, 8), number, np.float32) for number in numbers]))
    return path


def numbers(frames: Frames) -> tuple[list[int], list[int]]:
    first, second = ([int(frame.batch.flat[0]) for frame in part] for part in (frames.calibrated, frames.held_out))
    return first, second


def test_of_several_files_each_third_is_held_out_whole(tmp_path: Path) -> None:
    for n in range(5):
        store(tmp_path / f"{n}.npz", range(10 * n, 10 * n + 4))
    found = find_frames(GAIN, [tmp_path], [])
    first, second = numbers(found)
    assert {number // 10 for number in second} == {1, 4}
    assert {number // 10 for number in first} == {0, 2, 3}
    assert len(first) + len(second) == 20
    assert found.source.endswith("each third file is held out")


def test_of_one_file_each_third_frame_is_held_out_and_its_source_says_that_they_are_neighbours(tmp_path: Path) -> None:
    found = find_frames(GAIN, [store(tmp_path / "a.npz", range(12))], [])
    assert numbers(found) == ([0, 1, 3, 4, 6, 7, 9, 10], [2, 5, 8, 11])
    assert found.source.endswith("each third frame is held out, from among those calibrated on")


def test_one_file_with_too_few_frames_to_hold_a_third_out_says_how_many_are_needed(tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match=r"11 frames, at least 12 are needed.*or hold others out with --held-out"):
        find_frames(GAIN, [store(tmp_path / "a.npz", range(11))], [])


def test_others_may_be_held_out_but_not_alone(tmp_path: Path) -> None:
    one, other = store(tmp_path / "a.npz", range(4)), store(tmp_path / "b.npz", range(50, 55))
    assert numbers(find_frames(GAIN, [one], [other])) == ([0, 1, 2, 3], [50, 51, 52, 53, 54])
    with pytest.raises(ConfigError, match="--held-out: nothing to calibrate on; give --frames too"):
        find_frames(GAIN, [], [other])


def test_of_many_frames_some_are_taken_from_end_to_end(tmp_path: Path) -> None:
    first, _ = numbers(
        find_frames(GAIN, [store(tmp_path / "a.npz", range(1000))], [store(tmp_path / "b.npz", range(4))])
    )
    assert len(first) == MOST
    assert first == sorted(set(first))
    assert first[0] < 20
    assert first[-1] > 980
    assert max(np.diff(first)) <= 2 * min(np.diff(first))


def test_many_files_are_not_held_in_memory_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def read(_: Manifest, path: Path) -> list[Frame]:
        return [Frame(frame) for frame in np.full((20, 1, 1, 128, 128), int(path.stem), np.float32)]

    for number in range(60):  # 79 MB
        (tmp_path / f"{number:02}.npz").touch()
    monkeypatch.setattr(calibrate_frames, "stored_frames", read)
    tracemalloc.start()
    found = find_frames(GAIN, [tmp_path], [])
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(found.calibrated) == len(found.held_out) == MOST
    assert most < 40e6


def anatomy(folder: Path) -> Path:
    """A disc to train on, a square to judge on."""
    y, x = np.mgrid[-1:1:80j, -1:1:80j]
    shapes = {"train": np.hypot(y, x) < 0.6, "val": np.maximum(abs(y), abs(x)) < 0.6}
    (folder / "made").mkdir(parents=True)
    rows = ["folder,file,split,subject,scanner,body,band_dB_rows/cols"]
    for split, shape in shapes.items():
        np.savez(folder / "made" / f"{split}.npz", img=np.repeat(shape[..., None], 2, axis=2).astype(np.float32))
        rows.append(f"made,{split}.npz,{split},{split},{split},head,-3/-3")
    (folder / "FILES.csv").write_text("\n".join(rows))
    return folder


def test_of_a_folder_of_anatomy_the_validation_split_is_held_out(tmp_path: Path) -> None:
    denoiser = read_manifest((PACKAGES / DENOISER / "manifest.toml").read_bytes(), DENOISER)
    folder = anatomy(tmp_path / "anatomy")
    for found in (find_frames(denoiser, [folder], []), find_frames(denoiser, [folder], [folder])):
        for part, square in ((found.calibrated, False), (found.held_out, True)):
            truths = [frame.truth["denoised"][0, 0] for frame in part]
            corners = [bool(2 * true[20, 20] > true[2, 2] + true[40, 40]) for true in truths]
            assert corners == [square] * len(part)
