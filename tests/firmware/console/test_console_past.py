"""Answers from the record: scans, decisions, frames, trends."""

import apsw
import pytest

from firmware.journal import Outgoing
from firmware.pictures import files
from firmware.record import NoteRecord
from firmware.sinks import topics
from tests.firmware.console.record_cases import BEGAN, decision, flag, measurement, scan_record


def test_search_pages_through_everything_once(desk):
    for number in range(7):
        record = scan_record(f"s1-{number}", began=BEGAN + number, ended=BEGAN + number, verdict="ok")
        desk.record(scan=record)
    found, cursor = [], ""
    while True:
        page = desk.get("scans", params={"limit": 3, "cursor": cursor})
        found += [series["scan"] for series in page["scans"]]
        if not (cursor := page["next"]):
            break
    assert found == [f"s1-{number}" for number in reversed(range(7))]
    assert desk.get("scans", params={"protocol": "%"})["scans"] == []
    assert len(desk.get("scans", params={"protocol": "T2_"})["scans"]) == 7
    assert desk.get("scans", params={"verdict": "rescan"})["scans"] == []


def test_a_scan_that_runs_has_the_worst_verdict_so_far_wherever_it_is_shown(desk):
    desk.record(scan=scan_record())
    desk.decide(decision(0, "rescan"), decision(1))
    desk.follow()
    shown = desk.get("now")["running"]
    assert shown[0]["verdict"] == "rescan"
    assert desk.get("scans")["scans"] == shown
    assert desk.get("scans/s1-1")["series"] == shown[0]


def test_a_scan_that_runs_is_found_by_its_worst_verdict_so_far(desk):
    for number in range(12):
        scan = f"s1-{number}"
        desk.record(scan=scan_record(scan, began=BEGAN + number))
        desk.decide(*(decision(n, "rescan" if n + number == 1 else "ok", scan=scan) for n in range(3)))
    desk.record(scan=scan_record("s1-12", began=BEGAN + 12, ended=BEGAN + 13, verdict="rescan"))
    desk.follow()
    standing = {series["scan"] for series in desk.get("now")["running"]}
    assert not {"s1-0", "s1-1"} & standing, "more run than stand on the board"
    found = desk.get("scans", params={"verdict": "rescan"})["scans"]
    assert [(series["scan"], series["verdict"]) for series in found] == [
        ("s1-12", "rescan"),
        ("s1-1", "rescan"),
        ("s1-0", "rescan"),
    ]
    assert {series["scan"] for series in desk.get("scans", params={"verdict": "ok"})["scans"]} >= {"s1-2", "s1-11"}
    shown = desk.get("scans/s1-1")["series"]
    assert (shown["verdict"], shown["latest_verdict"], shown["latest_number"]) == ("rescan", "ok", 2)
    assert shown["sentence"] == "rescan: said of 0"


def test_one_scan_tells_its_findings_notes_and_pictures(desk):
    desk.record(scan=scan_record())
    desk.decide(decision(0), decision(1, "rescan"))
    desk.record(Outgoing(topics.flag("stage", "s1-1", "f"), flag()))
    desk.record(note=NoteRecord(kind="acknowledge", scan="s1-1", finding="f"))
    desk.picture(1)
    page = desk.get("scans/s1-1")
    assert [one["life"] for one in page["timeline"]] == ["new"]
    assert [one["kind"] for one in page["notes"]] == ["acknowledge"]
    assert (page["pictures"], page["without_picture"]) == (1, 1)
    assert page["series"]["acknowledged"] == ["f"]
    assert desk.get("scans/s1-1/findings")["findings"] == page["timeline"]


def test_decisions_page_by_sequence(desk):
    desk.record(scan=scan_record())
    desk.decide(*(decision(number) for number in range(5)), decision(None))
    first = desk.get("scans/s1-1/decisions", params={"limit": 4})
    rest = desk.get("scans/s1-1/decisions", params={"limit": 4, "after": first["next"]})
    assert [one["number"] for one in first["decisions"] + rest["decisions"]] == [0, 1, 2, 3, 4, None]
    assert rest["next"] is None


