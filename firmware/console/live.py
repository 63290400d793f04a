"""The live part: what the loop tells and the record gains, onto the board and out to the browsers."""

import asyncio
import logging

import msgspec

from engine.errors import ScansideError
from engine.seams import Clock
from firmware.console.api import Beat, Exam, HealthState, Now
from firmware.console.board import Batch, Board, Event, merged
from firmware.console.examination import Examination
from firmware.console.follow import Follower
from firmware.console.messages import CLEARED, Alive, Retained, Settings
from firmware.console.said import stamp
from firmware.console.stream import Hub
from firmware.sinks import topics
from firmware.sinks.payloads import HealthPayload, ModelState
from firmware.version import VERSION

log = logging.getLogger(__name__)

_BEAT_S = 0.45
"""Between two beats at least."""


class Live:
    """Lives in the event loop's thread; reading happens in another."""

    def __init__(
        self, settings: Settings, follower: Follower, examination: Examination, clock: Clock, token: str
    ) -> None:
        self._settings, self._follower, self.clock, self.token = settings, follower, clock, token
        self._examination = examination
        self.board = Board()
        self.hub = Hub(settings.viewers, self.now, clock)
        self.problem = ""
        """Why the record or its examination cannot be read at present."""
        self._owed: Batch | None = None
        """What was read, but not yet taken by the examination."""
        self._told = ""
        self._wake = asyncio.Event()
        self._health: HealthPayload | None = None
        self._models: dict[str, ModelState] = {}
        self._running: set[str] = set()
        """Scans that run, as the loop says: those that cannot be recorded, too."""
        self._newest = 0
        self._alive = self._beaten = clock.monotonic()
        self._health_topic = topics.health(settings.appliance)

    # --- what the loop tells ---------------------------------------------------------------------------

    def told(self, message: Alive | Retained) -> None:
        """Take one packet; raises msgspec.MsgspecError for a payload of another shape."""
        self._alive = self.clock.monotonic()
        if isinstance(message, Alive):
            self._newest = message.newest
            self._wake.set()
            if self._alive - self._beaten >= _BEAT_S:
                self._beaten = self._alive
                self.hub.publish("beat", Beat(newest=self._newest, time=stamp(self.clock.now())))
        else:
            self._retained(message)

    def _retained(self, message: Retained) -> None:
        levels = message.topic.split("/")
        cleared = bytes(message.payload) == CLEARED
        if message.topic == self._health_topic and not cleared:
            self._health = msgspec.json.decode(message.payload, type=HealthPayload)
            self.hub.publish("health", self._health)
        elif len(levels) == 5 and levels[2] == "model":
            self._take_model(levels[3], message.payload, cleared)
        elif len(levels) == 5 and levels[2] == "scan":
            self._running = self._running - {levels[3]} if cleared else self._running | {levels[3]}

    def _take_model(self, name: str, payload: msgspec.Raw, cleared: bool) -> None:
        if cleared:
            if self._models.pop(name, None) is not None:
                self.hub.publish("now", self.now())
            return
        self._models[name] = msgspec.json.decode(payload, type=ModelState)
        self.hub.publish("model", self._models[name])

    # --- what the record gains -------------------------------------------------------------------------

    async def follow(self) -> None:
        """Read whenever the loop is alive; a record that cannot be read is said, and tried again at its next word.

        Raises RecordReplaced.
        """
        while True:
            self._wake.clear()
            well = await self._pass()
            if not (well and self._follower.more):
                await self._wake.wait()

    async def _pass(self) -> bool:
        """Read once. The scans come first: they are shown whatever becomes of the examination."""
        try:
            batch = await asyncio.to_thread(self._follower.read)
        except ScansideError as error:
            self._say_problem(f"The record cannot be read now, and new images do not appear here: {error}")
            return False
        self._owed = merged(self._owed, batch) if self._owed is not None else batch
        self._publish(self.board.take(batch))
        try:
            exam = await asyncio.to_thread(self.examined, self._owed)
        except Exception as error:  # noqa: BLE001 - a fault there must not hide a verdict
            fault = None if isinstance(error, ScansideError) else error
            self._say_problem(f"The list of the examination is not up to date: {error}", fault)
            return False
        self._owed = None
        self._publish(self.board.take_exam(exam))
        self._say_problem("")
        return True

    def _publish(self, events: list[Event]) -> None:
        for event in events:
            self.hub.publish(event.name, event.value)

    def _say_problem(self, problem: str, fault: Exception | None = None) -> None:
        if problem and problem != self.problem:
            log.error("%s", problem, exc_info=fault)
        self.problem = problem
        if self._to_say != self._told:
            self._told = self._to_say
            self.hub.publish("now", self.now())

    @property
    def _to_say(self) -> str:
        """What is wrong with the record: it cannot be read, or not all of it."""
        if self.problem:
            return self.problem
        damaged = self._follower.damaged
        rows = "1 row of the record is" if damaged == 1 else f"{damaged} rows of the record are"
        return f"{rows} damaged and left out" if damaged else ""

    # --- what stands -----------------------------------------------------------------------------------

    def examined(self, batch: Batch) -> Exam:
        """The list of the examination after a batch; raises ScansideError when the record cannot be read."""
        stuck = self._health is not None and "journal" in self._health.problems
        return self._examination.take(batch, self._running, stuck=stuck)

    @property
    def silent_s(self) -> float:
        """s since the loop last gave a sign of life."""
        return round(self.clock.monotonic() - self._alive, 3)

    def now(self) -> Now:
        """Everything that the page begins with."""
        return Now(
            appliance=self._settings.appliance,
            room=self._settings.room or self._settings.appliance,
            version=VERSION,
            session=self._settings.session,
            time=stamp(self.clock.now()),
            newest=max(self._newest, self._follower.newest),
            token=self.token,
            running=self.board.running(),
            frames=self.board.frames(),
            exam=self.board.exam,
            health=self._health,
            models=list(self._models.values()),
            loop_silent_s=self.silent_s,
            problem=self._to_say,
        )

    def health(self) -> HealthState:
        """How the appliance is."""
        return HealthState(
            health=self._health, models=list(self._models.values()), loop_silent_s=self.silent_s, problem=self._to_say
        )
