"""`scanside calibrate int8`: its files, its words, its exit codes."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from calibration.int8 import Calibration, calibrate
from engine.forms.ranges import FILE, read_ranges
from firmware.cli import main
from tests.engine.forms.networks import answer, frames, residual
from tests.engine.package_cases import KEY, MANIFEST, files, npz, seal

pytestmark = pytest.mark.slow

MODEL = residual()


def package(folder: Path, task: str = "denoise") -> None:
    image = np.stack(frames(2))
    golden = npz(image=image, denoised=np.stack([answer(MODEL, frame) for frame in image]))
    manifest = MANIFEST.replace('task = "denoise"', f'task = "{task}"').encode()
    content = {"manifest_toml": manifest, "model_onnx": MODEL.SerializeToString(), "golden_npz": golden}
    seal(folder, files(**content))


@pytest.fixture
def said(tmp_path: Path) -> list[str]:
    """A package, its key, and where the state is."""
    package(tmp_path / "small")
    (tmp_path / "keys").mkdir()
    text = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "keys" / "ours.pub").write_bytes(text)
    return ["calibrate", "int8", str(tmp_path / "small"), "--keys", str(tmp_path / "keys"), "--state", str(tmp_path)]


def stored(path: Path, seed: int, count: int = 6) -> str:
    np.savez(path, image=np.stack(frames(count, seed=seed)))
    return str(path)


def test_it_writes_the_table_and_both_forms_where_the_appliance_looks(
    said: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    package(tmp_path / "small", task="enhance")
    given = ["--frames", stored(tmp_path / "a.npz", 1), "--held-out", stored(tmp_path / "b.npz", 2)]
    code = main([*said, *given, "--json"])
    document = json.loads(capsys.readouterr().out)
    folder = tmp_path / "calibration" / "gain"
    assert sorted(path.name for path in folder.iterdir()) == ["int8-s8.onnx", "int8-u8.onnx", FILE]
    assert document["written"] == [str(folder / name) for name in ("int8-s8.onnx", "int8-u8.onnx", FILE)]
    assert document["ranges_sha256"] == read_ranges(folder / FILE).sha256
    assert (document["frames"], document["held_out"]) == (6, 6)
    row = document["forms"]["int8-u8"]
    assert row["bytes"] == (folder / "int8-u8.onnx").stat().st_size
    assert {one["layer"] for one in row["sensitivity"]} == {"a", "b", "c"}
    assert (code, [one["problems"] for one in document["forms"].values()]) == (0, [[], []])


def test_in_words_it_shows_what_was_compared(
    said: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main([*said, "--frames", stored(tmp_path / "a.npz", 1, 12), "--out", str(tmp_path / "out")])
    shown = capsys.readouterr().out
    assert "gain: 8 frames, 4 held out" in shown
    assert re.search(r"minmax +[0-9]+%", shown), "ways are compared by their share of what is allowed"
    for word in ("int8-s8", "int8-u8", "minmax", "entropy", "percentile-99.99", str(tmp_path / "out" / FILE)):
        assert word in shown


def test_a_loss_that_is_not_allowed_ends_with_1_says_so_and_leaves_the_state_alone(
    said: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(0)
    image = rng.uniform(0, 4.5, (12, 1, 1, 16, 16)).astype(np.float32)
    image[:, ..., 0, 0] = 100  # one pixel takes nearly all steps
    np.savez(tmp_path / "a.npz", image=image, **{"denoised.truth": np.stack([answer(MODEL, f) for f in image])})
    given = [*said, "--frames", str(tmp_path / "a.npz")]
    assert main([*given, "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["forms"]["int8-s8"]["problems"][0].startswith("held-out frames: denoised loses")
    assert document["not_written"].startswith("none of its forms is good enough; give --out")
    assert document["written"] == []
    assert not (tmp_path / "calibration").exists()
    assert main([*given, "--out", str(tmp_path / "out")]) == 1
    shown = capsys.readouterr().out
    assert "not good enough: held-out frames: denoised loses" in shown
    assert str(tmp_path / "out" / FILE) in shown
    assert (tmp_path / "out" / FILE).exists()


def test_a_table_that_is_worse_on_the_golden_frames_does_not_displace_one_that_serves(
    said: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of faint frames: little is lost on them, and what is brighter is cut off."""
    package(tmp_path / "small", task="enhance")
    table = tmp_path / "calibration" / "gain" / FILE
    table.parent.mkdir(parents=True)
    table.write_text("{}")  # or one for another version: it is not in use
    assert main([*said, "--frames", stored(tmp_path / "a.npz", 1, 12), "--json"]) == 0
    first = json.loads(capsys.readouterr().out)
    assert (first["not_written"], first["forms"]["int8-u8"]["golden_in_use"]) == ("", None)
    before = read_ranges(table)
    faint = np.stack(frames(12, seed=3))
    np.savez(tmp_path / "faint.npz", image=faint * 4.5 / faint.max(axis=(1, 2, 3, 4), keepdims=True))
    assert main([*said, "--frames", str(tmp_path / "faint.npz"), "--json"]) == 1
    second = json.loads(capsys.readouterr().out)
    row = second["forms"]["int8-u8"]
    assert row["loss"] < row["limit"] < row["golden"]["loss"]
    assert row["problems"][0].startswith("golden frames: denoised loses")
    assert row["golden_in_use"] == first["forms"]["int8-u8"]["golden"]
    assert second["not_written"].startswith("none of its forms is good enough")
    assert read_ranges(table) == before


