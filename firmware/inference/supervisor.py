"""The loop's side of an inference worker: hands images over, takes answers, ends what hangs, starts it again.

Threads that judge call `submit` and `collect`; one thread of its own owns the process. A frame waits a bounded time
and goes on without its processed image; an answer that comes later finds its frame gone and is dropped, by id.
"""

import logging
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import count
from math import prod

import numpy as np
from numpy.typing import NDArray

from engine.seams import Clock
from firmware.health import Health
from firmware.inference.link import SLOT_PIXELS, SLOTS, SharedImages, new_memory
from firmware.inference.pace import Backoff, Pace, Patience
from firmware.inference.process import Wishes, WorkerProcess
from firmware.inference.status import ModelStatus
from firmware.inference.tasks import TASKS

log = logging.getLogger(__name__)

_TICK_MS = 100
_STOP_S = 5.0
_ABSENT = {"refused": "no_model", "stopped": "no_model", "renewed": "starting"}
"""How a life ended -> why nothing can be handed over."""
_NETWORK_FAULTS = ("not_finite", "constant_output", "impossible_answer", "wrong_shape", "runner_failed")


@dataclass(slots=True)
class Pending:
    """One image on its way."""

    frame: int
    slot: int
    shape: tuple[int, ...]
    since: float
    kinds: tuple[str, ...] = ()
    """Faults that the network which has it looks for."""
    done: threading.Event = field(default_factory=threading.Event)
    why: str = ""
    given_up: bool = False


