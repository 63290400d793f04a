"""Scans that the appliance never saw end, because it stopped first: closed when the journal is opened again."""

import logging

import apsw
import msgspec

from engine.decide.sentence import sentence
from engine.types import Life, ScanRole, Verdict
from firmware.journal_rows import MESSAGE, SCAN, message_row, scan_row
from firmware.record import ScanRecord
from firmware.sinks import topics
from firmware.sinks.payloads import DecisionPayload, Envelope, Flag

log = logging.getLogger(__name__)

LOST = "appliance_lost"
"""What such a scan was ended by."""

_WHY = {LOST: "the appliance stopped during this scan"}
_LAST = "\U0010ffff"
"""Behind every character of a topic."""

Told = tuple[str, Envelope]
"""A topic, and what is said on it."""


def lost_scans(db: apsw.Connection, appliance: str) -> list[tuple[ScanRecord, list[Told]]]:
    """Each of them closed, and what others are told: no series runs for ever, and none is good for want of a judge."""
    last_sign = float(next(iter(db.execute("SELECT coalesce(max(time), 0) FROM message")))[0])
    lost = []
    for columns in list(db.execute(f"SELECT {SCAN} FROM scan WHERE ended IS NULL ORDER BY revision")):
        record = scan_row(columns)
        if record is None:
            log.error("scan of revision %d is damaged and stays as it is", columns[0])
            continue
        closed = _closed(record, last_sign, _decided(db, record))
        log.warning("scan=%s never ended: the appliance stopped during it", record.scan)
        decided = (topics.decision(appliance, record.scan), _decision(closed))
        lost.append((closed, [*_ended_flags(db, appliance, record.scan), decided]))
    return lost


def _closed(record: ScanRecord, last_sign: float, frames: int) -> ScanRecord:
    return msgspec.structs.replace(
        record,
        ended=max(record.began, last_sign),
        ended_by=LOST,
        frames=frames,
        verdict=Verdict.CANNOT_JUDGE.value,
        sentence=sentence(Verdict.CANNOT_JUDGE, (), (LOST,), _WHY),
        alerting=record.role == ScanRole.IMAGING.value,
    )


def _decision(record: ScanRecord) -> DecisionPayload:
    """About the series, as its record has it."""
    return DecisionPayload(
        schema="decision/1",
        scan=record.scan,
        stratum=record.stratum,
        scope="series",
        verdict=Verdict(record.verdict),
        sentence=record.sentence,
        number=None,
        index=None,
        findings=[],
        measurements=[],
        missing_rows=[],
        reasons=[LOST],
        alerting=record.alerting,
        limits_version="",
        latency_ms={},
    )


def _ended_flags(db: apsw.Connection, appliance: str, scan: str) -> list[Told]:
    """The end of each finding that was raised when the appliance stopped."""
    first = topics.flag(appliance, scan, "")
    said = (
        f"SELECT {MESSAGE}, max(sequence) FROM message WHERE topic > ? AND topic < ? GROUP BY topic ORDER BY sequence"
    )
    ended: list[Told] = []
    for columns in list(db.execute(said, (first, first + _LAST))):
        flag = _flag(columns[:-1])
        if flag is not None and flag.life is not Life.END:
            ended.append((columns[2], msgspec.structs.replace(flag, life=Life.END, end_reason=LOST)))
    return ended


def _flag(columns: tuple[object, ...]) -> Flag | None:
    """None: damaged, or of another version."""
    if (row := message_row(columns)) is None:
        return None
    try:
        return msgspec.json.decode(row.payload, type=Flag)
    except msgspec.MsgspecError:
        return None


def _decided(db: apsw.Connection, record: ScanRecord) -> int:
    """Decisions about its frames; looked for only among what was recorded since it began."""
    ending = f"/scan/{record.scan}/decision"
    counted = db.execute(
        "SELECT count(*) FROM message WHERE time >= ? AND substr(topic, ?) = ?", (record.began, -len(ending), ending)
    )
    return int(next(iter(counted))[0])
