"""A report says what was found, where, how sure and what to do; whatever a scan is called, it loads nothing."""

import base64
import re
from dataclasses import replace
from html.parser import HTMLParser

import msgspec
import pytest

from engine.decide.decider import Decider
from engine.decide.moment import Moment
from firmware.pictures.files import PictureGone
from firmware.record import NoteRecord
from firmware.report.checked import story_of
from firmware.report.faults import MOST_PICTURES, Album
from firmware.report.page import render_report
from firmware.report.story import Refused, Story
from firmware.report.telling import tell
from firmware.scan_record import begun
from firmware.sinks.payloads import DecisionPayload, Flag, WherePayload, decision_payload, flag_payload
from tests.engine.decide.test_decide_decider import SCAN, frame, measurements
from tests.engine.decide.test_decide_learned import seen
from tests.firmware.report.stories import HOSTILE, LongScan, lost_connector, plane


class Page(HTMLParser):
    """What a page shows and what it would load."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.handlers: list[str] = []
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag, attrs) -> None:
        self.tags.append(tag)
        self.addresses += [value for name, value in attrs if name in ("src", "href", "xlink:href", "action", "data")]
        self.handlers += [name for name, _ in attrs if name.startswith("on")]

    def handle_data(self, data) -> None:
        self.texts.append(data.strip())


@pytest.fixture(scope="module")
def story() -> Story:
    return story_of(lost_connector(), "brain")


def told(scan: LongScan, **more) -> Story:
    return tell(scan.record, scan.decisions(), scan.flags, more.pop("notes", ()), more.pop("picture", scan.picture))


def test_what_how_sure_where_and_what_to_do(story: Story) -> None:
    assert (story.verdict, story.so_far) == ("rescan", False)
    assert story.what.startswith("4 coil elements lost their signal since image 2")
    assert story.act == "Reseat the coil plug, then repeat this series"
    cause = story.faults[0]
    assert cause.place == "coil elements 12 to 15"
    assert re.fullmatch(r"costs \d+(\.\d)? % where 12 % is the limit \(\d\.\d times\)", cause.evidence)
    assert (cause.frames, cause.cause) == ("images 2 to 5", "")
    assert cause.limit_source.startswith("SNR lost by the worst quarter")
    assert cause.picture is not None
    assert cause.picture.edges == ("R", "L", "A", "P")
    assert all(fault.cause == cause.message for fault in story.faults[1:])
    assert dict(story.facts)["Images"].startswith("6 received")
    assert dict(story.facts)["Judged"] == "4 to repeat, 2 OK"


def test_every_row_has_a_number_or_says_why_not(story: Story) -> None:
    assert all(row.worst or row.missing for row in story.rows)
    rows = {row.row: row for row in story.rows}
    assert rows["m13"].missing == "missing in 1 of 6 images: first frame (1)"
    assert rows["m04"].limits == ("found above 6 dB", "repeat when it costs more than 12 %")
    assert rows["m05"].limits == ("found below 10", "repeat below 5")
    assert rows["m05"].mandatory
    assert all(row.chart for row in story.rows if row.row in ("m04", "m05", "m13"))


def test_the_page_says_it_all(story: Story) -> None:
    page = render_report([story], "now")
    for text in ("REPEAT", "coil elements 12 to 15", "costs", "Reseat the coil plug", "MAGNETOM", "detection limit"):
        assert text in page
    assert page.count("<img ") == len(re.findall(r'<img [^>]*alt="[^"]+', page)) == 3
    assert '<html lang="en">' in page
    assert base64.b64decode(story.faults[0].picture.source.partition(",")[2]).startswith(b"\x89PNG")


def test_the_journal_tells_the_same_story(story: Story) -> None:
    report = lost_connector()
    made = [decision_payload(f.decision, report.scan, {}) for f in report.frames]
    made.append(decision_payload(report.series, report.scan, {}))
    flags = [flag_payload(f, report.scan) for d in report.frames for f in d.decision.changes]
    flags += [flag_payload(f, report.scan) for f in report.series.changes]
    again = [msgspec.json.decode(msgspec.json.encode(one), type=DecisionPayload) for one in made]
    flags_again = [msgspec.json.decode(msgspec.json.encode(one), type=Flag) for one in flags]
    recorded = tell(begun(report.scan, Moment(0.0)), again, flags_again, (), lambda _: None, "brain")
    without = replace(story, pictures=(), faults=tuple(replace(f, picture=None) for f in story.faults))
    assert replace(recorded, facts=without.facts) == without


def test_whatever_a_scan_is_called_the_page_loads_and_runs_nothing() -> None:
    scan = LongScan(12, HOSTILE)
    notes = [NoteRecord(kind="dropped", text=HOSTILE, time=1e6)]
    page = render_report([told(scan, notes=notes), Refused(HOSTILE, HOSTILE)], HOSTILE)
    read = Page(page)
    assert "script" not in read.tags
    assert not read.handlers
    assert all(address.startswith(("data:image/png;base64,", "#scan-")) for address in read.addresses)
    assert HOSTILE in read.texts
    assert not re.search(r"https?:|//|@import|url\(", re.sub(r'src="data:[^"]*"', "", page))


def test_ten_thousand_frames_make_a_small_report() -> None:
    scan = LongScan(10)
    *frames, series = scan.decisions()
    many = (msgspec.structs.replace(frames[n % 10], number=n) for n in range(10_000))
    story = tell(scan.record, [*many, series], scan.flags, (), scan.picture)
    page = render_report([story], "now")
    assert len(page) < 1_000_000
    assert len(scan.looked_at) <= MOST_PICTURES
    ghost = next(row for row in story.rows if row.row == "m09")
    assert (ghost.worst, ghost.last) == ("20 %", "20 %")
    assert ghost.chart.band, "what is thinned out shows its extremes"


def test_a_report_has_few_pictures_and_none_twice() -> None:
    album = Album(plane)
    marked = WherePayload(box=(1, 1, 4, 4))
    assert album.take(0, "first", marked) is not None
    assert album.take(0, "again", marked) is None
    assert album.take(0, "unmarked") is None
    assert album.take(0, "elsewhere", WherePayload(columns=(3,))) is not None
    assert sum(album.take(number, "more") is not None for number in range(1, 30)) == MOST_PICTURES - 2


def test_a_scan_that_runs_is_told_so_far() -> None:
    scan = LongScan(10)
    running = tell(scan.record, (d for d in scan.decisions() if d.number is not None), scan.flags, (), scan.picture)
    assert (running.verdict, running.so_far) == ("rescan", True)
    assert running.faults[0].picture.marks
    assert "so far" in render_report([running], "now")


def test_a_scan_without_an_image_has_a_report() -> None:
    empty = tell(begun(SCAN, Moment(1e6)), (), (), (), lambda _: None)
    assert (empty.verdict, empty.name, empty.so_far) == ("", "Scan without a protocol name", True)
    page = render_report([empty], "now")
    assert "NO IMAGE" in page
    assert "No image came." in page
    assert "Every image was judged" not in page


def test_a_scan_whose_decisions_were_dropped_keeps_its_verdict() -> None:
    record = msgspec.structs.replace(
        begun(SCAN, Moment(1e6)),
        ended=1e6 + 60,
        frames=20,
        verdict="rescan",
        sentence="REPEAT: 4 coil elements lost their signal. Reseat the coil plug.",
    )
    story = tell(record, (), (), (), lambda _: None)
    assert (story.verdict, story.so_far) == ("rescan", False)
    assert (story.what, story.act) == ("4 coil elements lost their signal", "Reseat the coil plug")
    page = render_report([story], "now")
    assert "The record does not hold the decisions about 20 of 20 images." in page
    assert not re.search("NO IMAGE|so far|Every image was judged", page)


def test_decisions_that_are_missing_are_counted_of_a_scan_that_runs_too() -> None:
    scan = LongScan(10)
    *frames, series = scan.decisions()
    kept = tell(scan.record, [*frames[4:7], *frames[8:]], scan.flags, (), scan.picture)
    assert kept.so_far
    assert kept.unknown == "The record does not hold the decisions about 5 of 10 images"
    assert dict(kept.facts)["Images"].startswith("10 received")
    assert tell(scan.record, [*frames, series], scan.flags, (), scan.picture).unknown == ""


def test_pictures_that_are_gone_leave_the_rest() -> None:
    def gone(number: int):
        raise PictureGone("there is no such picture", f"image {number}")

    story = told(LongScan(20), picture=gone)
    assert not story.pictures
    assert all(fault.picture is None for fault in story.faults)
    assert "REPEAT" in render_report([story], "now")


def test_what_a_network_saw_stands_apart() -> None:
    decider = Decider(SCAN)
    made = [decider.frame(frame(n), [*measurements(), *seen(gibbs=0.93)]) for n in range(3)] + [decider.close("close")]
    payloads = [decision_payload(one, SCAN, {}) for one in made]
    story = tell(
        begun(SCAN, Moment(1e6)), payloads, [flag_payload(f, SCAN) for d in made for f in d.changes], (), plane
    )
    assert not story.faults
    assert story.seen[0].evidence == "probability 0.93 (quality network), limit 0.55"
    assert "research use" in render_report([story], "now")
    assert {row.row for row in story.network_rows} >= {"n10"}


def test_another_table_of_limits_is_not_passed_off_as_the_one_that_judged() -> None:
    scan = LongScan(5)
    other = [msgspec.structs.replace(one, limits_version="0123456789ab") for one in scan.decisions()]
    story = tell(scan.record, other, scan.flags, (), scan.picture)
    assert all(row.limits == () for row in story.rows)
    assert story.limits_version == "0123456789ab"


def test_what_people_said_is_in_it() -> None:
    notes = [
        NoteRecord(kind="opinion", opinion="bad", time=60.0),
        NoteRecord(kind="acknowledge", finding="s1-ghost-0.0.0.0.0-9", time=120.0),
    ]
    story = told(LongScan(12), notes=notes)
    assert story.said == ("Marked as bad, 1970-01-01 00:01 UTC", "A finding was acknowledged, 1970-01-01 00:02 UTC")
    assert story.faults[0].acknowledged


def test_what_was_not_judged_is_counted() -> None:
    decider = Decider(SCAN)
    made = [decider.frame(frame(n), measurements({"m05": "noise_unknown"})) for n in range(3)]
    story = tell(begun(SCAN, Moment(1e6)), [decision_payload(d, SCAN, {}) for d in made], (), (), plane)
    assert story.unjudged == ("Noise level unknown (no noise scan) (3 images)",)


def test_a_place_is_marked_in_the_image_in_which_it_was_measured() -> None:
    scan = LongScan(10)
    *frames, series = scan.decisions()
    (ghost,) = series.findings
    elsewhere = msgspec.structs.replace(ghost, placed_number=7)
    later = msgspec.structs.replace(series, findings=[elsewhere])
    (fault,) = tell(scan.record, [*frames, later], scan.flags, (), scan.picture).faults
    assert fault.picture is not None
    assert (fault.picture.caption, len(fault.picture.marks)) == ("Image 7, in which it was measured", 1)
    assert fault.frames == "image 9"


def test_a_finding_that_no_image_tells_of_is_told_since_its_first_image() -> None:
    scan = LongScan(10)
    *frames, series = scan.decisions()
    unseen = msgspec.structs.replace(series.findings[0], finding="other", first_frame=2, first_number=7)
    later = msgspec.structs.replace(series, findings=[unseen])
    (fault,) = tell(scan.record, [*frames, later], scan.flags, (), scan.picture).faults
    assert fault.frames == "since image 7"
