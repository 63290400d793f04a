"""The files of a package as bytes, read once and proven to be what was signed before anything parses them."""

import errno
import hashlib
import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from engine.errors import PackageRefused
from engine.package.keys import check_signature

CHECKSUMS, SIGNATURE = "checksums", "signature"
REQUIRED = ("manifest.toml", "model.onnx", "card.md", "golden.npz")
"""Files that every package has, besides the two above."""

MAX_FILE = 512_000_000
"""bytes"""
MAX_FILES = 32
_MAX = {CHECKSUMS: 8192, SIGNATURE: 256, "manifest.toml": 65_536, "card.md": 1_000_000, "golden.npz": 64_000_000}
_LINE = re.compile(rb"([0-9a-f]{64})  ([a-z0-9][a-z0-9._-]{0,62})\n")


@dataclass(frozen=True, slots=True)
class Sealed:
    """What a signature covers."""

    files: Mapping[str, bytes]
    """Name -> content, without checksums and signature."""
    sha256: str
    """Of the list of checksums: the identity of the package."""
    key_id: str


def read_sealed(path: Path, keys: Mapping[str, bytes]) -> Sealed:
    """The signed files of the folder `path`, each read once.

    Raises PackageRefused in this order: a file that is too large or no plain file, no signature or one by a key that is
    not in `keys`, a file that is missing, changed, or not in the list.
    """
    folder = _open_folder(path)
    try:
        names = _plain_files(folder, path)
        for name in (CHECKSUMS, SIGNATURE):
            if name not in names:
                mend = "sign it with `scanside models pack`"
                raise PackageRefused(
                    "the file is missing: the package is not signed", f"{path}/{name}", mend, "unsigned"
                )
        listed = _read(folder, CHECKSUMS, path)
        key = check_signature(_read(folder, SIGNATURE, path), listed, keys, f"{path}/{SIGNATURE}")
        wanted = _parse_checksums(listed, path)
        _compare_names(names - {CHECKSUMS, SIGNATURE}, set(wanted), path)
        files = {}
        for name, digest in wanted.items():
            files[name] = _read(folder, name, path)
            if hashlib.sha256(files[name]).hexdigest() != digest:
                what = "differs from what was signed"
                raise PackageRefused(what, f"{path}/{name}", "get the package again", reason="tampered")
    finally:
        os.close(folder)
    return Sealed(files, hashlib.sha256(listed).hexdigest(), key)


def read_plain(path: Path) -> dict[str, bytes]:
    """Name -> content of every file in the folder `path`, under the same limits, proven by nothing; PackageRefused."""
    folder = _open_folder(path)
    try:
        return {name: _read(folder, name, path) for name in sorted(_plain_files(folder, path))}
    finally:
        os.close(folder)


def check_size(name: str, size: int, where: str) -> None:
    """Raises PackageRefused naming `where` when `size` bytes are more than the file `name` may have."""
    limit = _MAX.get(name, MAX_FILE)
    if size > limit:
        raise PackageRefused(f"{size} bytes, {limit} are allowed", where, "make it smaller", reason="oversized")


def checksums_text(files: Mapping[str, bytes]) -> bytes:
    """The list that is signed, in the form of `sha256sum`, sorted by name."""
    lines = (f"{hashlib.sha256(files[name]).hexdigest()}  {name}\n" for name in sorted(files))
    return "".join(lines).encode("ascii")


def _open_folder(path: Path) -> int:
    try:
        return os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise PackageRefused(
            f"not a folder that can be read ({error.strerror})", str(path), reason="missing"
        ) from error


def _plain_files(folder: int, path: Path) -> set[str]:
    names = set()
    with os.scandir(folder) as entries:
        for entry in entries:
            if not entry.name.isprintable():
                # Characters of anybody's choice: no terminal and no pipe shall get them raw.
                raise PackageRefused(
                    "not a file of a package", f"{path}/{entry.name!a}", "remove it", reason="tampered"
                )
            where = f"{path}/{entry.name}"
            status = entry.stat(follow_symlinks=False)
            if not stat.S_ISREG(status.st_mode):
                mend = "a package holds plain files only: no links, no folders"
                raise PackageRefused("not a plain file", where, mend, reason="tampered")
            check_size(entry.name, status.st_size, where)
            names.add(entry.name)
            if len(names) > MAX_FILES:
                raise PackageRefused(f"more than {MAX_FILES} files", str(path), reason="oversized")
    return names


def _read(folder: int, name: str, path: Path) -> bytes:
    where, limit = f"{path}/{name}", _MAX.get(name, MAX_FILE)
    try:
        # The entry may have been exchanged since it was listed: never follow a link, never wait for a pipe.
        opened = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
        with open(opened, "rb") as stream:
            data = stream.read(limit + 1)
    except OSError as error:
        gone = error.errno == errno.ENOENT
        what = "the file is missing" if gone else f"cannot be read ({error.strerror})"
        raise PackageRefused(what, where, reason="missing") from error
    if len(data) > limit:
        raise PackageRefused(f"more than the {limit} bytes that are allowed", where, reason="oversized")
    return data


def _parse_checksums(listed: bytes, path: Path) -> dict[str, str]:
    wanted = {m[2].decode("ascii"): m[1].decode("ascii") for m in _LINE.finditer(listed)}
    # One text for one list, so that nothing hides between the lines.
    if listed != b"".join(f"{wanted[name]}  {name}\n".encode("ascii") for name in sorted(wanted)):
        raise PackageRefused("not a sorted list of SHA-256 and names", f"{path}/{CHECKSUMS}", reason="tampered")
    return wanted


def _compare_names(present: set[str], wanted: set[str], path: Path) -> None:
    for name in sorted({*wanted, *REQUIRED} - present):
        raise PackageRefused("the file is missing", f"{path}/{name}", "get the package again", reason="tampered")
    for name in sorted(present - wanted):
        raise PackageRefused("the file is not in the signed list", f"{path}/{name}", "remove it", reason="tampered")
