"""Scans and notes in the journal: revisions, sequences, and scans that the appliance did not see end."""

import signal
import subprocess
import sys
from pathlib import Path

import apsw
import msgspec
import pytest

from engine.types import Finding, Life, Measurement, Verdict, Where
from firmware import journal_entry
from firmware.journal import Entry, Journal, Outgoing
from firmware.journal_reader import JournalReader
from firmware.record import NoteRecord
from firmware.sinks import topics
from firmware.sinks.payloads import DecisionPayload, Flag, flag_payload
from tests.engine.decide.test_decide_decider import SCAN
from tests.firmware.records import APPLIANCE, Clock, decision, flag, keep, scan_record

DIES_DURING_A_SCAN = """
import sys, threading
from pathlib import Path
from firmware.journal import Entry, Journal
from tests.firmware.records import Clock, decision, scan_record

journal = Journal(Path(sys.argv[1]), Clock())
told = threading.Event()
journal.append(Entry(scan=scan_record("s1-1", 1_800_000_000.0, protocol="t1", frames_expected=20)))
journal.append(Entry((decision("s1-1", 0), decision("s1-1", 1), decision("s1-11", 0)), told.set))
assert told.wait(30)
print("recorded", flush=True)
threading.Event().wait()
"""


def test_revisions_rise_with_each_change_and_over_restarts(tmp_path: Path) -> None:
    for session in (1, 2):
        journal = Journal(tmp_path / "j.db", Clock())
        for name in ("x", "y", "x"):
            keep(journal, Entry(scan=scan_record(f"s{session}-{name}", ended=1_800_000_001.0)))
        journal.close()
    reader = JournalReader(tmp_path / "j.db", APPLIANCE)
    changed = reader.scans_changed(0, 10)
    assert [(revision, record.scan) for revision, record in changed] == [
        (2, "s1-y"),
        (3, "s1-x"),
        (5, "s2-y"),
        (6, "s2-x"),
    ]
    assert reader.revision() == 6
    assert [record.scan for _, record in reader.scans_changed(3, 1)] == ["s2-y"]


def test_a_scan_and_its_last_decision_are_recorded_together(tmp_path: Path) -> None:
    journal, seen = Journal(tmp_path / "j.db", Clock()), []
    reader = JournalReader(tmp_path / "j.db", APPLIANCE)
    journal.subscribe(lambda: seen.append((reader.newest(), reader.scan("s1-1") is not None)))
    keep(journal, Entry((decision("s1-1", None),), scan=scan_record("s1-1", verdict="ok", ended=1_800_000_002.0)))
    journal.close()
    assert seen[0] == (1, True)
    assert reader.scan("s1-1") == scan_record("s1-1", verdict="ok", ended=1_800_000_002.0)
    assert reader.scan("s1-2") is None


def test_who_has_a_note_recorded_is_told_its_sequence_and_time(tmp_path: Path) -> None:
    told: list[NoteRecord] = []
    for session in (1, 2):
        journal = Journal(tmp_path / "j.db", Clock(session * 100.0))
        keep(journal, Entry(note=NoteRecord(kind="opinion", scan="s1-1", opinion="fine"), on_note=told.append))
        keep(journal, Entry(note=NoteRecord(kind="new_exam"), on_note=told.append))
        journal.close()
    assert [(note.sequence, note.kind, note.time) for note in told] == [
        (1, "opinion", 100.0),
        (2, "new_exam", 100.0),
        (3, "opinion", 200.0),
        (4, "new_exam", 200.0),
    ]
    reader = JournalReader(tmp_path / "j.db", APPLIANCE)
    assert reader.notes_after(0, 10) == told
    assert reader.notes_after(3, 10) == told[3:]
    assert reader.notes_of("s1-1") == [told[0], told[2]]
    assert reader.last_note("new_exam") == told[3]
    assert reader.last_note("dropped") is None


def test_the_key_of_the_pseudonyms_stays(tmp_path: Path) -> None:
    keys = []
    for name in ("j.db", "j.db", "other.db"):
        journal = Journal(tmp_path / name, Clock())
        keys.append(journal.exam_key)
        journal.close()
    assert keys[0] == keys[1] != keys[2]
    assert len(keys[0]) == 16


