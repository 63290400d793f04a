"""Compiling a network in a child process: whatever becomes of the child, the caller gets a plan or one sentence."""

import json
import os
import select
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from engine.errors import PlanRefused, Unavailable
from engine.forms import Form
from engine.package.manifest import Manifest, axes_of
from engine.package.sizes import shape_at
from engine.plans.memory_file import content, memory_file
from engine.plans.messages import Compiler, Done, Log, Message, Progress, Refused, Wishes
from engine.plans.target import target_row
from engine.seams import Clock

COMMAND = (sys.executable, "-m", "engine.plans.builder")

_LOG_LINES = 20
_POLL_MS = 100
_MIB = 1 << 20
_PAGE = os.sysconf("SC_PAGE_SIZE")
_ASK_SECONDS = 60.0
_REPORT = "run it again; if that does not help, report this"

Told = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class Limits:
    """What one build may take."""

    seconds: float = 3600.0
    memory_mib: int = 8192
    """Resident memory of the child. It is watched from outside: with a limit of the system's (RLIMIT_AS) CUDA cannot
    reserve its addresses, and with RLIMIT_DATA a compiler that gets no more memory was seen to hang."""
    workspace_mib: int = 1024
    """Scratch memory on the device that the finished plan may ask for."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the build tells of the plan; plain data."""

    backend: str
    """Compiler and its full version."""
    layers: int
    """Of the parsed network, before anything is fused; so are the next three."""
    convolutions: int
    int8_conv_share: float
    """Part of the convolutions that read int8, 0 to 1."""
    half_conv_share: float
    build_s: float
    """From the start of its process to the plan."""
    peak_mib: int
    """Most resident memory of the child."""
    log: tuple[str, ...]
    """The compiler's last warnings."""


@dataclass(frozen=True, slots=True)
class Built:
    """A plan, and how it came about."""

    plan: bytes
    facts: Facts
    timing_cache: bytes = b""
    """What it measured, for the next build on this device; empty where the compiler measures nothing."""


def build(
    form: Form,
    manifest: Manifest,
    target: str,
    sms: Sequence[str],
    clock: Clock,
    *,
    limits: Limits | None = None,
    told: Told | None = None,
    timing_cache: bytes = b"",
    command: Sequence[str] = COMMAND,
) -> Built:
    """The plan of `form` for the compute capabilities `sms` ("86"); none: for the device here.

    `told` hears how far it is. Raises PlanRefused when the compiler refuses the network, crashes, or passes a limit,
    and Unavailable when it is not installed or finds no device; each names what it was doing, and the node if known.
    """
    limits = limits or Limits()
    where = f"{manifest.name} {form.name} for {target}"
    with memory_file(form.data) as network, memory_file() as plan, memory_file(timing_cache) as timing:
        wishes = Wishes(
            target, os.getpid(), -1, network, plan, timing, tuple(sms), profiles_of(manifest), limits.workspace_mib
        )
        child = _Child(wishes, command, clock, limits, told, where)
        done = child.listen()
        facts = Facts(
            child.compiler,
            done.layers,
            done.convolutions,
            round(done.int8_conv_share, 4),
            round(done.half_conv_share, 4),
            round(clock.monotonic() - child.began, 3),
            done.peak_mib,
            tuple(child.log),
        )
        return Built(content(plan), facts, content(timing))


def ask_compiler(target: str, clock: Clock, command: Sequence[str] = COMMAND) -> Compiler:
    """Version of a target's compiler and what it builds for from here; raises Unavailable when it is not installed."""
    target_row(target)
    wishes = Wishes(target, os.getpid(), -1)
    child = _Child(wishes, command, clock, Limits(_ASK_SECONDS), None, target)
    child.listen(until_done=False)
    return Compiler(child.compiler, child.sms)


def profiles_of(manifest: Manifest) -> dict[str, tuple[tuple[int, ...], ...]]:
    """Input -> its least, typical and greatest shape."""
    axes = axes_of(manifest.inputs).values()
    corners = ({a.name: a.min for a in axes}, {a.name: a.typical for a in axes}, {a.name: a.max for a in axes})
    return {tensor.name: tuple(shape_at(tensor, sizes) for sizes in corners) for tensor in manifest.inputs}


