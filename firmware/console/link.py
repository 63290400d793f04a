"""The loop's side of the console: tells it what stands, takes what people say, starts it again when it ends.

One thread owns the process and the link; whoever has something to tell puts it down and rings. Nothing waits for the
console: a packet that finds no room is dropped and counted, and a topic that did is told again half a second later.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from engine.seams import Clock
from firmware.console.asks import Asks
from firmware.console.bell import Bell
from firmware.console.messages import (
    CLEARED,
    LARGEST,
    Alive,
    Answer,
    Ask,
    Failed,
    Listening,
    Retained,
    Settings,
    ToConsole,
)
from firmware.console.process import COMMAND, ConsoleGone, ConsoleProcess
from firmware.health import Health
from firmware.inference.pace import Backoff

log = logging.getLogger(__name__)

_BEAT_S = 0.5
_AT_ONCE = 8
"""Messages of the console in one go; a flood of them waits in its own process."""
_BREATH_S = 0.02
_STOP_S = 5.0
_LARGEST_PAYLOAD = LARGEST - 1024


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds that the loop gives the console."""

    start: float = 60.0
    """To serve the page."""
    silent: float = 20.0
    """To take a packet: beyond it, it hangs."""


class ConsoleLink:
    """`told` hears the page's address when it is there, and an empty one when it no longer is, from the own thread."""

    def __init__(
        self,
        settings: Settings,
        asks: Asks,
        newest: Callable[[], int],
        health: Health,
        clock: Clock,
        told: Callable[[str], None],
        *,
        command: tuple[str, ...] = COMMAND,
        patience: Patience | None = None,
        backoff: Backoff | None = None,
    ) -> None:
        self._settings, self._asks, self._newest, self._told = settings, asks, newest, told
        self._health, self._clock, self._command = health, clock, command
        self._patience = patience or Patience()
        self._backoff = backoff or Backoff(first=0.5, most=30.0, steady=60.0)
        self._bell, self._stopping = Bell(), threading.Event()
        self._lock = threading.Lock()
        self._retained: dict[str, bytes] = {}
        self._untold: dict[str, bytes | None] = {}
        self._answers: deque[tuple[int, Answer]] = deque()
        self._life = 0
        self._committed = False
        self._served_since: float | None = None
        self._thread = threading.Thread(target=self._run, name="console-link", daemon=True)

    # --- from any thread ---------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to start the process; never waits for it."""
        self._thread.start()

    def stop(self) -> None:
        """End the process, within some seconds."""
        self._stopping.set()
        self._bell.ring()
        self._thread.join(_STOP_S)
        self._bell.close()

    def retain(self, topic: str, payload: bytes | None) -> None:
        """What stands on a retained topic from now on; None: it is cleared. Never waits."""
        if payload is not None and len(payload) > _LARGEST_PAYLOAD:  # it would stand in the way of all others
            self._health.count("console_packets_dropped")
            return
        with self._lock:
            self._untold[topic] = payload
            if payload is None:
                self._retained.pop(topic, None)
            else:
                self._retained[topic] = payload
        self._bell.ring()

    def committed(self) -> None:
        """Something new is on disk. Never waits."""
        self._committed = True
        self._bell.ring()

    # --- the thread that owns the process ----------------------------------------------------------

    def _run(self) -> None:
        delay, said = 0.0, ""
        while not self._stopping.is_set():
            why = self._live_once()
            served = self._clock.monotonic() - self._served_since if self._served_since is not None else 0.0
            if self._served_since is not None:
                self._tell_page("")
            if self._stopping.is_set():
                break
            delay = self._backoff.next(delay, served)
            self._health.problem("console", f"there is no page: {why}; it is started again, verdicts go on")
            if why != said or served:
                log.warning("there is no page: %s; trying again in %g s, verdicts go on", why, delay)
                said = why
            self._stopping.wait(delay)

    def _live_once(self) -> str:
        """One life of the process, started to reaped; returns in words why it ended."""
        self._life += 1
        self._served_since = None
        with self._lock:
            self._untold = dict(self._retained)
        process = None
        try:
            process = ConsoleProcess(self._settings, self._command, self._bell.descriptor)
            self._serve(process)
        except ConsoleGone as error:
            self._health.count(f"console_{error.how}")
            return str(error)
        except Exception:
            # The supervisor seam: a fault of ours, too, must cost this life of the console and nothing else.
            log.exception("speaking with the console failed")
            self._health.count("console_faults")
            return "speaking with its process failed, see the log"
        finally:
            if process is not None:
                process.end(kindly=self._stopping.is_set())
        return ""

    def _serve(self, process: ConsoleProcess) -> None:
        began = taken = self._clock.monotonic()
        beat = 0.0
        while not self._stopping.is_set():
            now = self._clock.monotonic()
            if process.unread() == 0:
                taken = now
            self._lose_patience(now - began, now - taken)
            self._bell.hush()
            if self._committed or now >= beat:
                self._committed, beat = False, now + _BEAT_S
                self._send(process, Alive(newest=self._newest()))
            self._tell_untold(process)
            self._answer(process)
            self._hear(process)
            self._asks.give_up_old()
            process.wait(1e3 * max(beat - self._clock.monotonic(), 0.0))

    def _lose_patience(self, alive: float, silent: float) -> None:
        if silent > self._patience.silent:
            raise ConsoleGone("hung", f"its process takes nothing for {self._patience.silent:g} s")
        if self._served_since is None and alive > self._patience.start:
            raise ConsoleGone("hung", f"it does not serve {self._patience.start:g} s after its start")

    def _send(self, process: ConsoleProcess, message: ToConsole) -> bool:
        if process.tell(message):
            return True
        self._health.count("console_packets_dropped")
        return False

    def _tell_untold(self, process: ConsoleProcess) -> None:
        with self._lock:
            untold, self._untold = self._untold, {}
        while untold:
            topic, payload = next(iter(untold.items()))
            told = msgspec.Raw(payload if payload is not None else CLEARED)
            if not self._send(process, Retained(topic=topic, payload=told)):
                with self._lock:
                    self._untold = {**untold, **self._untold}  # what was put down meanwhile is newer
                return
            del untold[topic]

    def _answer(self, process: ConsoleProcess) -> None:
        while self._answers:
            life, answer = self._answers.popleft()
            if life == self._life:
                self._send(process, answer)

    def _hear(self, process: ConsoleProcess) -> None:
        for _ in range(_AT_ONCE):
            match process.hear():
                case None:
                    return
                case Listening(port=port):
                    self._begin_to_serve(port)
                case Failed(why=why):
                    raise ConsoleGone("failed", why)
                case Ask() as ask:
                    self._take(ask)
        self._stopping.wait(_BREATH_S)

    def _take(self, ask: Ask) -> None:
        life = self._life

        def reply(answer: Answer) -> None:
            self._answers.append((life, answer))
            self._bell.ring()

        self._asks.take(ask, reply)

    def _begin_to_serve(self, port: int) -> None:
        self._served_since = self._clock.monotonic()
        self._settings = msgspec.structs.replace(self._settings, port=port)  # browsers find the next one there
        self._health.problem("console", None)
        host = f"[{self._settings.listen}]" if ":" in self._settings.listen else self._settings.listen
        self._tell_page(f"http://{host}:{port}")

    def _tell_page(self, address: str) -> None:
        try:
            self._told(address)
        except Exception:
            # The supervisor seam: whoever cannot be told (a closed terminal) must not cost the page.
            log.exception("the address of the page could not be told")
