"""The ismrmrd-tools phantom as prebuilt MRD messages."""

import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.errors import Unavailable
from firmware.sources import mrd_encode
from firmware.sources.mrd_file import read_mrd

GENERATOR = "ismrmrd_generate_cartesian_shepp_logan"
LINES = 256


@dataclass(frozen=True, slots=True)
class Phantom:
    """One series on the wire."""

    path: Path
    start: bytes
    """Configuration and header."""
    messages: NDArray[np.void]
    """One message per readout."""

    @property
    def frames(self) -> int:
        """Repetitions."""
        return len(self.messages) // LINES


def make_phantom(folder: Path, coils: int, repetitions: int) -> Phantom:
    """256 x 256, twice oversampled, noise 0.05; raises Unavailable without the tool."""
    program = shutil.which(GENERATOR)
    if program is None:
        raise Unavailable(f"{GENERATOR} is missing", mend="apt install ismrmrd-tools")
    path = folder / f"phantom{coils}.h5"
    command = [program, "-m", "256", "-c", str(coils), "-O", "2", "-r", str(repetitions), "-n", "0.05", "-o", str(path)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    contents = read_mrd(path)
    messages = np.concatenate([mrd_encode.acquisitions(batch) for batch in contents.batches])
    start = mrd_encode.config_file("scanside") + mrd_encode.header(contents.xml)
    return Phantom(path, start, messages)


def save(phantom: Phantom, folder: Path) -> Path:
    """The same for another process: `start` and messages in one file each."""
    base = folder / phantom.path.stem
    base.with_suffix(".start").write_bytes(phantom.start)
    np.save(base.with_suffix(".npy"), phantom.messages.view(np.uint8).reshape(len(phantom.messages), -1))
    return base


def temporary_folder() -> "tempfile.TemporaryDirectory[str]":
    """Where a benchmark keeps its files."""
    return tempfile.TemporaryDirectory(prefix="scanside-bench-")