class _Child:
    """One life of the builder, from its start to its end."""

    def __init__(
        self, wishes: Wishes, command: Sequence[str], clock: Clock, limits: Limits, told: Told | None, where: str
    ) -> None:
        self._clock, self._limits, self._told, self._where = clock, limits, told, where
        self.began = clock.monotonic()
        self.compiler = ""
        self.sms: tuple[str, ...] = ()
        self.log: deque[str] = deque(maxlen=_LOG_LINES)
        self._phase = "starting"
        self._last: Refused | Done | None = None
        self._messages, messages = os.pipe()
        self._output = os.memfd_create("output")
        fds = [fd for fd in (messages, wishes.network, wishes.plan, wishes.timing) if fd >= 0]
        words = json.dumps(msgspec.to_builtins(msgspec.structs.replace(wishes, messages=messages)))
        try:
            self._process = subprocess.Popen(
                [*command, words], stdin=subprocess.DEVNULL, stdout=self._output, stderr=self._output, pass_fds=fds
            )
        except OSError as error:
            os.close(self._messages)
            os.close(self._output)
            raise Unavailable(f"its process cannot be started ({error.strerror})", where) from error
        finally:
            os.close(messages)

    def listen(self, until_done: bool = True) -> Done:
        """Hear it to its end; raises PlanRefused, Unavailable."""
        try:
            for message in self._hear():
                self._take(message)
            return self._outcome(self._wait(), until_done)
        finally:
            self._process.kill()
            self._process.wait()
            os.close(self._messages)
            os.close(self._output)

    def _hear(self) -> Iterator[Message]:
        """Messages until the pipe closes, within the limits."""
        poll, rest = select.poll(), b""
        poll.register(self._messages, select.POLLIN)
        while True:
            self._check_limits()
            if not poll.poll(_POLL_MS):
                continue
            if not (piece := os.read(self._messages, 65_536)):
                return
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                try:
                    yield msgspec.json.decode(line, type=Message)
                except msgspec.DecodeError as error:
                    what = f"the compiler's process says what is no message ({error}), in its phase {self._phase!r}"
                    raise PlanRefused(what, self._where, _REPORT, "crash") from error

    def _wait(self) -> int:
        """Its exit status, within the limits: it may hang although it has nothing left to say."""
        while True:
            try:
                return self._process.wait(_POLL_MS / 1000)
            except subprocess.TimeoutExpired:
                self._check_limits()

    def _take(self, message: Message) -> None:
        match message:
            case Compiler():
                self.compiler, self.sms = message.version, message.sms
            case Progress():
                self._phase = message.phase
                if self._told:
                    self._told(message)
            case Log() if message.line not in self.log:  # some come once for each node
                self.log.append(message.line)
            case Refused() | Done():
                self._last = message

    def _outcome(self, code: int, until_done: bool) -> Done:
        last = self._last
        if isinstance(last, Refused):
            where = ": ".join(part for part in (self._where, last.where) if part)
            if not last.reason:
                raise Unavailable(last.what, where, last.mend)
            raise PlanRefused(last.what, where, last.mend, last.reason)
        if code == 0 and isinstance(last, Done):
            return last
        if code == 0 and not until_done:
            return Done(0, 0, 0.0, 0.0, 0)
        raise self._death(code)

    def _death(self, code: int) -> PlanRefused:
        said = self._last_words()
        if "bad_alloc" in said or "MemoryError" in said or code == -signal.SIGKILL:
            how = "was killed, most often for lack of memory," if code == -signal.SIGKILL else "ran out of memory"
            what = f"the compiler {how} in its phase {self._phase!r}{said and f' ({said})'}"
            return PlanRefused(what, self._where, "close other programs, or lower the greatest sizes", "memory")
        if code < 0:
            what = f"the compiler crashed (signal {-code}, {signal.Signals(-code).name}) in its phase {self._phase!r}"
            mend = "find the node by leaving parts of the network out; `scanside compile` lints the known ones"
            return PlanRefused(what + (f"; it last said: {said}" if said else ""), self._where, mend, "crash")
        what = f"the compiler ended without a plan in its phase {self._phase!r} ({said or f'exit status {code}'})"
        return PlanRefused(what, self._where, _REPORT, "crash")

    def _check_limits(self) -> None:
        if self._clock.monotonic() - self.began > self._limits.seconds:
            what = f"not done after {self._limits.seconds:g} s, in its phase {self._phase!r}; it was stopped"
            mend = "give --time-limit more, or lower the greatest sizes of the manifest"
            raise PlanRefused(what, self._where, mend, "time")
        if (used := _resident_mib(self._process.pid)) > self._limits.memory_mib:
            what = f"it took {used} MiB of memory, {self._limits.memory_mib} are allowed; it was stopped"
            raise PlanRefused(what, self._where, "lower the greatest sizes of the manifest", "memory")

    def _last_words(self) -> str:
        """The last line of the log, or of what the process printed: a traceback ends with its reason."""
        printed = content(self._output).decode("utf-8", "replace").split("\n")
        lines = [line.strip() for line in printed if line.strip()] or list(self.log)
        return lines[-1][:300] if lines else ""


def _resident_mib(pid: int) -> int:
    """0 when the process is gone."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1]) * _PAGE // _MIB
    except (OSError, IndexError):
        return 0
