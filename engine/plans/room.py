"""Room in the plan store: what may go, oldest first, and what a killed build left behind."""

import contextlib
import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TextIO

from engine.plans.entry import FRESH, META

ENTRIES, LOCKS, QUARANTINE = "entries", "locks", "quarantine"
"""Folders of the store."""
_GOING = ".old-"


def lock(store: Path, key: str, told: Callable[[str], None] | None = None) -> TextIO:
    """The lock of the plan `key`: whoever holds it, until it is closed, may write or remove the plan.

    Waits while another process holds it, which `told` hears in words; raises OSError.
    """
    while True:
        held = _open_lock(store, key)
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            held.seek(0)
            if told:
                told(f"process {held.read().strip() or 'unknown'} is making the same plan; waiting for it")
            fcntl.flock(held, fcntl.LOCK_EX)
        if _is_found(held):
            return held
        held.close()


@contextlib.contextmanager
def free(store: Path, key: str) -> Iterator[bool]:
    """Whether nobody writes the plan `key`; nobody begins to inside the block then. Its lock's file goes afterwards."""
    with _open_lock(store, key) as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        ours = _is_found(held)
        try:
            yield ours
        finally:
            if ours:
                Path(held.name).unlink(missing_ok=True)


def used_bytes(store: Path) -> int:
    """Of all plans, those in quarantine included."""
    return sum(_size(folder) for part in (ENTRIES, QUARANTINE) for folder in _folders(store / part))


def removable(store: Path, used: set[str]) -> list[Path]:
    """Entries that are in use nowhere, oldest first, after those in quarantine."""
    held = [folder for folder in _folders(store / ENTRIES) if folder.name not in used]
    return [*sorted(_folders(store / QUARANTINE), key=_age), *sorted(held, key=_age)]


def remove(store: Path, folder: Path) -> bool:
    """Remove an entry, unless somebody is writing it."""
    with free(store, folder.name.partition("-")[0]) as ours:
        if not ours:
            return False
        going = folder.with_name(f"{_GOING}{folder.name}-{os.getpid()}")
        with contextlib.suppress(FileNotFoundError):
            folder.rename(going)  # at once for whoever looks; a half removed entry is never seen
            shutil.rmtree(going, ignore_errors=True)
        return True


def clear_left(store: Path, key: str = "*") -> None:
    """Remove what killed processes left of the plan `key`, whose lock the caller holds; `*`: of all that are free."""
    for left in [*(store / ENTRIES).glob(f"{FRESH}{key}-*"), *(store / ENTRIES).glob(f"{_GOING}{key}-*")]:
        if key != "*":
            shutil.rmtree(left, ignore_errors=True)
            continue
        with free(store, left.name.removeprefix(FRESH).removeprefix(_GOING).partition("-")[0]) as ours:
            if ours:
                shutil.rmtree(left, ignore_errors=True)


def clear_locks(store: Path) -> None:
    """Remove the locks of plans that are not there and that nobody makes; raises OSError."""
    for file in (store / LOCKS).glob("*.lock"):
        if not (store / ENTRIES / file.stem).exists():
            with free(store, file.stem):
                pass


def quarantine(store: Path, folder: Path) -> None:
    """Move an entry out of the way, where it is not found again; raises OSError."""
    target = store / QUARANTINE / folder.name
    target.parent.mkdir(parents=True, exist_ok=True)
    number = 1
    while target.exists():
        number += 1
        target = target.with_name(f"{folder.name}-{number}")
    folder.rename(target)


def _open_lock(store: Path, key: str) -> TextIO:
    file = store / LOCKS / f"{key}.lock"
    file.parent.mkdir(parents=True, exist_ok=True)
    return file.open("a+", encoding="ascii")


def _is_found(held: TextIO) -> bool:
    """Whether others find this file, too: whoever had the lock before may have removed it."""
    try:
        return os.path.samestat(os.fstat(held.fileno()), os.stat(held.name))
    except FileNotFoundError:
        return False


def _folders(parent: Path) -> list[Path]:
    return [f for f in parent.iterdir() if f.is_dir() and not f.name.startswith(".")] if parent.is_dir() else []


def _age(folder: Path) -> int:
    """When it was described last, ns."""
    try:
        return (folder / META).stat().st_mtime_ns
    except OSError:
        return 0


def _size(folder: Path) -> int:
    try:
        return sum(file.stat().st_size for file in folder.iterdir())
    except FileNotFoundError:
        return 0  # somebody else removes it just now
