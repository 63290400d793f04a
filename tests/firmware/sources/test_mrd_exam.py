"""The pseudonym of an examination: the same for its scans, different for others, and nothing else is kept."""

import logging
from pathlib import Path

import pytest

from engine.decide.moment import Moment
from engine.types import Scan
from firmware.health import Health
from firmware.journal import Entry, Journal
from firmware.scan_record import begun
from firmware.sources.mrd_header import parse_header
from firmware.sources.mrd_server import MrdServer, ServerSettings
from tests.appliance.mrd_client import CLOSE, Answers, begin, header, talk
from tests.firmware.records import Clock, keep

KEY = b"k" * 16
STUDY = "<studyInformation>{}</studyInformation>"
SUBJECT = "<subjectInformation>{}</subjectInformation>"
NAMED = {
    "subjectInformation": (
        "patientName",
        "patientWeight_kg",
        "patientHeight_m",
        "patientID",
        "patientBirthdate",
        "patientGender",
    ),
    "studyInformation": (
        "studyDate",
        "studyTime",
        "studyID",
        "accessionNumber",
        "referringPhysicianName",
        "studyDescription",
        "studyInstanceUID",
    ),
    "measurementInformation": (
        "measurementID",
        "seriesDate",
        "seriesTime",
        "seriesDescription",
        "seriesInstanceUIDRoot",
        "frameOfReferenceUID",
    ),
    "acquisitionSystemInformation": ("institutionName", "stationName", "deviceID", "deviceSerialNumber"),
}
"""Everything in the schema of the header that names a patient, a study, a person or a place."""


def named(*parts: str) -> str:
    return header().replace("<acquisitionSystemInformation>", "".join(parts) + "<acquisitionSystemInformation>")


def uid(value: str) -> str:
    return STUDY.format(f"<studyInstanceUID>{value}</studyInstanceUID>")


def patient(number: str, day: str) -> tuple[str, str]:
    date = f"<studyDate>{day}</studyDate>" if day else ""
    return SUBJECT.format(f"<patientID>{number}</patientID>" if number else ""), STUDY.format(date)


def exam(*parts: str, key: bytes = KEY) -> str:
    return parse_header(named(*parts), "s1", key).exam


def test_scans_of_one_study_share_a_pseudonym() -> None:
    assert exam(uid("1.2.3")) == exam(uid("1.2.3"))
    assert exam(uid("1.2.3")) != exam(uid("1.2.4"))
    assert len(exam(uid("1.2.3"))) == 16
    assert "1.2.3" not in exam(uid("1.2.3"))


def test_without_a_study_the_patient_and_the_day_make_it() -> None:
    assert exam(*patient("7", "2026-11-25")) == exam(*patient("7", "2026-11-25")) != ""
    assert exam(*patient("7", "2026-11-25")) != exam(*patient("7", "2026-11-26"))
    assert exam(*patient("7", "2026-11-25")) != exam(*patient("8", "2026-11-25"))


def test_a_scan_says_whether_its_pseudonym_is_that_of_a_study() -> None:
    assert parse_header(named(uid("1.2.3")), "s1", KEY).exam_is_study
    assert not parse_header(named(*patient("7", "2026-11-25")), "s1", KEY).exam_is_study
    assert not parse_header(named(uid("1.2.3")), "s1").exam_is_study
    assert begun(parse_header(named(uid("1.2.3")), "s1", KEY), Moment(0.0)).exam_is_study


@pytest.mark.parametrize("parts", [(), patient("7", ""), patient("", "2026-11-25"), (uid(" "),)])
def test_a_header_that_does_not_say_belongs_to_none(parts: tuple[str, ...]) -> None:
    assert exam(*parts) == ""


def test_another_appliance_makes_another_pseudonym_and_a_file_none() -> None:
    assert exam(uid("1.2.3"), key=b"another") != exam(uid("1.2.3"))
    assert exam(uid("1.2.3"), key=b"") == ""


def scan_over_a_socket(xml: str, key: bytes) -> tuple[Scan, Answers]:
    """What the server's own thread makes of a connected scanner's header."""
    scans: list[Scan] = []
    server = MrdServer(ServerSettings(port=0), lambda source: scans.append(source.scan()), Health(), "s1", key)
    server.start()
    answers = talk(server.port, begin(xml), CLOSE)
    server.stop()
    return scans[0], answers


def test_nothing_that_names_anybody_is_recorded_or_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    planted = "".join(
        f"<{part}>{''.join(f'<{name}>PLANTED{name}</{name}>' for name in names)}</{part}>"
        for part, names in NAMED.items()
        if part != "acquisitionSystemInformation"
    )
    system = "".join(f"<{name}>PLANTED{name}</{name}>" for name in NAMED["acquisitionSystemInformation"])
    xml = named(planted).replace("<acquisitionSystemInformation>", f"<acquisitionSystemInformation>{system}")
    assert xml.count("PLANTED") == sum(map(len, NAMED.values()))
    path = tmp_path / "journal.db"
    journal = Journal(path, Clock())
    scan, answers = scan_over_a_socket(xml, journal.exam_key)
    assert scan.exam == parse_header(xml, "s1-1", journal.exam_key).exam != ""
    keep(journal, Entry(scan=begun(scan, Moment(1_800_000_000.0))))
    journal.close()
    kept = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert b"s1-1" in kept
    assert scan.exam.encode() in kept
    assert b"PLANTED" not in kept
    assert "PLANTED" not in caplog.text + repr(scan) + answers.text
    assert "s1-1 scanner connected" in caplog.text
    assert journal.exam_key.hex() not in caplog.text
