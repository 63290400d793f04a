"""The table of limits: complete, with units and sources, and every mistake named at once."""

import pytest

from engine.assess import ROWS
from engine.decide.advice import table
from engine.decide.limits import load_limits, shipped_limits
from engine.errors import ConfigError
from engine.quality import LEARNED
from engine.types import Measurement, Verdict


def measured(row: str, value: float | None, **more) -> Measurement:
    why = "" if value is not None else "noise_unknown"
    return Measurement(row, ROWS[row][0], value, ROWS[row][1], why_missing=why, **more)


def test_every_row_has_limits_and_words() -> None:
    limits = shipped_limits()
    judged = {name for name, row in limits.rows.items() if not row.learned}
    assert judged == set(ROWS) - {"m17", "m27"}, "ringing and gradient timing are measured, never judged"
    assert {row.kind: name for name, row in limits.rows.items() if row.learned} == LEARNED
    for row in limits.rows.values():
        assert row.advice in table()
        assert row.detect.source
        assert row.detect.unit


def test_all_mistakes_come_at_once() -> None:
    text = """
    [[mandatory]]
    row = "m99"
    [rows.m01]
    kind = "missing-lines"
    direction = "sideways"
    detect = { value = 1.0, unit = "1" }
    debounce = [3, 2]
    advice = "x"
    colour = "red"
    """
    with pytest.raises(ConfigError) as caught:
        load_limits(text)
    for fragment in ("m99", "direction", "source is missing", "debounce", "colour"):
        assert fragment in str(caught.value)


@pytest.mark.parametrize("said", ['learned=true\nrescan={value=2.0,unit="1",source="s"}', 'learned="yes"'])
def test_a_learned_row_only_warns(said: str) -> None:
    text = '[rows.n03]\nkind="k"\ndirection="up"\ndetect={value=1.0,unit="1",source="s"}\ndebounce=[1,1]\nadvice="a"\n'
    assert load_limits(text + "learned=true\n").rows["n03"].learned
    with pytest.raises(ConfigError, match="a learned row only warns"):
        load_limits(text + said)


def test_the_version_follows_the_text() -> None:
    text = '[rows.m01]\nkind="k"\ndirection="up"\ndetect={value=1.0,unit="1",source="s"}\ndebounce=[1,1]\nadvice="a"\n'
    assert load_limits(text).version != load_limits(text.replace("1.0", "2.0")).version


@pytest.mark.parametrize(
    ("measurement", "severity"),
    [
        (measured("m01", 0.0, impact=0.0), Verdict.OK),
        (measured("m01", 0.01, impact=0.1), Verdict.WARN),
        (measured("m01", 0.5, impact=40.0), Verdict.RESCAN),
        (measured("m05", 100.0), Verdict.OK),
        (measured("m05", 8.0), Verdict.WARN),
        (measured("m05", 4.0), Verdict.RESCAN),
        (measured("m05", 4.0, estimated=True), Verdict.WARN),
        (measured("m05", None), Verdict.CANNOT_JUDGE),
        (measured("m06", 7.0, detect_limit=8.0, impact=30.0, impact_at_detection=1.0), Verdict.OK),
        (measured("m06", 9.0, detect_limit=8.0, impact=0.5, impact_at_detection=0.1), Verdict.OK),
        (measured("m06", 9.0, detect_limit=8.0, impact=2.0, impact_at_detection=0.1), Verdict.WARN),
        (measured("m06", 9.0, detect_limit=8.0, impact=6.0, impact_at_detection=0.1), Verdict.RESCAN),
        (measured("m06", 900.0, detect_limit=800.0, impact=60.0, impact_at_detection=5.1), Verdict.CANNOT_JUDGE),
    ],
    ids=lambda value: str(value) if isinstance(value, Verdict) else f"{value.row} {value.value} {value.impact}",
)
def test_detection_and_impact(measurement: Measurement, severity: Verdict) -> None:
    assert shipped_limits().judge(measurement).severity is severity


def test_a_row_that_sees_too_late_says_insensitive() -> None:
    late = measured("m06", 1.0, detect_limit=800.0, impact=0.0, impact_at_detection=5.1)
    assert shipped_limits().judge(late).why_missing == "insensitive"
