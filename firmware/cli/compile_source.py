"""What a compilation starts from: a package, or a bare ONNX file."""

import tempfile
from collections.abc import Mapping
from pathlib import Path

from engine.errors import PackageRefused
from engine.lint import check_lint
from engine.package import Package, load_package
from engine.package.manifest import read_manifest
from models.answers import Reference, complete_golden
from models.draft import draft
from models.shipped import package_folder

UNSIGNED = "unsigned"
"""Stands for the key of a bare file: its plan is for looking at, no appliance loads it."""


def read_model(said: str, keys: Mapping[str, bytes], target: str) -> Package:
    """The package that was named, or one made of a bare ONNX file of fixed sizes, linted before anything else.

    Raises PackageRefused.
    """
    path = package_folder(said)
    if path.suffix == ".onnx" or path.is_file():
        return _bare(path, target)
    return load_package(path, keys)


def _bare(file: Path, target: str) -> Package:
    try:
        data = file.read_bytes()
    except OSError as error:
        raise PackageRefused(f"cannot be read ({error.strerror})", str(file), reason="missing") from error
    check_lint(data, target, str(file))
    with tempfile.TemporaryDirectory() as folder:
        try:
            written = draft(file, Path(folder) / "draft", {})
        except PackageRefused as error:
            if error.reason != "manifest":
                raise
            mend = f"pack it with its bounds: scanside models pack {file} --draft DIR --axis NAME=LEAST..GREATEST"
            raise PackageRefused(error.what, str(file), mend, error.reason) from error
        manifest = read_manifest(written.read_bytes(), str(file))
    golden = complete_golden({}, Reference(data, manifest, str(file)), str(file))
    return Package(file, manifest, "", UNSIGNED, data, {}, golden, "", 0)