def test_frames_page_backwards(desk):
    desk.record(scan=scan_record())
    desk.decide(*(decision(number) for number in range(10)), decision(None))
    numbers = [one["number"] for one in desk.get("scans/s1-1/frames", params={"limit": 4})["frames"]]
    assert numbers == [6, 7, 8, 9]
    before = desk.get("scans/s1-1/frames", params={"limit": 4, "before": 6})["frames"]
    assert [one["number"] for one in before] == [2, 3, 4, 5]
    assert desk.get("scans/s1-1/frames", params={"before": 0})["frames"] == []
    assert len(desk.get("scans/s1-1/frames", params={"before": 2**31 - 1})["frames"]) == 10
    with apsw.Connection(str(desk.folder / "journal.db")) as db:
        db.execute("DELETE FROM message WHERE sequence = 7")
    after_it = desk.get("scans/s1-1/frames", params={"limit": 4, "before": 6})["frames"]
    assert [one["number"] for one in after_it] == [2, 3, 4, 5]


def test_a_frame_tells_its_decision_and_how_to_show_its_picture(desk):
    desk.record(scan=scan_record(coil_labels=("H1", "H2")))
    desk.decide(decision(0, measurements=[measurement("m04", 2.0)]), decision(1))
    desk.picture(0)
    desk.picture(0, "processed")
    desk.picture(0, "kspace")
    told = desk.get("scans/s1-1/frames/0")
    picture = told["picture"]
    assert (picture["width"], picture["height"], picture["pixel_mm"]) == (16, 8, [16.0, 16.0])
    assert (picture["kinds"], picture["processed_by"]) == (["image", "processed", "kspace"], "smooth 1.0")
    assert (picture["place"]["left"], picture["place"]["top"]) == ("R", "A")
    assert picture["element_labels"] == ["H1", "H2"]
    assert told["measurements"][0]["value"] == 2.0
    without = desk.get("scans/s1-1/frames/1")
    assert without["picture"] is None
    assert without["why_no_picture"].startswith("there is no such picture")


@pytest.mark.parametrize("kind", ["processed", "kspace"])
def test_a_good_image_is_shown_beside_a_damaged_other_picture(desk, kind):
    desk.record(scan=scan_record())
    desk.decide(decision(0))
    for one in ("image", "processed", "kspace"):
        desk.picture(0, one)
    path = files.path_of(desk.folder / "pictures", "s1-1", 0, kind)
    path.write_bytes(path.read_bytes()[:-9])
    told = desk.get("scans/s1-1/frames/0")
    assert told["why_no_picture"] == ""
    assert (told["picture"]["width"], told["picture"]["processed_by"]) == (16, "smooth 1.0" if kind == "kspace" else "")
    assert set(told["picture"]["kinds"]) == {"image", "processed", "kspace"} - {kind}


def test_trends_follow_the_record(desk):
    desk.record(scan=scan_record())
    rows = [measurement("m04", 1.0, detect_limit=6.0), measurement("m13", None)]
    desk.decide(decision(0, measurements=rows), decision(1, measurements=[measurement("m04", 3.0)]))
    told = desk.get("scans/s1-1/trends")
    by_row = {trend["info"]["row"]: trend for trend in told["trends"]}
    assert (by_row["m04"]["numbers"], by_row["m04"]["values"]) == ([0, 1], [1.0, 3.0])
    assert by_row["m04"]["limits"] == [6.0, None]
    assert by_row["m04"]["info"]["rescan"] == 12.0
    assert by_row["m13"]["values"] == [None, None]
    assert by_row["m13"]["why_missing"] == {"first_frame": 1}
    assert [trend["latest_why"] for trend in by_row.values()] == ["", ""], "the newest frame said nothing of m13"
    desk.decide(decision(2, measurements=[measurement("m04", None, why_missing="low_snr"), measurement("m13", 0.1)]))
    told = desk.get("scans/s1-1/trends")
    assert {trend["info"]["row"]: trend["latest_why"] for trend in told["trends"]} == {"m04": "low_snr", "m13": ""}
    desk.decide(*(decision(number, measurements=[measurement("m04", float(number))]) for number in range(3, 100)))
    told = desk.get("scans/s1-1/trends", params={"points": 10})
    (m04,) = (trend for trend in told["trends"] if trend["info"]["row"] == "m04")
    assert told["frames"] == 100
    assert len(m04["numbers"]) == 10
    assert (m04["high"][-1], m04["low"][0]) == (99.0, 1.0)
