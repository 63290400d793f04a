"""From a folder with a network and what it promises to a signed package."""

import os
import tempfile
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import PackageRefused, ScansideError
from engine.package import Package, load_package, read_content
from engine.package.golden import read_golden
from engine.package.graph import check_graph
from engine.package.keys import key_id
from engine.package.manifest import Manifest, read_manifest
from engine.package.sealed import CHECKSUMS, SIGNATURE, check_size, checksums_text, read_plain
from models.answers import Reference, complete_golden, npz_bytes, try_sizes
from models.draft import OPEN
from models.signing import public_half, sign

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


def pack(source: Path, out: Path | None, key: "Ed25519PrivateKey") -> Package:
    """Writes the package of the folder `source`, signed with `key`, to `out` (default: beside it, name-version).

    `source` holds manifest.toml, model.onnx and card.md; golden.npz is made, or completed with answers, where it is
    missing. `out` is replaced when it holds the same package or another version of it, at once or not at all. Raises
    PackageRefused for what `load_package` would refuse, for answers that are not the network's, and for sizes at which
    it does not run.
    """
    files = read_plain(source)
    for name in (CHECKSUMS, SIGNATURE):
        files.pop(name, None)
    for name in ("manifest.toml", "model.onnx", "card.md"):
        if name not in files:
            mend = "`scanside models pack MODEL.onnx --draft DIR` drafts one"
            raise PackageRefused("the file is missing", f"{source}/{name}", mend, reason="missing")
    for name in ("manifest.toml", "card.md"):
        if OPEN in files[name].decode("utf-8", "replace"):
            raise PackageRefused(f"says {OPEN}", f"{source}/{name}", "fill it in", reason="manifest")
    manifest = read_manifest(files["manifest.toml"], f"{source}/manifest.toml")
    check_graph(files["model.onnx"], manifest, f"{source}/model.onnx")
    reference = Reference(files["model.onnx"], manifest, f"{source}/model.onnx")
    try_sizes(reference)
    given = read_golden(files["golden.npz"], f"{source}/golden.npz") if "golden.npz" in files else {}
    golden = complete_golden(given, reference, f"{source}/golden.npz")
    if golden.keys() != given.keys():
        files["golden.npz"] = npz_bytes(golden)
        check_size("golden.npz", len(files["golden.npz"]), f"{source}/golden.npz")
    read_content(files, source)
    out = source.parent / f"{manifest.name}-{manifest.version}" if out is None else out
    listed = checksums_text(files)
    _refuse_other(out, manifest, listed, in_place=source.resolve() == out.resolve())
    _replace(out, {**files, CHECKSUMS: listed, SIGNATURE: sign(key, listed)})
    public = public_half(key)
    return load_package(out, {key_id(public): public})


def _refuse_other(out: Path, manifest: Manifest, listed: bytes, *, in_place: bool) -> None:
    """One version of a package is one content, for ever."""
    if not out.exists():
        return
    old = read_plain(out)
    if old.get(CHECKSUMS) == listed or (in_place and CHECKSUMS not in old):
        return
    if in_place:
        mend = "give another folder with --out"
        raise PackageRefused("changed since it was signed", str(out), mend, reason="version")
    try:
        before = tomllib.loads(old["manifest.toml"].decode("utf-8"))
        name, version = before["name"], before["version"]
    except (KeyError, ValueError) as error:
        raise PackageRefused("holds something that is no package", str(out), "remove it", reason="version") from error
    if name != manifest.name:
        mend = "give another folder with --out"
        raise PackageRefused(f"holds another package, {name!r}", str(out), mend, reason="version")
    if version == manifest.version:
        mend = "give the manifest a new version"
        raise PackageRefused(f"holds a different {name} {version}", str(out), mend, reason="version")


def _replace(out: Path, files: Mapping[str, bytes]) -> None:
    """A whole folder or none: written beside, synchronised, renamed."""
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as room:
            made, old = Path(room, "made"), Path(room, "old")
            made.mkdir()
            for name, data in files.items():
                with (made / name).open("wb") as stream:
                    stream.write(data)
                    stream.flush()
                    os.fsync(stream.fileno())
            _sync(made)
            try:
                if out.exists():
                    out.rename(old)
                made.rename(out)
            finally:
                if old.exists() and not out.exists():  # failed or interrupted between the two
                    old.rename(out)
        _sync(out.parent)
    except OSError as error:
        raise ScansideError(f"cannot be written ({error.strerror})", str(out), "choose another folder") from error


def _sync(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY)
    os.fsync(opened)
    os.close(opened)
