"""What `scanside models pack` takes: a folder with the network, its promises and its card."""

from collections.abc import Mapping
from pathlib import Path


def write_source(folder: Path, home: Path, files: Mapping[str, bytes]) -> None:
    """`folder` with `files`, and with manifest.toml and card.md from the network's own folder `home`."""
    folder.mkdir(exist_ok=True)
    texts = {name: (home / name).read_bytes() for name in ("manifest.toml", "card.md")}
    for name, data in {**texts, **files}.items():
        (folder / name).write_bytes(data)
