"""What TensorRT says while it works: kept, so that an error can be told in its own words."""

import functools
import textwrap
from collections import deque
from collections.abc import Sequence
from typing import Any

_KEPT = 20
_QUOTED, _LONGEST = 2, 160


@functools.cache
def make_logger(trt: Any) -> Any:
    """The one logger for the module `trt`: it must outlive every object that was made with it, so it stays for good.

    TensorRT calls it from threads of its own; it appends to a bounded deque and does nothing that could raise.
    Its `kept` holds the last warnings and errors.
    """
    severities = trt.ILogger.Severity
    told = (severities.INTERNAL_ERROR, severities.ERROR, severities.WARNING)

    class Lines(trt.ILogger):  # type: ignore[misc]
        def __init__(self) -> None:
            trt.ILogger.__init__(self)
            self.kept: deque[str] = deque(maxlen=_KEPT)

        def log(self, severity: Any, msg: str) -> None:
            """One line of TensorRT's."""
            if severity in told:
                self.kept.append(msg)

    return Lines()


def last_words(lines: Sequence[str]) -> str:
    """The last lines, shortened, as one for a sentence's brackets: they name source files at length."""
    said = [textwrap.shorten(line, _LONGEST, placeholder=" ...") for line in list(lines)[-_QUOTED:]]
    return "; ".join(said) or "it gave no reason"
