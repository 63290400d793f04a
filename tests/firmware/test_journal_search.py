"""The search over the past: against a plain filter in memory, and page by page while new scans arrive."""

import tempfile
from pathlib import Path

import apsw
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.journal_file import open_journal
from firmware.journal_reader import JournalReader
from firmware.journal_rows import put_scan
from firmware.record import ScanRecord
from tests.firmware.records import APPLIANCE, Clock, scan_record

NASTY = st.text(alphabet="%_\\'\"*?[]aAäÄßſ ", max_size=5)
TIMES = st.sampled_from([0.0, 1.0, 1.5, 1e9, 1_800_000_000.1, 1_800_000_000.2])
ASKED = st.just("") | st.text(alphabet="%_\\'aAäÄß", min_size=1, max_size=2)
VERDICTS = st.sampled_from(["", "ok", "warn", "rescan", "cannot_judge"])


def opened(folder: str) -> tuple[apsw.Connection, JournalReader]:
    path = Path(folder) / "journal.db"
    db = open_journal(path, Clock())
    list(db.execute("PRAGMA synchronous = OFF"))
    return db, JournalReader(path, APPLIANCE)


@settings(max_examples=120, deadline=None)
@given(
    st.lists(st.tuples(NASTY, VERDICTS, TIMES), max_size=8),
    ASKED,
    st.just("") | VERDICTS,
    st.none() | TIMES,
    st.none() | TIMES,
)
def test_the_search_finds_what_a_plain_filter_finds(
    scans: list[tuple[str, str, float]], protocol: str, verdict: str, after: float | None, before: float | None
) -> None:
    records = [
        scan_record(f"s1-{n}", began, protocol=name, verdict=judged, ended=began if judged else None)
        for n, (name, judged, began) in enumerate(scans)
    ]
    with tempfile.TemporaryDirectory() as folder:
        db, reader = opened(folder)
        for record in records:
            put_scan(db, record)
        found, more = reader.search(protocol, verdict, after, before)
        reader.close()
        db.close()
    wanted = [
        record
        for record in records
        if protocol.casefold() in record.protocol.casefold()
        and (not verdict or record.verdict in ("", verdict))
        and (after is None or record.began >= after)
        and (before is None or record.began < before)
    ]
    assert found == sorted(wanted, key=lambda record: (record.began, record.scan), reverse=True)
    assert more == ""


@settings(max_examples=60, deadline=None)
@given(
    st.lists(TIMES, min_size=1, max_size=12),
    st.integers(1, 5),
    st.lists(st.lists(TIMES, max_size=3), max_size=6),
)
def test_pages_show_every_scan_once_while_new_ones_arrive(
    there: list[float], limit: int, arriving: list[list[float]]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        db, reader = opened(folder)
        for n, began in enumerate(there):
            put_scan(db, scan_record(f"s1-{n}", began))
        shown: list[ScanRecord] = []
        cursor, count = "", 0
        while True:
            page, cursor = reader.search(cursor=cursor, limit=limit)
            shown += page
            assert len(page) == limit or not cursor
            assert len(shown) < 100, "the pages have no end"
            if not cursor:
                break
            for began in arriving.pop(0) if arriving else []:
                put_scan(db, scan_record(f"s2-{count}", began))
                count += 1
            put_scan(db, scan_record("s1-0", there[0], verdict="ok", ended=there[0]))  # one that changes meanwhile
        reader.close()
        db.close()
    names = [record.scan for record in shown]
    assert len(names) == len(set(names))
    assert {f"s1-{n}" for n in range(len(there))} <= set(names)
    places = [(record.began, record.scan) for record in shown]
    assert places == sorted(places, reverse=True)
