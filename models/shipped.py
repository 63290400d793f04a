"""Where the packages and release keys that come with the appliance are."""

from pathlib import Path

PACKAGES = Path(__file__).parent / "packages"
"""One folder per package."""

KEYS = Path(__file__).parent / "keys"
"""Public halves of the release keys; the private halves were never written anywhere."""
