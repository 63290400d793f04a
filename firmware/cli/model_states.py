"""What can be said of a package folder without raising: its signature's state, and what it is when that is trusted."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from engine.errors import PackageRefused
from engine.package import load_package
from engine.package.sealed import CHECKSUMS, SIGNATURE

_UNTRUSTED = ("unsigned", "unknown-key", "tampered", "oversized", "missing")
"""Reasons for which nothing in the folder is believed; any other one is about a package that a trusted key signed."""


@dataclass(frozen=True, slots=True)
class PackageState:
    """One row of `models list`."""

    path: str
    name: str
    """The folder's while the manifest is not believed."""
    version: str | None
    task: str
    parameters: int | None
    sha256: str | None
    """Of the list of checksums."""
    signature: str
    """trusted, or why not: unsigned, unknown-key, tampered, oversized, missing."""
    refused: str
    """Why the package is not used; empty when it may be."""

    @property
    def usable(self) -> bool:
        """Trusted, unchanged, and within the rules."""
        return not self.refused

    def document(self) -> dict[str, object]:
        """As JSON."""
        return asdict(self)


def state_of(path: Path, keys: Mapping[str, bytes]) -> PackageState:
    """The state of the folder `path` for whoever trusts `keys`; never raises for what is in it."""
    try:
        package = load_package(path, keys)
    except PackageRefused as error:
        state = error.reason if error.reason in _UNTRUSTED else "trusted"
        return PackageState(str(path), path.resolve().name, None, "", None, _identity(path), state, str(error))
    manifest = package.manifest
    return PackageState(
        str(path),
        manifest.name,
        manifest.version,
        manifest.task,
        package.parameters,
        package.sha256,
        "trusted",
        "",
    )


def find_packages(paths: Sequence[Path]) -> Iterator[Path]:
    """Each path that holds a package's files or no folders at all; else the folders in it."""
    for path in paths:
        marks = (CHECKSUMS, SIGNATURE, "manifest.toml")
        inner = [] if any((path / mark).exists() for mark in marks) or not path.is_dir() else _folders(path)
        yield from inner or [path]


def _folders(path: Path) -> list[Path]:
    return sorted(p for p in path.iterdir() if p.is_dir() and not p.name.startswith((".", "__")))


def _identity(path: Path) -> str | None:
    try:
        with (path / CHECKSUMS).open("rb") as stream:
            return hashlib.sha256(stream.read(1 << 20)).hexdigest()
    except OSError:
        return None
