"""A model package: a signed folder with a network, what it promises, and frames to hold it to."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.errors import PackageRefused
from engine.forms.ranges import FILE as RANGES
from engine.forms.ranges import Ranges, packaged_ranges
from engine.package.golden import check_golden, read_golden
from engine.package.graph import check_graph
from engine.package.keys import trusted_keys
from engine.package.manifest import Axis, Manifest, Tensor, read_manifest
from engine.package.sealed import read_sealed

__all__ = ["Axis", "Manifest", "Package", "PackageRefused", "Tensor", "load_package", "read_content", "trusted_keys"]

_SUFFIXES = (".onnx", ".md", ".txt")
_FILES = ("manifest.toml", "golden.npz", RANGES)


@dataclass(frozen=True, slots=True)
class Content:
    """What the files of a package say."""

    manifest: Manifest
    golden: Mapping[str, NDArray[np.generic]]
    """Tensor name -> `[frame, *shape]`."""
    parameters: int
    ranges: Ranges | None


@dataclass(frozen=True, slots=True)
class Package:
    """A package that may be run: signed by a trusted key, unchanged, and what its manifest says."""

    path: Path
    manifest: Manifest
    sha256: str
    """Of the list of checksums: the identity."""
    key_id: str
    model: bytes
    """The verified bytes of model.onnx, so that nothing is read again after it was checked."""
    forms: Mapping[str, bytes]
    """Further precisions of the same network, as ONNX files: int8-s8, int8-u8, fp16."""
    golden: Mapping[str, NDArray[np.generic]]
    """Tensor name -> `[frame, *shape]`: inputs and the answers of model.onnx to them."""
    card: str
    parameters: int
    ranges: Ranges | None = None
    """The table of which int8 forms are made, where the package has one."""


def load_package(path: Path, keys: Mapping[str, bytes]) -> Package:
    """The package in the folder `path`, when one of `keys` (id -> raw public key) signed it and it keeps every rule.

    Nothing is parsed before the signature holds. Raises PackageRefused that names the file, the reason and the mend.
    """
    sealed = read_sealed(path, keys)
    content = read_content(sealed.files, path)
    forms = {name.removesuffix(".onnx"): data for name, data in sealed.files.items() if name.endswith(".onnx")}
    return Package(
        path,
        content.manifest,
        sealed.sha256,
        sealed.key_id,
        forms.pop("model"),
        forms,
        content.golden,
        sealed.files["card.md"].decode("utf-8"),
        content.parameters,
        content.ranges,
    )


def read_content(files: Mapping[str, bytes], path: Path) -> Content:
    """The parts of a package from its files (name -> bytes); raises PackageRefused naming a file in `path`."""
    for name in files:
        if not name.endswith(_SUFFIXES) and name not in _FILES:
            what = f"not part of a package, which holds {', '.join(_FILES)} and {', '.join(_SUFFIXES)} files"
            raise PackageRefused(what, f"{path}/{name}", "remove it", reason="manifest")
    try:
        files["card.md"].decode("utf-8")
    except UnicodeDecodeError as error:
        raise PackageRefused("not UTF-8 text", f"{path}/card.md", "save it as UTF-8", reason="manifest") from error
    manifest = read_manifest(files["manifest.toml"], f"{path}/manifest.toml")
    parameters = {
        name: check_graph(data, manifest, f"{path}/{name}") for name, data in files.items() if name.endswith(".onnx")
    }
    golden = read_golden(files["golden.npz"], f"{path}/golden.npz")
    check_golden(golden, (*manifest.inputs, *manifest.outputs), f"{path}/golden.npz")
    return Content(manifest, golden, parameters["model.onnx"], packaged_ranges(files, str(path)))
