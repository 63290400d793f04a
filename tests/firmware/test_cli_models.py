"""`scanside models`: exit status, words, and JSON."""

import json
import shutil
from pathlib import Path

import onnx
import pytest

from firmware.cli import main
from models.shipped import PACKAGES
from models.smooth.network import build
from tests.engine.package_cases import files, seal


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(PACKAGES, tmp_path / "packages"))


def test_the_shipped_packages_are_good(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "verify"]) == 0
    capsys.readouterr()
    assert main(["models", "list", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == "models/1"
    smooth = next(row for row in document["packages"] if row["name"] == "smooth")
    assert smooth["path"] == str(PACKAGES / "smooth")
    assert (smooth["task"], smooth["parameters"], smooth["signature"]) == ("denoise", 9, "trusted")
    assert len(smooth["sha256"]) == 64
    assert smooth["refused"] == ""


@pytest.mark.parametrize("file", sorted(p.name for p in (PACKAGES / "smooth").iterdir()))
def test_verify_finds_one_changed_byte(copy: Path, file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "verify", str(copy)]) == 0
    data = bytearray((copy / "smooth" / file).read_bytes())
    data[len(data) // 2] ^= 1
    (copy / "smooth" / file).write_bytes(data)
    assert main(["models", "verify", str(copy)]) == 1
    assert main(["models", "verify", str(copy / "smooth")]) == 1
    capsys.readouterr()
    assert main(["models", "list", str(copy), "--json"]) == 0
    (row,) = [row for row in json.loads(capsys.readouterr().out)["packages"] if row["path"].endswith("smooth")]
    assert row["signature"] == "tampered"
    assert row["refused"]
    assert row["version"] is None


def test_list_states_every_kind_of_bad_package(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "packages"
    seal(folder / "a-stranger", files())
    shutil.copytree(PACKAGES / "smooth", folder / "b-unsigned")
    (folder / "b-unsigned" / "signature").unlink()
    (folder / "c-empty").mkdir()
    assert main(["models", "list", str(folder), str(tmp_path / "none"), "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["packages"]
    assert [row["signature"] for row in rows] == ["unknown-key", "unsigned", "unsigned", "missing"]
    assert all(row["refused"] for row in rows)
    assert main(["models", "verify", str(folder)]) == 1
    assert main(["models", "list", str(folder)]) == 0


def test_from_key_and_file_to_a_verified_package(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "keygen", str(tmp_path / "keys"), "--json"]) == 0
    keys = json.loads(capsys.readouterr().out)
    onnx.save(build(), tmp_path / "mine.onnx")
    axes = ["--axis", "batch=1..2", "--axis", "y=16..64", "--axis", "x=16..64"]
    drafted = tmp_path / "source"
    assert main(["models", "pack", str(tmp_path / "mine.onnx"), "--draft", str(drafted), *axes, "--json"]) == 0
    manifest = Path(json.loads(capsys.readouterr().out)["manifest"])
    assert main(["models", "pack", str(drafted), "--key", keys["private"]]) == 1
    assert "TO BE FILLED IN" in capsys.readouterr().err
    for file in (manifest, drafted / "card.md"):
        file.write_text(file.read_text().replace("TO BE FILLED IN", "x"))
    assert main(["models", "pack", str(drafted), "--key", keys["private"], "--json"]) == 0
    package = json.loads(capsys.readouterr().out)["package"]
    assert package["key_id"] == keys["key_id"]
    assert package["axes"]["y"] == {"min": 16, "typical": 64, "max": 64}

    assert main(["models", "verify", package["path"]]) == 1  # nobody here trusts that key yet
    assert main(["models", "verify", package["path"], "--keys", str(tmp_path / "keys")]) == 0
    assert main(["models", "show", package["path"], "--keys", str(tmp_path / "keys")]) == 0
    assert "image [batch 1..2, 1, y 16..64, x 16..64] float32" in capsys.readouterr().out
    assert main(["models", "show", package["path"]]) == 1
    assert "not trusted here" in capsys.readouterr().err


def test_wrong_use_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (
        ["pack", "x"],
        ["pack", "x", "--key", "k", "--axis", "y=1..2"],
        ["pack", "x", "--axis", "y=2..1"],
    ):
        with pytest.raises(SystemExit) as caught:
            main(["models", *arguments])
        assert caught.value.code == 2
    assert main(["models", "verify", "--keys", str(tmp_path / "none")]) == 1
    assert "no such folder of keys" in capsys.readouterr().err
    (tmp_path / "blocked").write_text("")
    assert main(["models", "keygen", str(tmp_path / "blocked")]) == 3
