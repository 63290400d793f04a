"""Whether a new table may take the place of the one in use."""

from dataclasses import replace

import pytest

from calibration.comparison import Compared, why_not_replace
from engine.plans.gate import GateReport

GOOD = GateReport("r", "f", "f", "f", False, "", "", None, {}, "", True, None, None, True, ())
BAD = replace(GOOD, passed=False, reasons=("golden frames: loses",))


@pytest.mark.parametrize(
    ("s8", "u8", "why"),
    [
        (Compared((), GOOD, GOOD), Compared((), GOOD, GOOD), ""),
        (Compared((), GOOD, None), Compared((), GOOD, None), ""),
        (Compared(("x",), BAD, GOOD), Compared((), GOOD, GOOD), "int8-s8 may serve with the table in use, and not"),
        (Compared(("x",), GOOD, GOOD), Compared((), GOOD, GOOD), "int8-s8 may serve with the table in use, and not"),
        (Compared(("x",), BAD, BAD), Compared((), GOOD, GOOD), ""),
        (Compared(("x",), BAD, None), Compared((), GOOD, GOOD), ""),
        (Compared(("x",), BAD, BAD), Compared(("x",), BAD, BAD), "none of its forms is good enough"),
        (Compared(("x",), BAD, None), Compared(("x",), BAD, None), "none of its forms is good enough"),
    ],
)
def test_nothing_that_serves_may_be_lost_and_something_must_be_good(s8: Compared, u8: Compared, why: str) -> None:
    found = why_not_replace({"int8-s8": s8, "int8-u8": u8})
    assert found.startswith(why)
    assert bool(found) is bool(why)
