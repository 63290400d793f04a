"""What `scanside models pack` takes: a folder with the network, its promises, and a card of this run."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from models.train.task import Settings

VERSION = "0.1"
"""Of a network that nobody has measured yet; who ships it gives it a version of its own."""


def write_source(folder: Path, home: Path, files: Mapping[str, bytes], card: str) -> None:
    """`folder` with `files` and `card`, and the manifest of the network's own folder `home` as version `VERSION`."""
    folder.mkdir(exist_ok=True)
    shipped = (home / "manifest.toml").read_text("utf-8")
    manifest = re.sub(r'(?m)^version = ".*"$', f'version = "{VERSION}"', shipped, count=1)
    texts = {"manifest.toml": manifest.encode(), "card.md": card.encode()}
    for name, data in {**texts, **files}.items():
        (folder / name).write_bytes(data)


def run_card(settings: Settings, data: str, figures: Mapping[str, Any]) -> str:
    """The card of a retrained network: how it was made, its `figures`, and that nothing else is known of it.

    `data` says in one sentence what was trained on and held out.
    """
    command = f"scanside models train {settings.name} --minutes {settings.minutes:g} --seed {settings.seed}"
    folder = f"`{Path(settings.data).name}`" if settings.data else "none"
    return f"""# {settings.name}

**Retrained, not evaluated.** Not for use until who ships it has measured it and written its card.

## Training
- `{command}`; folder of anatomy: {folder}.
- {data}.

## Figures on what was held out
They chose which weights are kept, so they are better than those on other data will be.

| figure | value |
|---|---|
{_lines(figures)}

## Not measured
not measured: everything the shipped card holds; read models/{settings.name}/card.md for how to
"""


def _lines(figures: Mapping[str, Any]) -> str:
    flat: dict[str, float] = {}
    for name, value in figures.items():
        flat |= {f"{name}: {part}": v for part, v in value.items()} if isinstance(value, Mapping) else {name: value}
    rows = ((name, f"{value:.6g}" if isinstance(value, float) else value) for name, value in flat.items())
    return "\n".join(f"| {name} | {text} |" for name, text in rows)
