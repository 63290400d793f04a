"""Keys and signatures, against OpenSSL as the independent implementation; releases."""

import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from engine.errors import PackageRefused, ScansideError
from engine.package import load_package, trusted_keys
from models.pack import pack
from models.release import release
from models.shipped import KEYS, PACKAGES
from models.signing import read_private_key, sign, write_key_pair
from tests.engine.package_cases import files

openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="apt install openssl")


def run_openssl(*arguments: str | Path) -> str:
    return subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, text=True).stdout


def test_a_pair_is_named_by_its_id_and_the_private_half_is_private(tmp_path: Path) -> None:
    private, public = write_key_pair(tmp_path / "keys")
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    assert list(trusted_keys(tmp_path / "keys")) == [public.stem]
    assert b"PRIVATE" not in public.read_bytes()
    assert sign(read_private_key(private), b"x").split()[1].decode() == public.stem


@openssl
def test_openssl_verifies_our_signature_and_makes_keys_that_we_take(tmp_path: Path) -> None:
    private, public = tmp_path / "site.key", tmp_path / "site.pub"
    run_openssl("genpkey", "-algorithm", "ed25519", "-out", private)
    run_openssl("pkey", "-in", private, "-pubout", "-out", public)
    (tmp_path / "s").mkdir()
    for name, data in files().items():
        (tmp_path / "s" / name).write_bytes(data)
    package = pack(tmp_path / "s", None, read_private_key(private))
    assert load_package(package.path, trusted_keys(tmp_path)).key_id == package.key_id
    signature = tmp_path / "binary"
    signature.write_bytes(bytes.fromhex((package.path / "signature").read_text().split()[2]))
    said = run_openssl(
        "pkeyutl",
        "-verify",
        "-pubin",
        "-inkey",
        public,
        "-rawin",
        "-in",
        package.path / "checksums",
        "-sigfile",
        signature,
    )
    assert "Successfully" in said


def test_what_is_no_private_key_is_said(tmp_path: Path) -> None:
    _private, public = write_key_pair(tmp_path)
    for file in (public, tmp_path / "none.key"):
        with pytest.raises(PackageRefused, match=file.name):
            read_private_key(file)


def test_a_release_signs_everything_once(tmp_path: Path) -> None:
    packages, keys = tmp_path / "packages", tmp_path / "keys"
    shutil.copytree(PACKAGES, packages)
    keys.mkdir()
    before = {p.name: load_package(p, trusted_keys(KEYS)).sha256 for p in sorted(packages.iterdir())}
    signed = release("9.9", [], packages, keys)
    fresh = trusted_keys(keys)
    assert {p.name: load_package(p, fresh).sha256 for p in signed} == before
    assert [p.name for p in keys.iterdir()] == ["release-9.9.pub"]
    with pytest.raises(ScansideError, match="is signed"):
        release("9.9", [], packages, keys)
