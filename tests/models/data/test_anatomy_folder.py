"""The folder of anatomy: what is in it, and what is wrong with it, by name."""

import zipfile
from pathlib import Path

import numpy as np
import pytest

from engine.errors import InputRefused
from models.data.anatomy import read_anatomy

HEAD = "folder,file,split,subject,scanner,body,band_dB_rows/cols"


def write_folder(folder: Path, lines: list[str], files: dict[str, np.ndarray]) -> Path:
    for name, image in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        np.savez(folder / name, img=image)
    (folder / "FILES.csv").write_text("\n".join([HEAD, *lines]) + "\n", "utf-8")
    return folder


def picture(seed: int, shape: tuple[int, ...] = (40, 30, 3)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 1000, shape, dtype=np.uint16)


def corrupt_deflate(path: Path) -> bytes:
    """A compressed archive whose stream starts with a block of a kind that does not exist."""
    np.savez_compressed(path.with_suffix(".npz"), img=picture(8))
    data = bytearray(path.with_suffix(".npz").read_bytes())
    with zipfile.ZipFile(path.with_suffix(".npz")) as archive:
        start = archive.infolist()[0].header_offset
    path.with_suffix(".npz").unlink()
    name, extra = (int.from_bytes(data[start + at : start + at + 2], "little") for at in (26, 28))
    data[start + 30 + name + extra] = 0b111
    return bytes(data)


def test_volumes_come_with_their_split_their_body_and_a_level_of_one(tmp_path: Path) -> None:
    lines = ["a,one.npz,train,S1,Scanner A,limb/pelvis,-3/-4", 'a,two.npz,test,S2,Scanner B,"brain, stroke",-25/-4']
    anatomy = read_anatomy(write_folder(tmp_path, lines, {"a/one.npz": picture(1), "a/two.npz": picture(2)}))
    first, second = anatomy.volumes
    assert (first.split, first.subject, first.scanner, first.body) == ("train", "S1", "Scanner A", "limb")
    assert (first.interpolated, second.interpolated) == (False, True)
    assert second.body == "head"
    assert first.pixels.shape == (3, 40, 30)
    assert np.percentile(first.pixels, 99) == pytest.approx(1.0)
    np.testing.assert_allclose(first.pixels[1] * np.percentile(picture(1), 99), picture(1)[:, :, 1], rtol=1e-5)
    assert anatomy.of("test") == (second,)
    assert anatomy.problems == ()


def test_what_cannot_be_used_is_named_and_counted_and_costs_nothing_else(tmp_path: Path) -> None:
    lines = [
        "a,good.npz,train,S1,A,brain,",
        "a,copy.npz,train,S2,A,brain,",
        "a,torn.npz,train,S3,A,brain,",
        "a,gone.npz,train,S4,A,brain,",
        "a,flat.npz,train,S5,A,brain,",
        "a,zero.npz,train,S6,A,brain,",
        "a,split.npz,somewhere,S7,A,brain,",
        "a,nobody.npz,train,,A,brain,",
        "a,nan.npz,train,S8,A,brain,",
        "a,none.npz,train,S9,A,brain,",
        "a,dot.npz,train,S10,A,brain,",
        "a,signed.npz,train,S11,A,brain,",
        "a,plain.npz,train,S12,A,brain,",
        "a,deflated.npz,train,S13,A,brain,",
    ]
    files = {
        "a/good.npz": picture(1),
        "a/copy.npz": picture(1),
        "a/flat.npz": picture(2, (40, 30)),
        "a/zero.npz": np.zeros((40, 30, 3), np.uint16),
        "a/split.npz": picture(3),
        "a/nobody.npz": picture(4),
        "a/nan.npz": np.full((40, 30, 3), np.nan, np.float32),
        "a/none.npz": np.zeros((40, 30, 0), np.uint16),
        "a/dot.npz": np.pad(np.ones((6, 6, 3), np.uint16), ((0, 34), (0, 24), (0, 0))),
        "a/signed.npz": picture(6).astype(np.int16) - 1,
        "a/unlisted.npz": picture(5),
    }
    write_folder(tmp_path, lines, files)
    (tmp_path / "a" / "torn.npz").write_bytes((tmp_path / "a" / "good.npz").read_bytes()[:200])
    with (tmp_path / "a" / "plain.npz").open("wb") as stream:
        np.save(stream, picture(7))
    (tmp_path / "a" / "deflated.npz").write_bytes(corrupt_deflate(tmp_path / "whole.npy"))
    anatomy = read_anatomy(tmp_path)
    assert [volume.name for volume in anatomy.volumes] == ["a/good.npz"]
    said = {problem.split(": ")[0]: problem.split(": ")[1] for problem in anatomy.problems}
    assert {name: words.split()[0] for name, words in said.items()} == {
        "a/copy.npz": "duplicated",
        "a/torn.npz": "unreadable",
        "a/gone.npz": "unreadable",
        "a/flat.npz": "unreadable",
        "a/zero.npz": "unreadable",
        "a/split.npz": "unlabelled",
        "a/nobody.npz": "unlabelled",
        "a/nan.npz": "unreadable",
        "a/none.npz": "unreadable",
        "a/dot.npz": "unreadable",
        "a/signed.npz": "unreadable",
        "a/plain.npz": "unreadable",
        "a/deflated.npz": "unreadable",
        "a/unlisted.npz": "unlabelled",
    }