class InferenceWorker:
    """One package in one process; `told` hears each change of state, from the thread that owns the process."""

    def __init__(
        self,
        wishes: Wishes,
        health: Health,
        clock: Clock,
        told: Callable[[ModelStatus], None],
        *,
        patience: Patience | None = None,
        backoff: Backoff | None = None,
    ) -> None:
        self._wishes, self._health, self._clock, self._told = wishes, health, clock, told
        self._patience, self._backoff = patience or Patience(), backoff or Backoff()
        self.pace = Pace(self._patience)
        self.status = ModelStatus(wishes.package.name, wishes.task)
        self.kinds: tuple[str, ...] = ()
        """Faults that the network looks for; none until it has served."""
        self._lock = threading.Lock()
        self._ids = count(1)
        self._memory = new_memory()
        self._images = SharedImages(self._memory)
        self._free = list(range(SLOTS))
        self._pending: dict[int, Pending] = {}
        self._answered_at = 0.0
        self._process: WorkerProcess | None = None
        self._absent = "starting"
        self._stopping, self._renewing = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"inference-{wishes.task}", daemon=True)

    # --- from the loop -----------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to start the process; never waits for it."""
        self._thread.start()

    def renew(self) -> None:
        """Have another process choose anew what serves, as soon as nothing is on its way; never waits for it."""
        self._renewing.set()

    def stop(self) -> None:
        """End the process; what is on its way goes on without."""
        self._stopping.set()
        self._thread.join(_STOP_S)
        os.close(self._memory)

    @property
    def absent(self) -> str:
        """Why no image can be handed over now, in a word; empty: one can. It stays `no_model` until it is renewed."""
        return self._absent

    def submit(self, image: NDArray[np.float32]) -> Pending | str:
        """Hand over `[z, y, x]`, or say in a word why not; never waits."""
        if image.size > SLOT_PIXELS:
            return "unsupported_size"
        now = self._clock.monotonic()
        with self._lock:
            if self._absent:
                return self._absent
            if any(now - pending.since > self._patience.wait for pending in self._pending.values()):
                return "worker_late"  # to wait behind it would cost every verdict the same time again
            if not self._free:
                return "worker_busy"
            if prod(self._answer_shape(image.shape, self.kinds)) > SLOT_PIXELS:
                return "unsupported_size"
            pending = Pending(next(self._ids), self._free.pop(), image.shape, now)
        try:
            np.copyto(self._images.image(pending.slot, image.shape), image)
            with self._lock:
                if self._process is not None:
                    self._process.ask(pending.frame, pending.slot, pending.shape)
                    pending.kinds = self.kinds
                    self._pending[pending.frame] = pending
                    return pending
        except Exception:
            self._give_back(pending.slot)
            raise
        self._give_back(pending.slot)
        return self._absent

    def collect(self, pending: Pending) -> NDArray[np.float32] | str:
        """What the task makes of the answers, or why there is nothing; waits until `Patience.wait` after `submit`."""
        left = pending.since + self._patience.wait - self._clock.monotonic()
        pending.done.wait(max(left, 0.0))
        with self._lock:
            if not pending.done.is_set():
                pending.given_up = True
                return "worker_late"
        try:
            if pending.why:
                return pending.why
            return self._images.answer(pending.slot, self._answer_shape(pending.shape, pending.kinds)).copy()
        finally:
            self._give_back(pending.slot)

    def run(self, image: NDArray[np.float32]) -> NDArray[np.float32] | str:
        """`submit` and `collect`."""
        pending = self.submit(image)
        return pending if isinstance(pending, str) else self.collect(pending)

    def _give_back(self, slot: int) -> None:
        with self._lock:
            self._free.append(slot)

    def _answer_shape(self, image: tuple[int, ...], kinds: tuple[str, ...]) -> tuple[int, ...]:
        return TASKS[self._wishes.task].answer_shape(image, len(kinds))

    # --- the thread that owns the process ----------------------------------------------------------

    def _run(self) -> None:
        delay = 0.0
        while not self._stopping.is_set():
            began = self._clock.monotonic()
            ended_by = self._live()
            if self._stopping.is_set():
                break
            if ended_by == "refused":
                # The package does not get better by trying again, but there may be a plan for it some day.
                while not self._stopping.wait(_TICK_MS / 1e3) and not self._renewing.is_set():
                    pass
                self._renewing.clear()
                continue
            if ended_by == "renewed":
                continue
            self._health.count(f"inference_{ended_by}")
            delay = self._backoff.next(delay, self._clock.monotonic() - began)
            self._become("restarting", ended_by, restarts=self.status.restarts + 1)
            self._stopping.wait(delay)
        self._become("off", "stopped")

    def _live(self) -> str:
        """One life of the process, started to reaped; returns worker_lost, worker_hung, renewed, refused or stopped."""
        self._become("starting")
        try:
            process = WorkerProcess(self._wishes, self._memory)
        except OSError as error:
            log.error("the inference worker cannot be started: %s", error)
            return "worker_lost"
        ended_by = "worker_lost"
        try:
            ended_by = self._begin(process) or self._serve(process)
        except EOFError:
            log.warning("the inference worker (process %d) died", process.pid)
        except Exception:
            # The supervisor seam: a fault of ours, too, must cost this life of the worker and nothing else.
            log.exception("supervising the inference worker failed")
        finally:
            self._end_waits(ended_by)
            process.end()
        return ended_by

    def _begin(self, process: WorkerProcess) -> str:
        """Wait until the worker serves; why it does not, else empty."""
        end = self._clock.monotonic() + self._patience.start
        while (started := process.started(_TICK_MS)) is None:
            if self._stopping.is_set():
                return "stopped"
            if self._clock.monotonic() > end:
                return "worker_hung"
        if started.refused:
            self._become("failed", started.refused)
            return "refused"
        with self._lock:
            self._process, self._absent, self.kinds = process, "", tuple(started.kinds.split())
        self._become(
            "serving",
            name=started.name,
            version=started.version,
            sha256=started.sha256,
            runner=started.runner,
            form=started.form,
            requested=started.requested,
            actual=started.actual,
            real_gpu=started.real_gpu,
            why=started.why,
            tried=started.tried,
        )
        return ""

    def _serve(self, process: WorkerProcess) -> str:
        while not self._stopping.is_set():
            heard = process.hear(_TICK_MS)
            if heard is not None:
                self._answered(*heard)
            elif self._hangs():
                return "worker_hung"
            elif self._renewing.is_set() and self._rests():
                self._renewing.clear()
                return "renewed"
        return "stopped"

    def _answered(self, frame: int, why: str) -> None:
        now = self._clock.monotonic()
        with self._lock:
            pending = self._pending.pop(frame, None)
            if pending is None:
                raise EOFError  # an answer that nobody asked for: the worker is not what it should be
            began, self._answered_at = max(pending.since, self._answered_at), now
            self._finish(pending, why)
        self.pace.record(pending.shape, now - began)
        if why in _NETWORK_FAULTS and self.status.state == "serving":
            self._become("failed", why)
        elif not why and self.status.state == "failed":
            self._become("serving")

    def _rests(self) -> bool:
        """Nothing is on its way, and from now on nothing is handed over to this process."""
        with self._lock:
            if self._pending:
                return False
            self._process, self._absent = None, "starting"
        return True

    def _hangs(self) -> bool:
        """The image that the worker has in hand, the first of those on their way, takes too long."""
        with self._lock:
            pending = next(iter(self._pending.values()), None)
            if pending is None:
                return False
            waited = self._clock.monotonic() - max(pending.since, self._answered_at)
        return waited > self.pace.limit(pending.shape)

    def _end_waits(self, why: str) -> None:
        """No answer comes any more: what hung is told so, what waited behind it was lost."""
        with self._lock:
            self._process = None
            self._absent = _ABSENT.get(why, "worker_lost")
            waiting = list(self._pending.values())
            self._pending.clear()
            for number, pending in enumerate(waiting):
                self._finish(pending, why if number == 0 and why == "worker_hung" else self._absent)

    def _finish(self, pending: Pending, why: str) -> None:
        """Wake who waits, or take the slot back from who does not; the lock is held."""
        pending.why = why
        pending.done.set()
        if pending.given_up:
            self._free.append(pending.slot)

    def _become(self, state: str, reason: str = "", **changes: str | int) -> None:
        self.status = replace(self.status, state=state, reason=reason, **changes)  # type: ignore[arg-type]
        wrong = state in ("failed", "restarting")
        said = f"{self.status.name} {state}: {reason}; verdicts go on" if wrong else None
        self._health.problem(f"model-{self.status.task}", said)
        try:
            self._told(self.status)
        except Exception:
            # The supervisor seam: whoever cannot be told (a closed terminal) must not cost the network.
            log.exception("the state of the network could not be told")
