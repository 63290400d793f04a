"""Keeps compiled plans, so that only what this machine made, for exactly what is here, is ever loaded.

A plan is executable code. Entries are addressed by a digest of everything they depend on, written whole or not at all,
sealed with the device's key, and compared before anything deserialises them. Readers take no lock.
"""

import contextlib
import errno
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from engine.errors import PlanRefused
from engine.plans import room
from engine.plans.build import Built
from engine.plans.device_key import FILE, device_key
from engine.plans.entry import (
    Plan,
    check_equal,
    read_plan,
    read_timing,
    replace_meta,
    sealed,
    unreadable,
    unsealed,
    write_entry,
)
from engine.plans.files import write_whole
from engine.plans.inputs import VITAL, PlanInputs
from engine.plans.slots import Pointer, Slots

MOST_BYTES = 4 << 30
"""Of all plans together."""

_NOTE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,150}")
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(frozen=True, slots=True)
class Kept:
    """One plan of the store, as people are told of it."""

    key: str
    meta: Mapping[str, Any]
    """Empty: it cannot be used, and `problem` says why."""
    roles: tuple[str, ...]
    """current, previous, or neither."""
    problem: str = ""


def open_store(state: Path, most_bytes: int = MOST_BYTES) -> "PlanStore":
    """The store in a state folder, with the device's key; raises PlanRefused (store)."""
    return PlanStore(state / "plans", device_key(state / FILE), most_bytes)


