"""Where the packages and release keys that come with the appliance are."""

from pathlib import Path

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
