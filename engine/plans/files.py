"""Files that are there whole or not at all, whatever ends the process or the power."""

import os
from collections.abc import Mapping
from pathlib import Path


def write_whole(file: Path, content: bytes) -> None:
    """Replace `file`: written beside it, forced to disk, renamed. Raises OSError, and leaves nothing behind then."""
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        _write_through(fresh, content)
        fresh.replace(file)
    except OSError:
        fresh.unlink(missing_ok=True)
        raise
    fsync_folder(file.parent)


def fill_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    """A new folder with these files, forced to disk; raises OSError."""
    folder.mkdir(parents=True)
    for name, content in files.items():
        _write_through(folder / name, content)
    fsync_folder(folder)


def fsync_folder(folder: Path) -> None:
    """Force the names in a folder to disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_through(file: Path, content: bytes) -> None:
    with file.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