def test_a_loss_that_is_no_number_is_null_and_its_table_is_written_nowhere(
    said: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def spoilt(*given: Any) -> Calibration:
        found = calibrate(*given)
        report = found.reports["int8-s8"]
        worst = replace(report.loss, value=float("inf"), problem="NaN")
        return replace(found, reports={**found.reports, "int8-s8": replace(report, loss=worst)})

    monkeypatch.setattr("calibration.int8.calibrate", spoilt)
    out = tmp_path / "out"
    assert main([*said, "--frames", stored(tmp_path / "a.npz", 1, 12), "--out", str(out), "--json"]) == 1
    document = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert document["forms"]["int8-s8"]["loss"] is None
    assert document["not_written"] == "int8-s8: its answers cannot be used"
    assert not out.exists()


@pytest.mark.parametrize(
    ("more", "code", "sentence"),
    [
        (["--frames", "nothing.npz"], 3, "nothing.npz: no such file"),
        (["--frames", "few.npz"], 3, "few.npz: 5 frames, at least 12 are needed where each third is held out"),
        (["--held-out", "a.npz"], 2, "--held-out: nothing to calibrate on; give --frames too"),
        (["--frames", "junk.npz"], 3, "junk.npz: cannot be read (no whole file of plain arrays)"),
        (["--frames", "untrue.npz"], 3, "untrue.npz: denoised.truth: values that are not finite"),
        (["--frames", "nan.npz"], 3, "not finite"),
        (["--frames", "dark.npz"], 3, "not in SNR units"),
        (["--frames", "text.txt"], 3, "neither MRD nor arrays"),
        (["--frames", "a.npz", "--held-out", "a.npz"], 3, "is there 2 times"),
        (["--frames", "a.npz", "--out", "a.npz/out"], 3, "cannot be written"),
        ([], 3, "frame 0: image is [1, 1, 128, 128]"),
    ],
)
def test_what_cannot_be_used_ends_in_one_sentence(
    said: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    more: list[str],
    code: int,
    sentence: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    stored(Path("a.npz"), 1, 12)
    stored(Path("few.npz"), 1, 5)
    Path("junk.npz").write_bytes(b"no archive")
    image = np.stack(frames(12))
    np.savez("untrue.npz", image=image, **{"denoised.truth": image * np.float32(np.nan)})
    np.savez("dark.npz", image=image / 100)
    image[3, ..., 5, 5] = np.nan
    np.savez("nan.npz", image=image)
    Path("text.txt").write_text("no")
    assert main([*said, *more]) == code
    error = capsys.readouterr().err
    assert error.startswith("scanside: ")
    assert sentence in error
    assert error.count("\n") == 1
    assert not (tmp_path / "calibration").exists()


def test_a_word_that_names_no_network_is_told_which_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["calibrate", "int8", "nosuch"]) == 1
    error = capsys.readouterr().err
    assert error.startswith(
        "scanside: nosuch: neither a shipped network nor a folder here; shipped are denoiser, quality"
    )


def test_a_package_that_is_not_trusted_is_refused(said: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([word for word in said if "keys" not in word]) == 1
    assert "key" in capsys.readouterr().err


@pytest.mark.slow
def test_the_denoiser_is_calibrated_on_the_bundled_scan(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["calibrate", "int8", "denoiser", "--out", str(tmp_path), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["source"].startswith("simulated from the bundled head scan; held out is the same slice")
    for row in document["forms"].values():
        assert list(row["levels"]) == [f"noise {level} %" for level in (0.5, 1, 2, 5, 10, 20, 30)]
        assert row["loss"] == max(row["levels"].values()) <= 0.15
    assert max(len(row["kept_in_float"]) for row in document["forms"].values()) <= 6, "of twelve convolutions"
