"""One life of the worker process, seen from the loop: start, ask, hear, end."""

import contextlib
import json
import os
import select
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import msgspec

from engine.denoise import TASK as DENOISE
from engine.runners import AUTO
from firmware.inference.link import ANSWER, LARGEST_MESSAGE, REQUEST

_GRACE_S = 3.0
"""For a worker that is still starting; less than the loop waits for its own end."""

COMMAND = (sys.executable, "-m", "firmware.inference.worker")


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a worker is to run."""

    package: Path
    keys: tuple[Path, ...]
    """Folders of public keys."""
    task: str = DENOISE
    backend: str = AUTO
    """A runner, or runner:form, that must serve; AUTO: the fastest of those that passed the gate here."""
    state: Path | None = None
    """The appliance's folder, where plans, tables of ranges and measured choices lie; None: nothing is kept."""
    command: tuple[str, ...] = COMMAND


class Started(msgspec.Struct, kw_only=True):
    """A worker's first message."""

    refused: str = ""
    name: str = ""
    version: str = ""
    sha256: str = ""
    runner: str = ""
    form: str = ""
    requested: str = ""
    actual: str = ""
    real_gpu: bool = False
    why: str = ""
    """Why this runner and form, in a sentence."""
    tried: str = ""
    """What else could have served, and how fast: one line each."""
    kinds: str = ""
    """Faults that the network looks for, separated by spaces."""


class WorkerProcess:
    """`hear` belongs to one thread, `ask` may come from any; `end` leaves neither process nor descriptor behind."""

    def __init__(self, wishes: Wishes, memory: int) -> None:
        requests, self._requests = os.pipe()
        self._answers, answers = os.pipe()
        words = {
            "parent": os.getpid(),
            "package": str(wishes.package),
            "keys": [str(folder) for folder in wishes.keys],
            "backend": wishes.backend,
            "state": str(wishes.state or ""),
            "task": wishes.task,
            "images": memory,
            "requests": requests,
            "answers": answers,
        }
        try:
            self._process = subprocess.Popen(
                [*wishes.command, json.dumps(words)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,  # the results of commands are printed there
                pass_fds=(memory, requests, answers),
                process_group=0,  # an interrupt from the terminal is for the loop, and the loop ends its worker
            )
        except OSError:
            os.close(self._requests)
            os.close(self._answers)
            raise
        finally:
            os.close(requests)
            os.close(answers)
        self._starting = True
        self._poll = select.poll()
        self._poll.register(self._answers, select.POLLIN)

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    def started(self, milliseconds: int) -> Started | None:
        """The first message, None when there is none yet; raises EOFError when the process is gone."""
        message = self._read(milliseconds, LARGEST_MESSAGE)
        if message is not None:
            self._starting = False
        try:
            return None if message is None else msgspec.json.decode(message, type=Started)
        except msgspec.DecodeError as error:
            raise EOFError from error

    def ask(self, frame: int, slot: int, shape: tuple[int, ...]) -> None:
        """Have the image in a slot processed; never waits."""
        with contextlib.suppress(BrokenPipeError):  # it has just died: whoever hears finds out
            os.write(self._requests, REQUEST.pack(frame, slot, *shape))

    def hear(self, milliseconds: int) -> tuple[int, str] | None:
        """The next (frame, why there is no answer), None when none came; raises EOFError when the process is gone."""
        message = self._read(milliseconds, ANSWER.size)
        if message is None:
            return None
        frame, why = ANSWER.unpack(message)
        return frame, why.rstrip(b"\0").decode("ascii", "replace")

    def end(self) -> None:
        """End it, wait for its end, close the pipes.

        While it starts it is asked first, so that this end does not count against the runner it is trying. It cannot
        hear that inside a library; one that stays there is killed, and counts as hung.
        """
        if self._starting:
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_GRACE_S)
        self._process.kill()
        self._process.wait()
        os.close(self._requests)
        os.close(self._answers)

    def _read(self, milliseconds: int, size: int) -> bytes | None:
        if not self._poll.poll(milliseconds):
            return None
        message = os.read(self._answers, size)
        if not message:
            raise EOFError
        return message
