"""The folder of the record: made for its owner alone, and held by one appliance at a time."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from engine.errors import Unavailable


@contextlib.contextmanager
def held(folder: Path) -> Iterator[None]:
    """Inside it nobody else writes the record there; a second appliance would end the first one's running scans.

    The lock is one of the open folder: it needs no room on the disk, and is gone with the process however that ends.
    Raises Unavailable.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise _unusable(folder, error) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise Unavailable(
            "another appliance keeps its record there", str(folder), "stop it, or choose another appliance.state_dir"
        ) from error
    except OSError as error:
        os.close(descriptor)
        raise _unusable(folder, error) from error
    try:
        yield
    finally:
        os.close(descriptor)


def _unusable(folder: Path, error: OSError) -> Unavailable:
    why = f"no record can be kept there ({error.strerror})"
    return Unavailable(why, str(folder), "choose another appliance.state_dir, on a local disk")
