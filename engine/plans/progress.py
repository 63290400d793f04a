"""How far a compiler is, from the phases inside phases that it reports."""

from collections.abc import Callable


class PhaseShare:
    """Turns the vendor's `phase_start`, `step_complete`, `phase_finish` into a share of 0 to 1 that never falls."""

    def __init__(self, told: Callable[[float, str], None]) -> None:
        """`told(share, phase)` is called when the share has grown by a hundredth."""
        self._told = told
        self._steps: dict[str, int] = {}
        self._done: dict[str, int] = {}
        self._parents: dict[str, str] = {}
        self._root = ""
        self._share = 0.0

    def start(self, name: str, parent: str | None, steps: int) -> None:
        """A phase of so many steps begins; the first one without a parent is the whole."""
        self._root = self._root or name
        self._steps[name], self._done[name] = max(steps, 1), 0
        if parent:
            self._parents[name] = parent

    def step(self, name: str, step: int) -> None:
        """Step `step` of a phase, counted from 0, is done."""
        if name in self._steps:
            self._done[name] = max(self._done[name], step + 1)
            self._tell(name)

    def finish(self, name: str) -> None:
        """A phase is over."""
        self._parents.pop(name, None)
        if name == self._root and self._share < 1:
            self._share = 1.0
            self._told(1.0, name)

    def _tell(self, name: str) -> None:
        share = self._fraction(self._root)
        if share >= self._share + 0.01:
            self._share = share
            self._told(share, name)

    def _fraction(self, name: str) -> float:
        children = [child for child, parent in self._parents.items() if parent == name]
        inside = max((self._fraction(child) for child in children), default=0.0)
        return min((self._done[name] + inside) / self._steps[name], 1.0)
