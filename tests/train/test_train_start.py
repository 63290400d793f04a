"""How a training run starts: what it refuses before it writes, what it says about its data; and the card it leaves."""

import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="make train-setup installs torch")

import models.train.quality as quality  # noqa: E402
from engine.errors import ConfigError, InputRefused  # noqa: E402
from firmware.cli import main  # noqa: E402
from models.data.anatomy import Volume  # noqa: E402
from models.train import prepare  # noqa: E402
from models.train.run_folder import RunFolder  # noqa: E402
from models.train.source import run_card, write_source  # noqa: E402
from models.train.task import Settings  # noqa: E402
from tests.models.data.test_anatomy_folder import picture, write_folder  # noqa: E402

HOMES = {name: Path(quality.graph.__file__).parents[1] / name for name in ("denoiser", "quality")}


def started(name: str, out: Path, data: Path | str = "") -> list[str]:
    """What a run says before its first step."""
    said: list[str] = []
    settings = Settings(name, 0.5, 1, str(data))
    prepare(settings, RunFolder(out, settings), said.append)
    return said


@pytest.mark.parametrize(
    ("name", "data", "error"), [("denoser", "", ConfigError), ("denoiser", "no/such/folder", InputRefused)]
)
def test_a_wrong_name_or_folder_leaves_the_folder_of_the_run_to_the_next(
    tmp_path: Path, name: str, data: str, error: type[Exception]
) -> None:
    with pytest.raises(error):
        started(name, tmp_path / "run", data)
    assert not (tmp_path / "run").exists()
    assert started("denoiser", tmp_path / "run")
    assert (tmp_path / "run" / "settings.json").exists()


def test_a_place_that_takes_no_files_is_told_in_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SCANSIDE_DATA", raising=False)
    (tmp_path / "file").touch()
    assert main(["models", "train", "denoiser", "--out", str(tmp_path / "file")]) == 3
    assert "cannot be written (File exists); make room or give another --out" in capsys.readouterr().err


def test_settings_that_cannot_be_read_are_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "settings.json").write_text('{"name": "den', "utf-8")
    with pytest.raises(InputRefused, match=r"settings\.json: cannot be read .*; give another --out"):
        RunFolder(tmp_path, Settings("denoiser", 1.0, 1))


def test_a_full_disk_keeps_the_checkpoint_before_and_no_half_of_the_next(tmp_path: Path) -> None:
    run = RunFolder(tmp_path, Settings("denoiser", 1.0, 1))
    run.begin()
    run.save({"step": 1})
    with pytest.raises(OSError, match="File too large"), small_files():
        run.save({"step": 2, "network": torch.zeros(1 << 16)})
    assert run.load() == {"step": 1}
    assert not list(tmp_path.glob("*.half"))


@contextmanager
def small_files() -> Iterator[None]:
    """The system refuses to write more than 64 KiB to a file."""
    limits, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.parametrize("seed", ["-1", "4294967296"])
def test_a_seed_that_is_none_is_refused_in_a_sentence(
    tmp_path: Path, seed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["models", "train", "denoiser", "--seed", seed, "--out", str(tmp_path / "run")]) == 2
    assert f"--seed: takes a whole number from 0 to 4294967295, not {seed}" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One usable volume, one too small for the denoiser, one gone; a scanner on both sides, nothing in val."""
    lines = [f"a,{name}.npz,{split},{name},A,brain," for name, split in (("one", "train"), ("two", "test"))]
    lines += ["a,small.npz,train,small,B,brain,", "a,gone.npz,train,gone,C,brain,"]
    sizes = {"one": (90, 80, 1), "two": (90, 80, 1), "small": (90, 70, 1)}
    files = {f"a/{name}.npz": picture(n, shape) for n, (name, shape) in enumerate(sizes.items())}
    return write_folder(tmp_path / "anatomy", lines, files)


def test_the_denoiser_says_what_it_leaves_out_and_what_stands_in(tmp_path: Path, folder: Path) -> None:
    said = started("denoiser", tmp_path / "run", folder)
    assert [line.split(";")[0] for line in said[1:3]] == [
        "note: FILES.csv: scanner 'A' is in train and test",
        "left out: a/small.npz: slices below 72 pixels, too small for a patch and room to move it",
    ]
    assert said[0].startswith("left out: a/gone.npz: unreadable")
    assert said[3].startswith("1 volumes of real anatomy to train on, 0 held out, 2 problems with the data; ")
    assert said[3].endswith("clean pictures; no anatomy held out: two photographs instead")
    bare = started("denoiser", tmp_path / "bare")
    assert "photographs and drawn shapes only" in bare[-1]


def test_the_quality_network_says_what_stands_in(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, tuple[list[str], int]] = {}

    def write_pool(volumes: tuple[Volume, ...], *rest: object) -> None:
        asked[volumes[0].split] = ([volume.name for volume in volumes], int(str(rest[3])))

    monkeypatch.setattr(quality, "write_pool", write_pool)
    monkeypatch.setattr(quality, "read_pool", lambda *_: ())
    monkeypatch.setattr(quality, "QualityTask", lambda *given: given)
    monkeypatch.setattr(quality.os, "sched_getaffinity", lambda _: {5})
    said = started("quality", tmp_path / "run", folder)
    assert [line.split(":")[0] for line in said[:2]] == ["left out", "note"]
    assert said[2].startswith("2 volumes of real anatomy to train on, 0 held out, 1 problems with the data; ")
    assert said[2].endswith("samples to train on; no anatomy held out: drawn shapes instead")
    assert asked["train"] == (["a/one.npz", "a/small.npz"], 1), "as many processes as cores that it may use"
    assert asked["val"][0][0].startswith("drawn")


@pytest.mark.parametrize("name", ["denoiser", "quality"])
def test_a_retrained_package_is_no_shipped_one(tmp_path: Path, name: str) -> None:
    figures = {"score": 0.12345678, "limits": {"motion": 0.5}, "parameters": 1234567}
    card = run_card(Settings(name, 2.0, 7, "/home/somebody/anatomy"), "53 volumes, 2 problems with the data", figures)
    write_source(tmp_path / "package", HOMES[name], {"model.onnx": b"net"}, card)
    written = (tmp_path / "package" / "card.md").read_text("utf-8")
    for words in (
        f"# {name}\n",
        "--minutes 2 --seed 7`; folder of anatomy: `anatomy`",
        "- 53 volumes, 2 problems with the data.",
        "| score | 0.123457 |\n| limits: motion | 0.5 |\n| parameters | 1234567 |",
        f"not measured: everything the shipped card holds; read models/{name}/card.md for how to",
    ):
        assert words in written
    assert "somebody" not in written
    shipped = (HOMES[name] / "manifest.toml").read_text("utf-8").splitlines()
    made = (tmp_path / "package" / "manifest.toml").read_text("utf-8").splitlines()
    assert [line for line in made if line not in shipped] == ['version = "0.1"']
    assert (tmp_path / "package" / "model.onnx").read_bytes() == b"net"