def test_a_killed_appliance_leaves_no_scan_running(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "j.db"
    child = subprocess.Popen([sys.executable, "-c", DIES_DURING_A_SCAN, str(path)], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    with child:
        assert child.stdout.readline() == "recorded\n"
        child.send_signal(signal.SIGKILL)
    reader = JournalReader(path, APPLIANCE)
    before = reader.scan("s1-1")
    assert before is not None
    assert before.ended is None
    Journal(path, Clock(1_800_900_000.0)).close()
    after = reader.scan("s1-1")
    assert after == msgspec.structs.replace(
        before,
        ended=1_800_000_000.0,  # the last sign of it, not when somebody started the appliance again
        ended_by="appliance_lost",
        frames=2,
        verdict="cannot_judge",
        sentence="NOT JUDGED: The appliance stopped during this scan. Look at the images yourself.",
    )
    assert "s1-1 never ended" in caplog.text
    Journal(path, Clock(1_800_900_000.0)).close()
    assert reader.revision() == 2


def test_a_lost_scan_does_not_end_before_it_began(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j.db", Clock())
    keep(journal, Entry((decision("s1-1", 0),), scan=scan_record("s1-1", 1_800_000_400.0)))
    journal.close()
    Journal(tmp_path / "j.db", Clock()).close()
    record = JournalReader(tmp_path / "j.db", APPLIANCE).scan("s1-1")
    assert record is not None
    assert record.ended == 1_800_000_400.0


def life(finding: str, said: Life) -> Outgoing:
    """What is told of a finding of s1-1."""
    where = Where(coils=(2,))
    seen = Measurement("m01", "signal", 0.1, "", where=where)
    made = Finding(
        id=finding,
        kind="coil_loss",
        life=said,
        severity=Verdict.RESCAN,
        where=where,
        first_frame=0,
        last_frame=1,
        measurement=seen,
        limit=0.5,
        limit_source="",
        caused_by="",
        advice="",
        message="",
        action="",
    )
    return Outgoing(topics.flag(APPLIANCE, "s1-1", finding), flag_payload(made, SCAN))


def test_others_are_told_of_a_lost_scan_and_of_the_end_of_what_was_raised_in_it(tmp_path: Path) -> None:
    path = tmp_path / "j.db"
    journal = Journal(path, Clock(), appliance=APPLIANCE)
    keep(journal, Entry(scan=scan_record("s1-1", stratum="t1|3T")))
    said = (
        life("s1-1-f1", Life.NEW),
        life("s1-1-f2", Life.NEW),
        life("s1-1-f1", Life.UPDATE),
        life("s1-1-f2", Life.END),
    )
    keep(journal, Entry((decision("s1-1", 0), *said, flag("s1-11", "s1-11-f1"))))
    journal.close()
    journal = Journal(path, Clock(1_800_900_000.0), appliance=APPLIANCE)
    assert journal.lost == ("s1-1",)
    end, series = (row for row in journal.read_after(6, 10))
    journal.close()
    ended = msgspec.json.decode(end.payload, type=Flag)
    assert end.topic == topics.flag(APPLIANCE, "s1-1", "s1-1-f1")
    assert (ended.life, ended.end_reason, ended.where.coils) == (Life.END, "appliance_lost", (2,))
    assert (ended.sequence, ended.session) == (7, 2)
    decided = msgspec.json.decode(series.payload, type=DecisionPayload)
    record = JournalReader(path, APPLIANCE).scan("s1-1")
    assert record is not None
    assert (series.topic, series.sequence) == (topics.decision(APPLIANCE, "s1-1"), 8)
    assert (decided.scope, decided.number, decided.reasons) == ("series", None, ["appliance_lost"])
    assert (decided.verdict.value, decided.sentence, decided.stratum) == (record.verdict, record.sentence, "t1|3T")
    assert decided.session == 2
    assert record.frames == 1
    again = Journal(path, Clock(1_800_900_000.0), appliance=APPLIANCE)
    assert (again.newest, again.lost) == (8, ())
    again.close()


def test_only_a_lost_scan_of_the_patient_alerts(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j.db", Clock(), appliance=APPLIANCE)
    for scan, role in (("s1-1", "localizer"), ("s1-2", "imaging")):
        keep(journal, Entry(scan=scan_record(scan, role=role)))
    journal.close()
    journal = Journal(tmp_path / "j.db", Clock(), appliance=APPLIANCE)
    rows = [msgspec.json.decode(row.payload, type=DecisionPayload) for row in journal.read_after(0, 10)]
    journal.close()
    assert [(row.scan, row.alerting) for row in rows] == [("s1-1", False), ("s1-2", True)]


def test_a_lost_scan_is_closed_and_told_together_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "j.db"
    journal = Journal(path, Clock())
    keep(journal, Entry(scan=scan_record("s1-1")))
    journal.close()

    def full(*_: object) -> None:
        raise apsw.FullError("database or disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(journal_entry, "_put_message", full)
        Journal(path, Clock()).close()
    record = JournalReader(path, APPLIANCE).scan("s1-1")
    assert record is not None
    assert record.ended is None
