"""A compile job as the rest of the appliance sees it: where it stands, and that it waits while a scan is open."""

import contextlib
import fcntl
import logging
import os
import struct
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import psutil

from engine.errors import ScansideError
from engine.seams import Clock

QUEUED, BUILDING, VALIDATING, READY, FAILED = "queued", "building", "validating", "ready", "failed"

_RUNNING = (QUEUED, BUILDING, VALIDATING)
_JOBS, _LOCK = Path("plans") / "jobs", "scanning.lock"
_LOOK_S = 0.5
_RANGE = struct.Struct("hhqqi4x")
"""struct flock: type, whence, start, length, pid."""
_WHOLE = (0, 0, 0, 0)

log = logging.getLogger(__name__)


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One compile job; plain data."""

    package: str
    form: str
    target: str
    state: str
    """queued, building, validating, ready or failed"""
    done: float = 0.0
    """Of building, 0 to 1."""
    says: str = ""
    """Why it failed or what it waits for, one sentence."""
    plan: str = ""
    """Key of the plan when it is ready."""
    since: float
    """When this state began, s since 1970."""
    pid: int
    born: float
    """When that process started, s since 1970: numbers of processes are used again."""


def read_job(state: Path, package: str) -> Job | None:
    """The last job of a package; None: none that can be read. One whose process is gone has failed."""
    try:
        job = msgspec.json.decode((state / _JOBS / f"{package}.json").read_bytes(), type=Job)
    except (OSError, msgspec.DecodeError):
        return None
    if job.state in _RUNNING and _born(job.pid) != job.born:
        return msgspec.structs.replace(job, state=FAILED, says=f"it was killed while {job.state}; compile again")
    return job


def pointed_plans(state: Path) -> dict[str, list[bytes]]:
    """Package -> what its slots in the plan store hold: something else once a plan was made current or gone back to.

    For noticing a change alone: seals are checked by whoever loads a plan.
    """
    held: dict[str, list[bytes]] = {}
    slots = state / "plans" / "slots"
    for file in sorted(slots.rglob("*.json")):
        with contextlib.suppress(OSError):
            held.setdefault(file.relative_to(slots).parts[0], []).append(file.read_bytes())
    return held


class JobFile:
    """Written by the one process that compiles; a file that cannot be written stops no compilation."""

    def __init__(self, state: Path, package: str, form: str, target: str, clock: Clock) -> None:
        self._file, self._clock = state / _JOBS / f"{package}.json", clock
        pid = os.getpid()
        self.job = Job(
            package=package, form=form, target=target, state=QUEUED, since=clock.now(), pid=pid, born=_born(pid)
        )

    def tell(self, state: str, says: str = "", *, done: float = 0.0, plan: str = "") -> None:
        """The job's state from now on."""
        since = self.job.since if state == self.job.state else self._clock.now()
        self.job = msgspec.structs.replace(self.job, state=state, says=says, done=done, plan=plan, since=since)
        fresh = self._file.with_name(f".{self._file.name}.{self.job.pid}")
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            fresh.write_bytes(msgspec.json.encode(self.job))
            fresh.replace(self._file)
        except OSError as error:
            log.warning("job-not-told file=%s: %s", self._file, error.strerror)

    @contextlib.contextmanager
    def failing(self) -> Iterator[None]:
        """Whatever ends the block early is what the job failed of."""
        try:
            yield
        except ScansideError as error:
            self.tell(FAILED, str(error))
            raise
        except KeyboardInterrupt:
            self.tell(FAILED, "it was interrupted; compile again")
            raise


class ScanningLock:
    """Says to other processes that a scan is open; the loop enters it for each. It never blocks and never raises.

    It is a lock of the open file (`F_OFD_SETLK`): gone with the process, however that ends, and a look does not take
    it, so nobody who looks can be in the way of a scan that begins at that moment.
    """

    def __init__(self, state: Path) -> None:
        self._open, self._lock = 0, threading.Lock()
        try:
            state.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file: int | None = os.open(state / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            log.warning("scanning-lock-missing folder=%s: %s; plans may be built during a scan", state, error.strerror)
            self._file = None

    def __enter__(self) -> None:
        """One more scan is open."""
        with self._lock:
            self._open += 1
            if self._open == 1:
                self._set(fcntl.F_RDLCK)

    def __exit__(self, *_: object) -> None:
        """One scan fewer is open."""
        with self._lock:
            self._open -= 1
            if self._open == 0:
                self._set(fcntl.F_UNLCK)

    @property
    def open_scans(self) -> int:
        """How many this process has open."""
        return self._open

    def _set(self, kind: int) -> None:
        if self._file is None:
            return
        with contextlib.suppress(OSError):
            fcntl.fcntl(self._file, fcntl.F_OFD_SETLK, _RANGE.pack(kind, *_WHOLE))


def is_scanning(state: Path) -> bool:
    """Whether some process has a scan open."""
    try:
        with (state / _LOCK).open("rb+") as file:
            held = fcntl.fcntl(file, fcntl.F_OFD_GETLK, _RANGE.pack(fcntl.F_WRLCK, *_WHOLE))
    except OSError:
        return False
    return bool(_RANGE.unpack(held)[0] != fcntl.F_UNLCK)


def wait_until_idle(state: Path, told: Callable[[str], None], pause: Callable[[float], None] = time.sleep) -> None:
    """Return when no scan is open; `told` hears once that it waits."""
    if is_scanning(state):
        told("a scan is open; it begins when the scan ends")
    while is_scanning(state):
        pause(_LOOK_S)


def _born(pid: int) -> float:
    """0 when there is no such process."""
    try:
        return float(psutil.Process(pid).create_time())
    except (psutil.Error, ValueError, OverflowError):  # a file anybody may write says any number
        return 0.0
