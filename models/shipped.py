"""Where the packages and release keys that come with the appliance are."""

from pathlib import Path

PACKAGES = Path(__file__).parent / "packages"
"""One folder per package."""

KEYS = Path(__file__).parent / "keys"
"""Public halves of the release keys; the private halves were never written anywhere."""


def denoiser_package() -> Path:
    """The trained denoiser; the smoothing network where none is shipped."""
    trained = PACKAGES / "denoiser"
    return trained if trained.is_dir() else PACKAGES / "smooth"


def quality_package() -> Path | None:
    """The trained quality network; None where none is shipped."""
    trained = PACKAGES / "quality"
    return trained if trained.is_dir() else None
