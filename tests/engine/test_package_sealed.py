"""Nothing of a package is believed, or parsed, before its signature and every checksum hold."""

import hashlib
import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import PackageRefused
from engine.package import load_package, trusted_keys
from tests.engine.package_cases import KEY, KEY_ID, KEYS, PUBLIC, files, gain, seal

ALL = ("manifest.toml", "model.onnx", "card.md", "golden.npz", "checksums", "signature")


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return seal(tmp_path_factory.mktemp("packages") / "gain", files())


@pytest.fixture
def package(tmp_path: Path) -> Path:
    return seal(tmp_path / "gain", files())


def refused(path: Path, keys: dict[str, bytes] = KEYS) -> PackageRefused:
    with pytest.raises(PackageRefused) as caught:
        load_package(path, keys)
    assert str(path) in caught.value.where
    return caught.value


def test_a_good_package_comes_with_the_bytes_that_were_checked(package: Path) -> None:
    loaded = load_package(package, KEYS)
    assert loaded.key_id == KEY_ID
    assert loaded.sha256 == hashlib.sha256((package / "checksums").read_bytes()).hexdigest()
    assert loaded.model == gain().SerializeToString()
    assert (loaded.manifest.name, loaded.manifest.version, loaded.parameters) == ("gain", "1.0", 1)
    assert loaded.golden["image"].shape == (2, 1, 1, 8, 9)
    assert not loaded.forms


def test_further_forms_come_along(tmp_path: Path) -> None:
    forms = {**files(), "fp16.onnx": gain().SerializeToString(), "licence.txt": b"free"}
    assert set(load_package(seal(tmp_path / "p", forms), KEYS).forms) == {"fp16"}


@pytest.mark.parametrize("name", ALL)
def test_each_file_missing(package: Path, name: str) -> None:
    (package / name).unlink()
    error = refused(package)
    assert error.where == f"{package}/{name}"
    assert error.reason == ("unsigned" if name in ("checksums", "signature") else "tampered")


@pytest.mark.parametrize("name", ["manifest.toml", "model.onnx", "card.md", "golden.npz"])
def test_each_file_left_out_by_whoever_signed(tmp_path: Path, name: str) -> None:
    content = files()
    del content[name]
    assert refused(seal(tmp_path / "p", content)).where.endswith(name)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_any_flipped_bit_is_refused(sealed: Path, data: st.DataObject) -> None:
    file = sealed / data.draw(st.sampled_from(ALL))
    whole = file.read_bytes()
    place, bit = data.draw(st.integers(0, len(whole) - 1)), data.draw(st.integers(0, 7))
    file.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << bit]) + whole[place + 1 :])
    try:
        with pytest.raises(PackageRefused) as caught:
            load_package(sealed, KEYS)
    finally:
        file.write_bytes(whole)
    assert caught.value.reason in ("tampered", "unknown-key")


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("change", [lambda b: b + b"\n", lambda b: b[:-1], lambda b: b"", lambda b: b.upper()])
def test_each_file_longer_shorter_empty_or_in_capitals(package: Path, name: str, change) -> None:
    file = package / name
    whole = file.read_bytes()
    if change(whole) == whole:
        return
    file.write_bytes(change(whole))
    assert refused(package).reason in ("tampered", "unknown-key")


def test_nothing_is_parsed_before_the_signature_holds(tmp_path: Path) -> None:
    garbage = dict.fromkeys(files(), b"\xff garbage")
    stranger = Ed25519PrivateKey.from_private_bytes(bytes(32))
    assert refused(seal(tmp_path / "p", garbage, stranger)).reason == "unknown-key"


def test_another_key_under_a_trusted_name(tmp_path: Path) -> None:
    stranger = Ed25519PrivateKey.from_private_bytes(bytes(32))
    package = seal(tmp_path / "p", files(), stranger)
    text = (package / "signature").read_text().split()
    (package / "signature").write_text(f"{text[0]} {KEY_ID} {text[2]}\n")
    assert refused(package).reason == "tampered"


