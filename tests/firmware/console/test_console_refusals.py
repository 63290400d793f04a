"""How the console refuses, and what it serves besides the interface."""

import apsw
import pytest

from firmware.journal import Journal
from firmware.journal_reader import JournalReader
from tests.firmware.console.record_cases import scan_record


@pytest.mark.parametrize(
    ("path", "status", "names"),
    [
        ("scans/nope", 404, "nope"),
        ("scans/s1-1/frames/77", 404, "77"),
        ("scans/s1-1/frames?before=x", 400, "before"),
        ("scans/s1-1/frames?limit=0", 400, "limit"),
        ("scans/s1-1/frames?limit=1&limit=2", 400, "limit"),
        ("scans/s1-1/trends?points=nan", 400, "points"),
        ("scans?after=nan", 400, "after"),
        ("scans?verdict=good", 400, "verdict"),
        ("scans?protcol=t2", 400, "protcol"),
        ("scans?cursor=rubbish", 400, "cursor"),
        ("scans/s1-1/frames/0/image.png?low=5&high=5", 400, "low"),
        ("scans/s1-1/frames/0/other.png", 400, "kind"),
        ("scans/s1-1/frames/0/kspace.raw", 400, "kind"),
        ("scans/s1-1/frames/-1", 400, "number"),
        ("scans/%2e%2e/frames/0/image.png", 400, "scan"),
        ("nothing", 404, "nothing"),
    ],
)
def test_refusals_name_what_is_wrong(desk, path, status, names):
    desk.record(scan=scan_record())
    desk.picture()
    refusal = desk.get(path, status)
    assert names in refusal["what"]
    assert set(refusal) == {"what", "mend"}


def test_a_record_that_is_being_compacted_is_said_and_tried_again(desk, monkeypatch):
    monkeypatch.setattr("firmware.journal_access._BUSY_MS", 20)
    desk.record(scan=scan_record())
    holder = apsw.Connection(str(desk.folder / "journal.db"))
    list(holder.execute("PRAGMA locking_mode = EXCLUSIVE"))
    desk.journal.close()
    desk.console.reader.close()
    list(holder.execute("BEGIN EXCLUSIVE"))
    refusal = desk.get("scans/s1-1", 503)
    assert "compacted" in refusal["what"]
    holder.close()
    desk.journal = Journal(desk.folder / "journal.db", desk.clock)
    assert desk.get("scans/s1-1")["series"]["scan"] == "s1-1"


def test_a_fault_of_ours_is_a_refusal_too(desk, monkeypatch):
    monkeypatch.setattr(JournalReader, "search", lambda *_: 1 / 0)
    assert desk.get("scans", 500)["what"] == "the page has a fault here"


def test_the_page_and_its_parts_are_served_and_nothing_beside_them(desk):
    page = desk.client.get("/")
    assert (page.status_code, page.headers["content-type"].partition(";")[0]) == (200, "text/html")
    assert "javascript" in desk.client.get("/static/vendor/uplot.mjs").headers["content-type"]
    for path in ("/static/../app.py", "/static/%2e%2e/app.py", "/static/..%2fapp.py", "/static/", "/static", "/app.py"):
        assert desk.client.get(path).status_code == 404, path


def test_asking_for_the_head_of_the_stream_takes_no_place(desk):
    for _ in range(3):
        assert desk.client.request("HEAD", "/api/v1/events").status_code == 200
    assert len(desk.live.hub) == 0
