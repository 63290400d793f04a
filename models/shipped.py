"""Where the packages and release keys that come with the appliance are."""

from collections.abc import Mapping
from pathlib import Path

from engine.errors import PackageRefused
from engine.package import Package, load_package

PACKAGES = Path(__file__).parent / "packages"
"""One folder per package."""

KEYS = Path(__file__).parent / "keys"
"""Public halves of the release keys; the private halves were never written anywhere."""


DENOISER, QUALITY = "denoiser", "quality"
"""What an appliance runs unless its configuration says otherwise."""


def package_folder(said: str) -> Path:
    """The folder of a package: one that is shipped, by its name, or any other."""
    shipped = PACKAGES / said
    return shipped if Path(said).name == said and shipped.is_dir() else Path(said)


def load_named(said: str, keys: Mapping[str, bytes]) -> Package:
    """The package in that folder; raises PackageRefused, for a word that names none with the names that do."""
    folder = package_folder(said)
    if Path(said).name == said and not folder.exists():
        names = ", ".join(sorted(path.name for path in PACKAGES.iterdir() if path.is_dir()))
        what, mend = "neither a shipped network nor a folder here", f"shipped are {names}"
        raise PackageRefused(what, said, mend, reason="missing")
    return load_package(folder, keys)