class PlanStore:
    """Safe for several processes at once. Everything it raises is a PlanRefused whose `reason` is one word."""

    def __init__(self, folder: Path, key: bytes, most_bytes: int = MOST_BYTES) -> None:
        self.folder, self._key, self._most = folder, key, most_bytes
        self._entries = folder / room.ENTRIES
        self._slots = Slots(folder / "slots", key)

    @contextlib.contextmanager
    def building(self, inputs: PlanInputs, told: Callable[[str], None] | None = None) -> Iterator[None]:
        """Be the only one that makes this plan; waits while another process does, which `told` hears in words.

        Whoever waited looks with `has` whether there is anything left to make.
        """
        with self._writing():
            held = room.lock(self.folder, inputs.key, told)
        with held:
            with contextlib.suppress(OSError):  # the number is only for whoever waits
                held.truncate(0)
                held.write(str(os.getpid()))
                held.flush()
            room.clear_left(self.folder, inputs.key)
            yield

    def has(self, inputs: PlanInputs) -> bool:
        """Whether exactly this plan is there, whole; a damaged one goes into quarantine.

        Raises PlanRefused (store) where that cannot be told just now.
        """
        try:
            self.read(inputs.key, inputs.document())
        except PlanRefused as error:
            if error.reason == "store":
                raise
            return False
        return True

    def put(self, inputs: PlanInputs, built: Built, gate: Mapping[str, Any], made: float) -> str:
        """Keep a plan (inside `building`) and return its key; it serves once it is promoted.

        `made` is s since 1970. Raises PlanRefused (store) when it does not fit or cannot be written.
        """
        about = {"inputs": inputs.document(), "facts": asdict(built.facts), "gate": dict(gate), "made": made}
        self._make_room(len(built.plan) + len(built.timing_cache))
        with self._writing():
            self._entries.mkdir(parents=True, exist_ok=True)
            write_entry(self._entries, inputs.key, self._key, built.plan, built.timing_cache, about)
        return inputs.key

    def judge(self, key: str, gate: Mapping[str, Any]) -> None:
        """Replace the gate's report that is kept with a plan."""
        with self._writing():
            replace_meta(self._entries / key, self._key, {"gate": dict(gate)})

    def promote(self, inputs: PlanInputs) -> None:
        """Make the plan current in its slot; what was current stays as previous."""
        with self._writing():
            self._slots.promote(inputs.slot, inputs.key)

    def read(self, key: str, expected: Mapping[str, Any]) -> Plan:
        """The plan `key`, when it is whole, ours, and its inputs hold all that is `expected`.

        Raises PlanRefused: missing; damaged or foreign, and it is moved into quarantine; store, and it stays, where it
        cannot be read just now; other, naming the field.
        """
        folder = self._entries / key
        try:
            if not folder.is_dir():
                raise PlanRefused("no such plan is kept", str(folder), "compile it: scanside compile", "missing")
        except OSError as error:
            raise unreadable(error, folder) from error
        try:
            plan = read_plan(folder, self._key)
        except PlanRefused as error:
            if error.reason == "store":
                raise
            with contextlib.suppress(OSError):  # where nothing can be moved it is refused each time
                room.quarantine(self.folder, folder)
            raise PlanRefused(f"{error.what}, and is in quarantine", error.where, error.mend, error.reason) from error
        check_equal(plan, expected, folder)
        return plan

    def serving(self, inputs: PlanInputs) -> Plan:
        """The current plan of the slot of `inputs`, which must be what it was made from.

        One that was gone back to by hand must agree in what is vital only. Raises PlanRefused as `read` does.
        """
        pointer = self._slots.read(inputs.slot)
        if pointer is None:
            mend = f"scanside compile {inputs.package} --target {inputs.target}"
            raise PlanRefused("no plan is kept for it", inputs.slot, mend, "missing")
        expected = inputs.document()
        return self.read(pointer.current, {f: expected[f] for f in VITAL} if pointer.gone_back else expected)

    def roll_back(self, slot: str) -> Pointer:
        """Make the previous plan of a slot current again, when it is whole; raises PlanRefused."""
        pointer = self._slots.read(slot)
        if pointer and pointer.previous:
            self.read(pointer.previous, {})
        with self._writing():
            return self._slots.swap(slot)

    def slots(self) -> dict[str, Pointer]:
        """Slot -> which plans it points to."""
        return dict(self._slots.every())

    def holds(self, key: str) -> bool:
        """Whether a plan `key` is there, whole or not."""
        return os.path.isdir(self._entries / key)

    def kept(self) -> list[Kept]:
        """Every plan, read and checked to the last byte, newest first; what cannot be used says why."""
        roles: dict[str, list[str]] = {}
        for _slot, pointer in self._slots.every():
            roles.setdefault(pointer.current, []).append("current")
            roles.setdefault(pointer.previous, []).append("previous")
        found = []
        for folder in sorted(self._entries.glob("[0-9a-f]*")) if self._entries.is_dir() else []:
            held = tuple(dict.fromkeys(roles.get(folder.name, ())))
            try:
                found.append(Kept(folder.name, read_plan(folder, self._key).meta, held))
            except PlanRefused as error:
                found.append(Kept(folder.name, {}, held, str(error)))
        return sorted(found, key=lambda one: -float(one.meta.get("made", 0)))

    def prune(self) -> list[str]:
        """Remove everything that is neither current nor previous anywhere; returns the keys."""
        with self._writing():
            room.clear_left(self.folder)
            going = room.removable(self.folder, self._slots.used())
            removed = [folder.name for folder in going if room.remove(self.folder, folder)]
            room.clear_locks(self.folder)
        return removed

    def timing_cache(self, inputs: PlanInputs) -> bytes:
        """What the newest build by the same compiler on this device measured; empty: nothing."""
        same = ("backend", "device", "system", "power_mode")
        wanted = inputs.document()
        for one in self.kept():
            held = one.meta.get("inputs", {})
            if all(held.get(field) == wanted[field] for field in same):
                return read_timing(self._entries / one.key, self._key)
        return b""

    def note(self, name: str, document: Mapping[str, Any]) -> None:
        """Keep a small JSON document under the device's seal; raises PlanRefused (store)."""
        file = self._note(name)
        try:
            content = sealed(self._key, {"name": name, "note": dict(document)})
        except (ValueError, TypeError) as error:
            raise PlanRefused(f"cannot be kept ({error})", str(file), "report this", "store") from error
        with self._writing():
            write_whole(file, content)

    def noted(self, name: str) -> dict[str, Any] | None:
        """The document; None: there is none; raises PlanRefused (damaged, foreign, store) for one of no use."""
        file = self._note(name)
        try:
            document = unsealed(self._key, file)
        except PlanRefused as error:
            if error.reason == "missing":
                return None
            raise
        if document.get("name") != name:
            raise PlanRefused("was kept under another name", str(file), "remove it", "damaged")
        return dict(document["note"])

    def _note(self, name: str) -> Path:
        if not _NOTE.fullmatch(name):
            raise PlanRefused(f"{name!r} is no name for a note", reason="store")
        return self.folder / "notes" / f"{name}.json"

    def _make_room(self, more: int) -> None:
        """Raises PlanRefused (store) when the plans in use leave no room for `more` bytes."""
        with self._writing():
            going = room.removable(self.folder, self._slots.used())
            while room.used_bytes(self.folder) + more > self._most and going:
                room.remove(self.folder, going.pop(0))
            used = room.used_bytes(self.folder)
        if used + more > self._most:
            what = f"{more} bytes do not fit: {used} of {self._most} are taken by plans in use"
            raise PlanRefused(what, str(self.folder), "compile for fewer targets, or give the store more", "store")

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        """Whatever the disk refuses becomes one sentence."""
        try:
            yield
        except OSError as error:
            full = error.errno in _FULL
            what = "the disk is full" if full else f"cannot be written ({error.strerror})"
            mend = "free some of it: scanside compile --prune" if full else "give a state folder that can be written"
            raise PlanRefused(what, str(self.folder), f"{mend}; what served before goes on", "store") from error
