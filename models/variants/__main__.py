"""`python -m models.variants FOLDER`: a source folder for each variant, as `pack` takes it."""

import shutil
import sys
from pathlib import Path

from models.answers import npz_bytes
from models.variants import VARIANTS


def write_sources(folder: Path) -> list[Path]:
    """manifest.toml, card.md, model.onnx and the frames of golden.npz in `folder/NAME` for each; those folders."""
    written = []
    for name, variant in VARIANTS.items():
        source = folder / name
        source.mkdir(parents=True)
        for kind, file in (("toml", "manifest.toml"), ("md", "card.md")):
            shutil.copyfile(Path(__file__).with_name(f"{name}.{kind}"), source / file)
        (source / "model.onnx").write_bytes(variant.build().SerializeToString(deterministic=True))
        (source / "golden.npz").write_bytes(npz_bytes({"image": variant.frames()}))
        written.append(source)
    return written


if __name__ == "__main__":
    for made in write_sources(Path(sys.argv[1])):
        print(made)