def test_a_signature_of_another_package(tmp_path: Path, package: Path) -> None:
    other = seal(tmp_path / "other", files(card_md=b"other"))
    (package / "signature").write_bytes((other / "signature").read_bytes())
    assert refused(package).where.endswith("signature")


def test_a_file_too_many(package: Path) -> None:
    (package / "extra.onnx").write_bytes(b"")
    error = refused(package)
    assert error.where.endswith("extra.onnx")
    assert "not in the signed list" in error.what


@pytest.mark.parametrize("name", [b"\xff.onnx", b"\x1b[31m.onnx", b"a\nb"])
def test_a_name_that_no_terminal_should_see_is_told_in_ascii(package: Path, name: bytes) -> None:
    Path(os.fsdecode(os.fsencode(package) + b"/" + name)).write_bytes(b"")
    assert str(refused(package)).isprintable()


def test_a_signed_file_that_is_no_part_of_a_package(tmp_path: Path) -> None:
    assert refused(seal(tmp_path / "p", {**files(), "run.sh": b"rm"})).where.endswith("run.sh")


def test_links_folders_and_pipes(package: Path, tmp_path: Path) -> None:
    model = package / "model.onnx"
    elsewhere = tmp_path / "model.onnx"
    model.rename(elsewhere)
    model.symlink_to(elsewhere)
    assert refused(package).what == "not a plain file"
    model.unlink()
    model.mkdir()
    assert refused(package).what == "not a plain file"
    model.rmdir()
    os.mkfifo(model)
    assert refused(package).what == "not a plain file"


@pytest.mark.parametrize(
    ("name", "size"), [("model.onnx", 512_000_001), ("manifest.toml", 65_537), ("checksums", 8193)]
)
def test_too_large_is_said_before_anything_is_read(package: Path, name: str, size: int) -> None:
    os.truncate(package / name, size)
    error = refused(package)
    assert (error.reason, error.where) == ("oversized", f"{package}/{name}")
    assert f"{size} bytes" in error.what  # from the listing; a read stops at the limit and knows no size


def test_too_many_files(package: Path) -> None:
    for number in range(40):
        (package / f"form{number}.onnx").touch()
    assert refused(package).reason == "oversized"


def test_no_folder(tmp_path: Path) -> None:
    assert refused(tmp_path / "none").reason == "missing"
    (tmp_path / "file").write_bytes(b"")
    assert refused(tmp_path / "file").reason == "missing"


@pytest.mark.parametrize("listed", [b"../x", b"/etc/passwd", b"a/b", b".hidden", b"UPPER"])
def test_names_that_lead_elsewhere(tmp_path: Path, listed: bytes) -> None:
    package = seal(tmp_path / "p", files())
    text = (package / "checksums").read_bytes() + b"0" * 64 + b"  " + listed + b"\n"
    (package / "checksums").write_bytes(text)
    (package / "signature").write_text(f"ed25519 {KEY_ID} {KEY.sign(text).hex()}\n")
    assert refused(package).where.endswith("checksums")


def test_trusted_keys_are_those_in_the_folders(tmp_path: Path) -> None:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    pem = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    (tmp_path / "a" / "site.pub").write_bytes(pem)
    (tmp_path / "a" / "site.key").write_bytes(b"not looked at")
    assert trusted_keys(tmp_path / "a", tmp_path / "b") == {KEY_ID: PUBLIC}
    (tmp_path / "b" / "broken.pub").write_bytes(b"ssh-ed25519 AAAA")
    with pytest.raises(PackageRefused, match=r"broken\.pub"):
        trusted_keys(tmp_path / "a", tmp_path / "b")
    with pytest.raises(PackageRefused, match="no such folder"):
        trusted_keys(tmp_path / "none")


def test_a_private_or_foreign_key_is_not_taken_for_a_public_one(tmp_path: Path) -> None:
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

    file = tmp_path / "k.pub"
    file.write_bytes(KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with pytest.raises(PackageRefused, match="not a public key"):
        trusted_keys(tmp_path)
    other = generate_private_key(SECP256R1()).public_key()
    file.write_bytes(other.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    with pytest.raises(PackageRefused, match="not an Ed25519 key"):
        trusted_keys(tmp_path)
