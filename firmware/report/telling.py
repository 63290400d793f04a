"""From what was recorded of a scan to what a report says of it."""

from collections.abc import Callable, Iterable, Sequence

from engine.decide.advice import reason_words
from firmware.console.said import stamp
from firmware.pictures.files import Plane
from firmware.record import NoteRecord, ScanRecord
from firmware.report.faults import Album, found_faults
from firmware.report.gather import Gathered
from firmware.report.measured import measured_rows
from firmware.report.story import Shown, Story
from firmware.sinks.payloads import DecisionPayload, Flag

_MOST_UNJUDGED = 12
_MOST_SAID = 20

_VERDICTS = {"ok": "OK", "warn": "with a warning", "rescan": "to repeat", "cannot_judge": "not judged"}
_ENDED = {"close": "the scanner ended it"}


def tell(
    record: ScanRecord,
    decisions: Iterable[DecisionPayload],
    flags: Iterable[Flag],
    notes: Sequence[NoteRecord],
    picture: Callable[[int], Plane | None],
    name: str = "",
) -> Story:
    """The story of one scan.

    `decisions` are those of its frames and, once it has ended, of the series; they are read once, and only numbers are
    kept of them. `flags` come oldest first. `picture` gives the image of a frame, None or PictureGone where none is
    kept. `name` is what the scan is called; its protocol if empty.
    """
    gathered = Gathered()
    for decision in decisions:
        gathered.take(decision)
    last_flags = {flag.finding: flag for flag in flags}
    acknowledged = {note.finding for note in notes if note.kind == "acknowledge"}
    album = Album(picture)
    faults = found_faults(gathered, last_flags, acknowledged, album)
    rules, seen = measured_rows(gathered)
    series = gathered.series
    so_far = series is None and record.ended is None
    verdict, sentence = record.verdict or gathered.worst, record.sentence or gathered.sentence
    if series is not None:
        verdict, sentence = series.verdict, series.sentence
    what, act = _split(sentence)
    return Story(
        name=name or record.protocol or "Scan without a protocol name",
        facts=_facts(record, gathered),
        verdict=verdict,
        so_far=so_far,
        what=what,
        act=act,
        said=_said(notes),
        faults=tuple(fault for fault in faults if not fault.learned),
        seen=tuple(fault for fault in faults if fault.learned),
        pictures=_others(gathered, album),
        rows=rules,
        network_rows=seen,
        unjudged=_unjudged(gathered),
        unknown=_unknown(record, gathered),
        limits_version=gathered.limits_version,
    )


def utc(time: float) -> str:
    """s since 1970 for people, to the minute."""
    said = stamp(time)
    return f"{said[:10]} {said[11:16]} UTC"


def _split(sentence: str) -> tuple[str, str]:
    """What is so and what to do, without the verdict's word: the last sentence is the act."""
    said = sentence.partition(": ")[2].removesuffix(".")
    what, _, act = said.rpartition(". ")
    return (what, act) if what else (act, "")


def _facts(record: ScanRecord, gathered: Gathered) -> tuple[tuple[str, str], ...]:
    """What was prescribed and what came; what is not known is left out, but for the number of images."""
    received = _received(record, gathered)
    promised = f"{record.frames_expected} prescribed" if record.frames_expected else "the header promises no number"
    ended = ""
    if record.ended_by:
        ended = _ENDED.get(record.ended_by) or reason_words(record.ended_by)
    if record.ended:
        ended = f"{utc(record.ended)}{f' ({ended})' if ended else ''}"
    facts = (
        ("Protocol", record.protocol),
        ("Body part", record.body_part),
        ("Scanner", record.scanner),
        ("Coil elements", str(record.coils) if record.coils else ""),
        ("Images", f"{received} received, {promised}"),
        ("Judged", ", ".join(f"{count} {_VERDICTS[verdict]}" for verdict, count in gathered.verdicts.most_common())),
        ("Purpose", "" if record.role == "imaging" else f"{record.role}: raises no alert"),
        ("Began", utc(record.began) if record.began else ""),
        ("Ended", ended),
        ("Scan", record.scan),
        ("Compared with limits for", record.stratum),
    )
    return tuple((name, value) for name, value in facts if value)


def _received(record: ScanRecord, gathered: Gathered) -> int:
    """Images; of a scan that runs the decisions count them, by their numbers: some may be dropped already."""
    return max(record.frames, gathered.frames, -1 if gathered.last is None else gathered.last + 1)


def _unknown(record: ScanRecord, gathered: Gathered) -> str:
    """Of how many images the decisions were dropped or are damaged; empty: of none."""
    received = _received(record, gathered)
    missing = received - gathered.frames
    if not received:
        return "No image came"
    return f"The record does not hold the decisions about {missing} of {received} images" if missing else ""


def _said(notes: Sequence[NoteRecord]) -> tuple[str, ...]:
    """What people said of the scan, and what its record no longer holds."""
    lines = []
    for note in notes:
        if note.kind == "opinion":
            said = {"fine": "Marked as fine", "bad": "Marked as bad"}.get(note.opinion, "Mark taken back")
            lines.append(f"{said}, {utc(note.time)}")
        elif note.kind == "acknowledge":
            lines.append(f"A finding was acknowledged, {utc(note.time)}")
        elif note.kind == "dropped":
            lines.append(f"{note.text} ({utc(note.time)})")
    return tuple(lines[-_MOST_SAID:])


def _others(gathered: Gathered, album: Album) -> tuple[Shown, ...]:
    """The first and the last image and, of a scan without a finding, the middle one."""
    if gathered.first is None or gathered.last is None:
        return ()
    middle = [] if album.pictures else [(gathered.first + gathered.last) // 2]
    numbers = dict.fromkeys([gathered.first, *middle, gathered.last])
    taken = (album.take(number, f"Image {number}") for number in numbers)
    return tuple(one for one in taken if one is not None)


def _unjudged(gathered: Gathered) -> tuple[str, ...]:
    """Reasons with the number of images, the most frequent first."""
    named = gathered.unjudged.most_common(_MOST_UNJUDGED)
    lines = [f"{_split(sentence)[0]} ({count} image{'s' if count > 1 else ''})" for sentence, count in named]
    rest = len(gathered.unjudged) - len(named)
    return (*lines, f"and {rest} other reasons") if rest > 0 else tuple(lines)
