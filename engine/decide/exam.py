"""May the patient leave? The series of one examination: what each is worth, which repeats which, which to keep."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from engine.decide.advice import FAULTS
from engine.decide.moment import Moment
from engine.types import Verdict

Status = Literal["running", "done", "accepted", "repeat_advised", "repeated", "not_judged", "incomplete", "not_needed"]
Compared = Literal["", "better", "worse", "same"]
Answer = Literal["yes", "no", "look", "wait", "nothing"]

_SAME_IMPACT, _SAME_SNR = 0.1, 0.1
"""Share by which two series may differ and are still the same: repeats of a still object differ by a few per cent."""

_LEAST_IMPACT = 1.0
"""Per cent of the image below which a difference of impacts means nothing."""

_LONGEST_NAME = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesFacts:
    """What is known of one series, running or ended."""

    scan: str
    began: Moment
    ended: Moment | None = None
    """None: it runs."""
    exam: str = ""
    """Pseudonym of the examination; empty: the header states none."""
    exam_is_study: bool = False
    """The pseudonym is that of a study, and so of nothing else however long it pauses."""
    protocol: str = ""
    prescription: str = ""
    """Equal for series of which one may repeat the other; empty: no other can be its repeat."""
    needed: bool = True
    """False for localizers, prescans and calibration."""
    aborted: bool = False
    verdict: Verdict | None = None
    """None: no frame yet."""
    kind: str = ""
    """Of the worst finding without a cause of its own."""
    impact: float = 0.0
    """Per cent that the worst finding costs the image."""
    snr: float | None = None
    opinion: Literal["", "fine", "bad"] = ""
    """What a person last said of it."""
    sentence: str = ""
    frames: int = 0
    frames_expected: int | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """One series in the list of the examination."""

    facts: SeriesFacts
    status: Status
    repeats: str
    """Scan that it repeats; empty: none."""
    compared: Compared
    """With the one that it repeats; empty while it runs."""
    keep: bool
    """Of a series and its repeats this is the one to keep."""


@dataclass(frozen=True, slots=True)
class ExamAnswer:
    """One line, and every series in the order in which they began."""

    answer: Answer
    line: str
    series: tuple[Standing, ...]


def judge_exam(series: Sequence[SeriesFacts]) -> ExamAnswer:
    """Whether everything that was prescribed is there, from the series of one examination in any order.

    A series that was not fine is repeated by the next of the same prescription, and that one, if it was not fine
    either, by the next. After one that was fine the same prescription is another measurement (before and after contrast
    agent, a second run): both are needed. Of a series and its repeats the best is kept, and only that one counts.
    Only a series that began after the other had ended can repeat it. An aborted series counts as not judged until it
    was run again, and one that ended with fewer images than its header promised has to be looked at.
    """
    ordered = sorted(series, key=lambda one: (one.began.order, one.scan))
    standings: dict[str, Standing] = {}
    for chain in _chains([one for one in ordered if one.needed]):
        kept = _kept(chain)
        for place, one in enumerate(chain):
            before = chain[place - 1] if place else None
            standings[one.scan] = Standing(
                one,
                _status(one, chain, kept),
                before.scan if before else "",
                _compare(one, before) if before and one.ended is not None else "",
                one is kept,
            )
    for one in ordered:
        if not one.needed:
            standings[one.scan] = Standing(one, "running" if one.ended is None else "not_needed", "", "", False)
    told = tuple(standings[one.scan] for one in ordered)
    return ExamAnswer(*_answer(told), told)


def _chains(ordered: Sequence[SeriesFacts]) -> list[list[SeriesFacts]]:
    """Each series with its repeats; the first of several that wait for one gets it."""
    chains: list[list[SeriesFacts]] = []
    for one in ordered:
        waiting = (chain for chain in chains if chain[0].prescription == one.prescription and _may_repeat(one, chain))
        chain = next(waiting, None) if one.prescription else None
        if chain is not None:
            chain.append(one)
        else:
            chains.append([one])
    return chains


def _may_repeat(one: SeriesFacts, chain: Sequence[SeriesFacts]) -> bool:
    """Nobody repeats what still runs: that is another measurement, or another scanner."""
    ended = chain[-1].ended
    return ended is not None and ended.order <= one.began.order and not _fine(_kept(chain))


def _kept(chain: Sequence[SeriesFacts]) -> SeriesFacts:
    """The best that ended.

    Of two that are the same the later one, if it can be used: whoever repeated it had a reason that may not be measured
    here, and a scanner's console shows the later one first. The one that runs only where there is no other.
    """
    ended = [one for one in chain if one.ended is not None]
    kept = (ended or chain)[0]
    for one in ended[1:]:
        compared = _compare(one, kept)
        if compared == "better" or (compared == "same" and _worth(one) <= _WARNED):
            kept = one
    return kept


_ACCEPTED, _FINE, _WARNED, _SHORT, _UNKNOWN, _BAD, _ABORTED = range(7)
"""What a series is worth, best first: what lacks images or is unknown may be good, what is known to be bad is not; half
a series comes last."""


def _worth(one: SeriesFacts) -> int:
    """A person's word comes before the verdict."""
    if one.opinion:
        return _ACCEPTED if one.opinion == "fine" else _BAD
    if one.aborted:
        return _ABORTED
    known = {Verdict.OK: _FINE, Verdict.WARN: _WARNED, Verdict.RESCAN: _BAD}
    worth = known.get(one.verdict, _UNKNOWN) if one.verdict is not None else _UNKNOWN
    return _SHORT if worth <= _WARNED and one.ended is not None and one.frames < (one.frames_expected or 0) else worth


