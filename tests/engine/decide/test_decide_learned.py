"""What a quality network sees beside what the rules measure: it warns by itself, and moves nothing else."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.decide.decider import Decider
from engine.decide.limits import shipped_limits
from engine.quality import LEARNED, measured, not_measured
from engine.types import VERDICTS, Completeness, Decision, Finding, Life, Measurement, Verdict, Where
from tests.engine.decide.test_decide_decider import COMPLETE, SCAN, frame, measurements, with_coils

HALF = Completeness(expected=16, received=8, missing=tuple(range(8)), ended_by="close")


def seen(impact: float = 20.0, **probabilities: float) -> list[Measurement]:
    """Rows of the network: `motion=0.95`; what is not given is 0."""
    return [
        Measurement(row, f"learned-{kind}", probabilities.get(kind.replace("-", "_"), 0.0), "probability", impact, "%")
        for kind, row in LEARNED.items()
    ]


def learned(decision: Decision) -> list[Finding]:
    return [finding for finding in decision.findings if finding.learned]


def ruled(findings: tuple[Finding, ...]) -> list[Finding]:
    return [finding for finding in findings if not finding.learned]


@pytest.mark.parametrize("kind", LEARNED)
def test_the_network_alone_warns_and_says_that_it_does(kind: str) -> None:
    decider = Decider(SCAN)
    decision = decider.frame(frame(), [*measurements(), *seen(**{kind.replace("-", "_"): 1.0})])
    (finding,) = decision.findings
    assert (decision.verdict, finding.kind, finding.severity) == (Verdict.WARN, kind, Verdict.WARN)
    assert finding.learned
    assert decision.sentence.startswith("WARNING: The quality network sees ")
    assert decision.sentence.endswith(" in this image. Look at it.")
    cleared = decider.frame(frame(1), [*measurements(), *seen()])
    assert cleared.verdict is Verdict.OK
    assert [change.life for change in cleared.changes] == [Life.END]
    assert decider.close("close").verdict is Verdict.WARN


def test_at_the_limit_nothing_is_said() -> None:
    assert Decider(SCAN).frame(frame(), [*measurements(), *seen(motion=0.86)]).verdict is Verdict.OK


def test_rows_without_a_number_are_no_reason_against_ok() -> None:
    for why in ("worker_lost", "out_of_distribution", "noise_unknown"):
        decision = Decider(SCAN).frame(frame(), [*measurements(), *not_measured(tuple(LEARNED), why)])
        assert decision.verdict is Verdict.OK
        assert not decision.reasons


def test_a_strange_image_raises_nothing_however_sure_the_network_is() -> None:
    strange_and_sure = np.concatenate(([1.5], [1.0], [100.0], np.ones(256)))[None].astype(np.float32)
    rows = measured(strange_and_sure, ("motion",), (16, 16))
    assert Decider(SCAN).frame(frame(), [*measurements(), *rows]).verdict is Verdict.OK


def test_the_rule_speaks_and_explains_what_the_network_sees_of_the_same_kind() -> None:
    decider = Decider(SCAN)
    decider.frame(frame(0), [*measurements(), *seen(motion=1.0)])
    decider.frame(frame(1), [*measurements(m13=3.0), *seen(motion=1.0)])
    decision = decider.frame(frame(2), [*measurements(m13=3.0), *seen(motion=1.0)])
    rule, network = decision.findings
    assert (rule.kind, rule.first_frame, rule.severity, rule.caused_by) == ("motion", 1, Verdict.RESCAN, "")
    assert (network.kind, network.first_frame, network.caused_by) == ("motion", 0, rule.id)
    assert rule.id != network.id
    assert "moved by 3.0 mm" in decision.sentence


def test_the_network_does_not_keep_a_rules_finding_alive_nor_end_it() -> None:
    decider = Decider(SCAN)
    decider.frame(frame(0), [*measurements(m04=20.0, m04_impact=20.0), *seen(coil_loss=1.0)])
    silent = decider.frame(frame(1), [*measurements({"m04": "one_coil"}), *seen()])
    assert ruled(silent.findings), "the rule could not measure: only a rule may say that it is over"
    decision = decider.frame(frame(2), [*measurements(), *seen(coil_loss=1.0)])
    assert not ruled(decision.findings)
    assert decision.verdict is Verdict.WARN


def test_what_the_network_sees_never_makes_a_rules_finding_a_consequence() -> None:
    decider = Decider(SCAN)
    decider.frame(frame(0), [*measurements(), *seen(coil_loss=1.0)])
    decision = decider.frame(frame(1), [*measurements(m05=4.0), *seen(coil_loss=1.0)])
    first, second = decision.findings
    assert (first.kind, first.caused_by, second.kind) == ("low-snr", "", "coil-loss")
    assert "Too noisy" in decision.sentence


def test_what_lacks_is_said_before_what_the_network_sees() -> None:
    decider = Decider(SCAN)
    doubled = replace(COMPLETE, duplicates=1)
    decision = decider.frame(frame(0, doubled), [*measurements(), *seen(motion=1.0)])
    assert decision.sentence == "WARNING: The image is incomplete. Look at the images."
    assert learned(decision)


PROBABILITY = st.none() | st.sampled_from((0.0, 0.8, 1.0))
FRAME = st.fixed_dictionaries(
    {
        "m13": st.none() | st.sampled_from((0.0, 0.45, 1.0, 3.0)),
        "m09": st.sampled_from((0.0, 4.5, 7.0, 20.0)),
        "m05": st.none() | st.sampled_from((4.0, 8.0, 100.0)),
        "coil": st.sampled_from((0.0, 20.0)),
        "whole": st.booleans(),
        "motion": PROBABILITY,
        "ghost": PROBABILITY,
        "coil-loss": PROBABILITY,
        "gibbs": PROBABILITY,
    }
)


def rows_of(values: dict) -> tuple[list[Measurement], list[Measurement]]:
    """(of the rules, of the network)"""
    absent = {row: "low_snr" for row in ("m13", "m05") if values[row] is None}
    present = {row: values[row] for row in ("m13", "m09", "m05") if values[row] is not None}
    rules = with_coils(measurements(absent, **present, m04=values["coil"], m04_impact=values["coil"]), 3)
    network = []
    for kind in ("motion", "ghost", "coil-loss", "gibbs"):
        value, why = values[kind], "" if values[kind] is not None else "worker_late"
        where = Where(box=(0, 0, 4, 4))
        network.append(Measurement(LEARNED[kind], kind, value, "probability", why_missing=why, where=where))
    return rules, network


@given(st.lists(FRAME, min_size=1, max_size=8), st.sampled_from(("close", "eof")))
def test_whatever_the_network_says_the_rules_findings_and_words_stay(frames: list[dict], ended_by: str) -> None:
    alone, beside = Decider(SCAN), Decider(SCAN)
    for number, values in enumerate(frames):
        image = frame(number, COMPLETE if values["whole"] else HALF)
        rules, network = rows_of(values)
        compare(alone.frame(image, rules), beside.frame(image, [*rules, *network]))
    compare(alone.close(ended_by), beside.close(ended_by))


def compare(without: Decision, with_network: Decision) -> None:
    assert ruled(with_network.findings) == list(without.findings)
    assert ruled(with_network.changes) == list(without.changes)
    assert (with_network.reasons, with_network.missing_rows) == (without.reasons, without.missing_rows)
    assert {finding.severity for finding in learned(with_network)} <= {Verdict.WARN}
    least = [Verdict.WARN] if learned(with_network) else []
    assert with_network.verdict is max([without.verdict, *least], key=VERDICTS.index)
    if without.verdict is not Verdict.OK:
        assert with_network.sentence == without.sentence


def test_limits_say_what_is_learned() -> None:
    rows = shipped_limits().rows
    assert {name for name, row in rows.items() if row.learned} == set(LEARNED.values())
    assert all(row.rescan is None for row in rows.values() if row.learned)
