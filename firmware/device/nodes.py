"""Files of /sys, /proc and /etc that may be missing, empty, unreadable or nonsense: then None."""

from collections.abc import Iterator
from pathlib import Path

_MOST = 64 << 10


def text(path: Path) -> str | None:
    """Its content without surrounding blanks and the zero byte that device-tree strings end with."""
    try:
        with path.open("rb") as file:
            content = file.read(_MOST)
    except OSError:  # a powered-down sensor answers EAGAIN, a missing driver ENODEV, a foreign user EACCES
        return None
    return content.decode("utf-8", "replace").strip("\0 \t\r\n") or None


def number(path: Path) -> int | None:
    """The whole number it holds."""
    try:
        return int(text(path) or "")
    except ValueError:
        return None


def folders(parent: Path, pattern: str) -> Iterator[Path]:
    """Those whose name fits, in order of their number."""
    try:
        found = list(parent.glob(pattern))
    except OSError:
        return
    yield from sorted(found, key=lambda path: (len(path.name), path.name))
