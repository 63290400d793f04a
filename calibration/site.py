"""The tables that a site made for its own scanner, in the appliance's state folder."""

from pathlib import Path

from engine.errors import PackageRefused
from engine.forms.ranges import FILE, Ranges, check_belongs, read_ranges
from engine.package import Package


def ranges_folder(state: Path, package: Package) -> Path:
    """Where `scanside calibrate int8` leaves its table of a network, and the appliance looks for it."""
    return state / "calibration" / package.manifest.name


def site_ranges(state: Path, package: Package) -> Ranges | None:
    """The table that was made here for this very network; None: none. Raises PackageRefused for one that is not."""
    file = ranges_folder(state, package) / FILE
    if not file.exists():
        return None
    ranges = read_ranges(file)
    check_belongs(ranges, package.model, str(file))
    return ranges


def usable_ranges(state: Path | None, package: Package) -> tuple[Ranges | None, str]:
    """The table of `site_ranges`, and why the one that is there is not used; None: the package's own is used.

    A table of the site that is damaged, or was made for another version of the network, is none; raises nothing.
    """
    try:
        return None if state is None else site_ranges(state, package), ""
    except PackageRefused as error:
        return None, str(error)
    except OSError as error:  # a folder that may not be looked into
        return None, f"{error.filename}: cannot be read ({error.strerror})"
