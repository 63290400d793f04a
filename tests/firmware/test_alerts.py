"""What is raised now: findings through their life, and nothing that stays on for ever."""

from dataclasses import replace

from engine.types import Decision
from firmware.alerts import Alerts
from tests.engine.decide.test_decide_decider import SCAN, Decider, frame, measurements, with_coils


def told(alerts: Alerts, decision: Decision) -> list[str]:
    lives = [f.life.value for f in decision.changes if alerts.concerns(f, decision)]
    alerts.take(decision)
    return lives


def fault(decider: Decider, number: int) -> Decision:
    return decider.frame(frame(number), with_coils(measurements(m04=40.0, m04_impact=30.0, m05=8.0), 1, 2, 3, 4))


def test_a_finding_is_raised_once_and_ends() -> None:
    alerts, decider = Alerts(), Decider(SCAN)
    assert told(alerts, fault(decider, 0)) == ["new", "new"]
    assert [entry.kind for entry in alerts.payload().raised] == ["coil-loss"], "its consequence raises nothing"
    assert told(alerts, fault(decider, 1)) == []
    assert told(alerts, decider.close("close")) == ["end", "end"]
    assert alerts.payload().raised == []


def test_an_aborted_scan_ends_what_was_told() -> None:
    alerts, decider = Alerts(), Decider(SCAN)
    told(alerts, fault(decider, 0))
    aborted = decider.close("eof")
    assert not aborted.alerting
    assert told(alerts, aborted) == ["end", "end"]
    assert alerts.payload().raised == []


def test_nothing_stays_raised_after_its_series_even_where_a_fault_kept_it_from_ending() -> None:
    alerts, decider, other = Alerts(), Decider(SCAN), Decider(replace(SCAN, id="s2"))
    told(alerts, fault(decider, 0))
    told(alerts, fault(other, 0))
    assert alerts.take(replace(decider.close("close"), changes=()))
    assert [entry.scan for entry in alerts.payload().raised] == ["s2"]


def test_a_localizer_is_never_told() -> None:
    alerts, decider = Alerts(), Decider(SCAN)
    quiet = replace(fault(decider, 0), alerting=False)
    assert told(alerts, quiet) == []
    assert alerts.payload().raised == []
    assert told(alerts, replace(decider.close("close"), alerting=False)) == []