def _fine(one: SeriesFacts) -> bool:
    return one.ended is not None and _worth(one) <= _FINE


def _compare(one: SeriesFacts, other: SeriesFacts) -> Compared:
    """By what they are worth, then by what the worst finding costs, then by signal to noise."""
    if _worth(one) != _worth(other):
        return "better" if _worth(one) < _worth(other) else "worse"
    difference = other.impact - one.impact
    if abs(difference) > max(_LEAST_IMPACT, _SAME_IMPACT * max(one.impact, other.impact)):
        return "better" if difference > 0 else "worse"
    if one.snr is not None and other.snr is not None:
        gained = one.snr - other.snr
        if abs(gained) > _SAME_SNR * max(one.snr, other.snr):
            return "better" if gained > 0 else "worse"
    return "same"


def _status(one: SeriesFacts, chain: Sequence[SeriesFacts], kept: SeriesFacts) -> Status:
    if one.ended is None:
        return "running"
    if one is not kept:
        return "not_needed" if _worth(one) == _ABORTED else "repeated"
    statuses: dict[int, Status] = {
        _ACCEPTED: "accepted",
        _FINE: "done",
        _WARNED: "done",
        _SHORT: "incomplete",
        _BAD: "repeat_advised",
    }
    if _worth(one) == _ABORTED and any(later.ended is None for later in chain):
        return "not_needed"
    return statuses.get(_worth(one), "not_judged")


# --- the one line ------------------------------------------------------------------------------------


def _answer(told: Sequence[Standing]) -> tuple[Answer, str]:
    """What needs an act comes first, then what needs patience, then what needs eyes."""
    again = {one.facts.prescription for one in told if one.status == "running" and one.repeats}
    kept = [one for one in told if one.keep]
    bad = [one for one in kept if one.status == "repeat_advised" and one.facts.prescription not in again]
    if bad:
        return "no", f"Not yet: repeat {_name(bad[0])} ({_why_bad(bad[0].facts)}){_others(bad)}."
    running = [one for one in told if one.status == "running"]
    if running:
        return "wait", f"Wait: {_name(running[0])} is running{_progress(running[0].facts)}{_others(running)}."
    unknown = [one for one in kept if one.status in ("not_judged", "incomplete")]
    if unknown:
        return "look", f"Look first: {_name(unknown[0])} {_why_unknown(unknown[0])}{_others(unknown)}."
    if not kept:
        return "nothing", "No series to judge yet."
    warned = sum(_worth(one.facts) == _WARNED for one in kept)
    said = f", {warned} with a warning" if warned else ""
    return "yes", f"Yes: all {len(kept)} series are done{said}." if len(kept) > 1 else f"Yes: 1 series is done{said}."


def _name(one: Standing) -> str:
    name = one.facts.protocol or "a series without a name"
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"


def _why_bad(facts: SeriesFacts) -> str:
    if facts.opinion == "bad":
        return "marked as bad"
    return FAULTS.get(facts.kind, facts.kind.replace("-", " ")) or "repeat advised"


def _why_unknown(one: Standing) -> str:
    if one.status == "incomplete":
        return f"has {one.facts.frames} of {one.facts.frames_expected} images"
    return "was aborted and not run again" if one.facts.aborted else "was not judged"


def _progress(facts: SeriesFacts) -> str:
    if not facts.frames_expected:
        return f", {facts.frames} {_images(facts.frames)}" if facts.frames else ""
    return f", {facts.frames} of {facts.frames_expected} {_images(facts.frames_expected)}"


def _images(count: int) -> str:
    return "image" if count == 1 else "images"


def _others(several: Sequence[Standing]) -> str:
    """The first one is named, the others are counted."""
    return f", and {len(several) - 1} more" if len(several) > 1 else ""
