"""Which series belong to the examination that is going on."""

from collections.abc import Sequence

from engine.decide.exam import SeriesFacts
from engine.decide.moment import Moment, passed


def current_visit(
    series: Sequence[SeriesFacts], new_exams: Sequence[Moment], gap_s: float, now: Moment
) -> tuple[SeriesFacts, ...]:
    """The series of the current examination in the order in which they began; `series` come in any order.

    Where headers state a pseudonym it tells examinations apart. A series without one belongs to the examination of the
    series before it. After `gap_s` seconds without a series another examination begins, unless the pseudonym is that of
    one study: where patients' numbers are replaced, that of a patient and a day may be everybody's. `new_exams` are
    when a person said that another patient is there: nothing before the last of them belongs to the current one. Empty
    where nothing ran for `gap_s` before `now`: what an earlier patient may do says nothing of the next.
    """
    said = max((moment.order for moment in new_exams if moment.order <= now.order), default=(0, float("-inf")))
    ordered = sorted((one for one in series if one.began.order >= said), key=lambda one: (one.began.order, one.scan))
    visit: list[SeriesFacts] = []
    visits: dict[str, list[SeriesFacts]] = {}
    for one in ordered:
        close = bool(visit) and _pause(visit, one.began) <= gap_s
        named = next((other.exam for other in visit if other.exam), "")
        known = visits.get(one.exam) if one.exam else None
        if known is not None and (one.exam_is_study or _pause(known, one.began) <= gap_s):
            visit = known
        elif not (close and (not one.exam or not named)):
            visit = []
        visit.append(one)
        if one.exam:
            visits[one.exam] = visit
    return tuple(visit) if visit and _pause(visit, now) <= gap_s else ()


def _pause(visit: Sequence[SeriesFacts], until: Moment) -> float:
    """s since something of it ran."""
    return min(0.0 if one.ended is None else passed(one.ended, until) for one in visit)
