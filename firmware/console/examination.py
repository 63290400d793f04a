"""The examination that is on the table now, from the record: may the patient leave?"""

from collections.abc import Collection, Iterable
from dataclasses import replace

from engine.decide.exam import SeriesFacts, Standing, judge_exam
from engine.decide.moment import Moment, passed
from engine.decide.visit import current_visit
from engine.seams import Clock
from engine.types import Verdict
from firmware.console import said
from firmware.console.api import Exam, ExamSeries
from firmware.console.board import Batch
from firmware.console.follow import decoded, flags
from firmware.journal_reader import JournalReader
from firmware.record import NoteRecord, ScanRecord
from firmware.scan_record import began_at, ended_at
from firmware.sinks.payloads import DecisionPayload, Flag

LONGEST_S = 24 * 3600.0
"""s: nothing before that is of the examination on the table."""
KEPT = 500
"""Scans that are looked at."""

_UNRECORDED = "Look first: what runs now is not recorded."

_SNR_ROW = "m05"
_SILENT = ("done", "accepted", "repeated", "not_needed", "running", "incomplete")
"""Statuses to which the sentence of an OK adds nothing."""


class Examination:
    """Kept up to date batch by batch; belongs to one thread at a time."""

    def __init__(self, reader: JournalReader, gap_s: float, clock: Clock, run: int) -> None:
        """`run` counts the starts of the appliance: this one."""
        self._reader, self._gap_s, self._clock, self._run = reader, gap_s, clock, run
        self._records: dict[str, ScanRecord] = {}
        self._worst: dict[str, DecisionPayload] = {}
        """Of scans that run: the worst decision about a frame."""
        self._frames: dict[str, int] = {}
        self._facts: dict[str, SeriesFacts] = {}
        """Of scans that have ended, in full."""
        self._new_exams: list[Moment] = []
        self._begun = False

    def take(self, batch: Batch, running: Collection[str] = (), *, stuck: bool = False) -> Exam:
        """The list as it is after a batch; raises ScansideError when the record cannot be read.

        `running` are the scans that run as the loop says, `stuck` whether it says that nothing can be recorded. What
        is not on record may be anything: then the answer is not "yes".
        """
        if not self._begun:
            self._begin()
        self._take_scans(record for _, record in batch.scans)
        for decision, _ in batch.decisions:
            if decision.number is not None and self._runs(decision.scan):
                self._worst[decision.scan] = said.worse(self._worst.get(decision.scan), decision)
                self._frames[decision.scan] = max(self._frames.get(decision.scan, 0), decision.number + 1)
        self._take_notes(batch.notes)
        facts = [self._brief(record) for record in self._records.values()]
        visit = current_visit(facts, self._new_exams, self._gap_s, self._now())
        answer = judge_exam([self._full(one) for one in visit])
        named = next((one.exam for one in visit if one.exam), "")
        told = Exam(exam=named, answer=answer.answer, line=answer.line, series=[_told(one) for one in answer.series])
        if (stuck or not self._records.keys() >= set(running)) and told.answer != "no":
            told.answer, told.line = "look", _UNRECORDED
        return told

    def _now(self) -> Moment:
        return Moment(self._clock.now(), self._run, self._clock.monotonic())

    def _begin(self) -> None:
        changed = self._reader.scans_changed(max(0, self._reader.revision() - 2 * KEPT), 2 * KEPT)
        self._take_scans(record for _, record in changed)
        last = self._reader.last_note("new_exam")
        self._new_exams = [_said_at(last)] if last is not None else []
        self._begun = True

    def _take_scans(self, records: Iterable[ScanRecord]) -> None:
        for record in records:
            self._records[record.scan] = record
            self._facts.pop(record.scan, None)
            if record.ended is not None:
                self._worst.pop(record.scan, None)
                self._frames.pop(record.scan, None)
        now = self._now()
        kept = sorted(self._records.values(), key=lambda record: began_at(record).order)[-KEPT:]
        self._records = {one.scan: one for one in kept if one.ended is None or passed(began_at(one), now) <= LONGEST_S}
        self._facts = {scan: facts for scan, facts in self._facts.items() if scan in self._records}

    def _take_notes(self, notes: Iterable[NoteRecord]) -> None:
        for note in notes:
            if note.kind == "new_exam":
                self._new_exams = [_said_at(note)]
            elif note.kind == "opinion":
                self._facts.pop(note.scan, None)

    def _runs(self, scan: str) -> bool:
        return scan in self._records and self._records[scan].ended is None

    def _brief(self, record: ScanRecord) -> SeriesFacts:
        """What tells one examination from another."""
        return SeriesFacts(
            scan=record.scan,
            began=began_at(record),
            ended=ended_at(record),
            exam=record.exam,
            exam_is_study=record.exam_is_study,
        )

    def _full(self, brief: SeriesFacts) -> SeriesFacts:
        record = self._records[brief.scan]
        if record.ended is not None:
            if record.scan not in self._facts:
                self._facts[record.scan] = _ended(self._reader, record)
            return self._facts[record.scan]
        worst = self._worst.get(record.scan)
        return _facts(record, self._reader, worst, self._frames.get(record.scan, 0))


