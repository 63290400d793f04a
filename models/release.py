"""Signing what is shipped: a fresh key per release, whose private half lives for the length of this program.

`python -m models.release VERSION [SOURCE ...]` packs the source folders into `models/packages`, signs every package
there again and writes `models/keys/release-VERSION.pub`. Nobody can sign for that release afterwards.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from engine.errors import ScansideError
from models.pack import pack
from models.shipped import KEYS, PACKAGES
from models.signing import new_key, write_public_half


def release(version: str, sources: Sequence[Path], packages: Path = PACKAGES, keys: Path = KEYS) -> list[Path]:
    """The folders signed; raises ScansideError, PackageRefused. A release is signed once."""
    public = keys / f"release-{version}.pub"
    if public.exists():
        raise ScansideError("this release is signed", str(public), "give a new version")
    key = new_key()
    fresh = [pack(source, packages / source.name, key).path for source in sources]
    for folder in sorted(f for f in packages.iterdir() if f.is_dir() and f not in fresh):
        fresh.append(pack(folder, folder, key).path)
    write_public_half(key, public)
    return fresh


if __name__ == "__main__":
    for signed in release(sys.argv[1], [Path(argument) for argument in sys.argv[2:]]):
        print(signed)
