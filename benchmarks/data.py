"""Where the public data sets are."""

import os
from pathlib import Path


def data_folder() -> Path:
    """The folder that SCANSIDE_DATA names; a path at which nothing is, and which says so, where it names none."""
    return Path(os.environ.get("SCANSIDE_DATA") or "SCANSIDE_DATA is not set")
