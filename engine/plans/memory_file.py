"""Files that are only in memory: two processes share them, and nothing stays behind when either is killed."""

import contextlib
import os
from collections.abc import Iterator


@contextlib.contextmanager
def memory_file(held: bytes = b"") -> Iterator[int]:
    """Descriptor of a new one that holds these bytes; a child inherits it by `pass_fds`."""
    descriptor = os.memfd_create("scanside")
    try:
        replace(descriptor, held)
        yield descriptor
    finally:
        os.close(descriptor)


def content(descriptor: int) -> bytes:
    """All of it."""
    with open(descriptor, "rb", closefd=False) as file:
        file.seek(0)
        return file.read()


def replace(descriptor: int, held: bytes | memoryview) -> None:
    """Put these bytes in the place of what it holds."""
    with open(descriptor, "wb", closefd=False) as file:
        file.truncate(0)
        file.seek(0)
        file.write(held)