def test_a_subject_or_scanner_on_both_sides_is_told_and_nothing_is_left_out(tmp_path: Path) -> None:
    lines = ["a,one.npz,train,S1,A,brain,", "a,two.npz,test,S1,A,brain,"]
    anatomy = read_anatomy(write_folder(tmp_path, lines, {"a/one.npz": picture(1), "a/two.npz": picture(2)}))
    assert anatomy.warnings == (
        "FILES.csv: subject 'S1' is in train and test; results there may be too good",
        "FILES.csv: scanner 'A' is in train and test; results there may be too good",
    )
    assert anatomy.problems == ()
    assert len(anatomy.volumes) == 2


def test_a_scanner_model_is_the_same_at_any_field_strength_and_in_any_case(tmp_path: Path) -> None:
    scanners = ("GE Signa HDxt", "GE SIGNA HDxt 1.5T", "GE Signa HDx", "Maker 3T", "maker  3 T", "UIH uMR 770 3T")
    splits = ("train", "test", "val", "val", "test", "train")
    lines = [f"a,{n}.npz,{splits[n]},s{n},{name},brain," for n, name in enumerate(scanners)]
    lines[0] = lines[0].replace("s0", "Case 3T")
    lines[1] = lines[1].replace("s1", "case 1.5T")
    anatomy = read_anatomy(write_folder(tmp_path, lines, {f"a/{n}.npz": picture(n) for n in range(len(scanners))}))
    assert anatomy.warnings == (
        "FILES.csv: scanner 'GE Signa HDxt', 'GE SIGNA HDxt 1.5T' is in train and test; results there may be too good",
        "FILES.csv: scanner 'Maker 3T', 'maker  3 T' is in val and test; results there may be too good",
    )


def test_a_folder_without_a_table_or_with_nothing_left_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match="cannot be read"):
        read_anatomy(tmp_path)
    (tmp_path / "FILES.csv").write_text("folder,file\na,b.npz\n", "utf-8")
    with pytest.raises(InputRefused, match="lacks split, subject, scanner, body"):
        read_anatomy(tmp_path)
    write_folder(tmp_path, ["a,gone.npz,train,S,A,brain,"], {})
    with pytest.raises(InputRefused, match="none of its 1 volumes"):
        read_anatomy(tmp_path)


def test_a_damaged_archive_member_is_unreadable(tmp_path: Path) -> None:
    write_folder(tmp_path, ["a,good.npz,train,S,A,brain,", "a,bad.npz,train,T,B,brain,"], {"a/good.npz": picture(1)})
    with zipfile.ZipFile(tmp_path / "a" / "bad.npz", "w") as archive:
        archive.writestr("img.npy", b"no array")
    anatomy = read_anatomy(tmp_path)
    assert len(anatomy.volumes) == 1
    assert anatomy.problems[0].startswith("a/bad.npz: unreadable")


@pytest.mark.data
def test_the_public_set_is_split_by_subject_and_two_scanner_models_are_told(data_dir: Path) -> None:
    anatomy = read_anatomy(data_dir / "anatomy")
    assert anatomy.problems == ()
    sides = [{volume.subject for volume in anatomy.of(split)} for split in ("train", "val", "test")]
    assert not sides[0] & (sides[1] | sides[2])
    assert not sides[1] & sides[2]
    assert [warning.partition(";")[0] for warning in sorted(anatomy.warnings)] == [
        "FILES.csv: scanner 'GE GENESIS_SIGNA', 'GE GENESIS_SIGNA 1.5T' is in train and val",
        "FILES.csv: scanner 'GE Signa HDxt', 'GE Signa HDxt 1.5T' is in train and test",
    ]
    assert not {"heart", "knee", "abdomen"} & {volume.body for volume in anatomy.of("train")}
