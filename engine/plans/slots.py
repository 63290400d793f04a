"""Which plan is current for a network, target and form, and which one was before: one small sealed file per slot."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from engine.errors import PlanRefused
from engine.plans.entry import sealed, unsealed
from engine.plans.files import write_whole


@dataclass(frozen=True, slots=True)
class Pointer:
    """Keys of plans; replaced as a whole, so that a reader sees one state or the other."""

    current: str
    previous: str = ""
    """Empty: none."""
    gone_back: bool = False
    """`current` was chosen by hand over a newer one."""


class Slots:
    """The pointers in a folder, `<package>/<target>-<sm>/<form>.json`."""

    def __init__(self, folder: Path, key: bytes) -> None:
        self._folder, self._key = folder, key

    def read(self, slot: str) -> Pointer | None:
        """None: no plan was ever current; raises PlanRefused for one that was changed, or cannot be read just now."""
        try:
            document = unsealed(self._key, self._file(slot))
        except PlanRefused as error:
            if error.reason == "missing":
                return None
            raise
        if document.get("slot") != slot:
            raise PlanRefused("belongs to another slot", str(self._file(slot)), "compile it again", "damaged")
        return Pointer(document["current"], document["previous"], document["gone_back"])

    def promote(self, slot: str, plan: str) -> Pointer:
        """Make a plan current; what was current becomes previous. Raises PlanRefused (store), OSError."""
        try:
            old = self.read(slot)
        except PlanRefused as error:
            if error.reason == "store":
                raise
            old = None  # a pointer that nobody can trust points nowhere
        if old and old.current == plan:
            return self._write(slot, replace(old, gone_back=False))
        return self._write(slot, Pointer(plan, old.current if old else ""))

    def swap(self, slot: str) -> Pointer:
        """Go back to the previous plan, which the current one becomes; raises PlanRefused (missing), OSError."""
        pointer = self.read(slot)
        if pointer is None or not pointer.previous:
            raise PlanRefused("there is no earlier plan to go back to", slot, "compile again", "missing")
        return self._write(slot, Pointer(pointer.previous, pointer.current, not pointer.gone_back))

    def every(self) -> Iterator[tuple[str, Pointer]]:
        """Slot and pointer of all that can be trusted; raises PlanRefused (store) when one cannot be read just now."""
        for file in sorted(self._folder.rglob("*.json")):
            slot = str(file.relative_to(self._folder).with_suffix(""))
            try:
                pointer = self.read(slot)
            except PlanRefused as error:
                if error.reason == "store":
                    raise  # not as if it were not there: what it points to would be removed
                continue
            if pointer is not None:
                yield slot, pointer

    def used(self) -> set[str]:
        """Keys of all plans that are current or previous somewhere."""
        return {key for _slot, pointer in self.every() for key in (pointer.current, pointer.previous) if key}

    def _file(self, slot: str) -> Path:
        return self._folder / f"{slot}.json"

    def _write(self, slot: str, pointer: Pointer) -> Pointer:
        write_whole(self._file(slot), sealed(self._key, {"slot": slot, **asdict(pointer)}))
        return pointer