def _ended(reader: JournalReader, record: ScanRecord) -> SeriesFacts:
    rows = reader.decisions(record.scan, 0, 2, newest_first=True)
    found = [decision for row in rows if (decision := decoded(row)) is not None]
    whole = next((one for one in found if one.number is None), None)
    facts = _facts(record, reader, whole, record.frames)
    told = flags(reader, record.scan)
    costs = [cost for flag in told if (cost := _impact(flag)) is not None]
    return replace(facts, impact=max(costs, default=0.0), snr=_snr(found))


def _facts(record: ScanRecord, reader: JournalReader, speaks: DecisionPayload | None, frames: int) -> SeriesFacts:
    verdict = record.verdict or (speaks.verdict if speaks is not None else "")
    opinions = [note.opinion for note in reader.notes_of(record.scan) if note.kind == "opinion"]
    causes = [finding.kind for finding in speaks.findings if not finding.caused_by] if speaks is not None else []
    imaging = record.role == "imaging"
    return SeriesFacts(
        scan=record.scan,
        began=began_at(record),
        ended=ended_at(record),
        exam=record.exam,
        exam_is_study=record.exam_is_study,
        protocol=record.protocol,
        prescription=record.prescription,
        needed=imaging,
        aborted=imaging and record.ended is not None and not record.alerting,
        verdict=Verdict(verdict) if verdict else None,
        kind=causes[0] if causes else "",
        opinion=opinions[-1] if opinions else "",
        sentence=record.sentence or (speaks.sentence if speaks is not None else ""),
        frames=frames,
        frames_expected=record.frames_expected,
    )


def _said_at(note: NoteRecord) -> Moment:
    return Moment(note.time, note.run, note.up)


def _impact(flag: Flag) -> float | None:
    measurement = flag.measurement
    return measurement.impact if measurement.impact_unit == "%" and not flag.caused_by else None


def _snr(decisions: Iterable[DecisionPayload]) -> float | None:
    values = [one.value for decision in decisions for one in decision.measurements if one.row == _SNR_ROW]
    return next((value for value in values if value is not None), None)


def _told(standing: Standing) -> ExamSeries:
    facts = standing.facts
    return ExamSeries(
        scan=facts.scan,
        protocol=facts.protocol,
        status=standing.status,
        verdict=facts.verdict.value if facts.verdict is not None else "",
        sentence="" if standing.status in _SILENT and facts.verdict in (Verdict.OK, None) else facts.sentence,
        repeats=standing.repeats,
        compared=standing.compared,
        keep=standing.keep,
        began=said.stamp(facts.began.wall),
        ended=said.stamp(facts.ended.wall if facts.ended is not None else None),
        frames=facts.frames,
        frames_expected=facts.frames_expected,
    )
