"""The board: a snapshot is what following would have given, whatever the order of the rows."""

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.types import VERDICTS
from firmware.console.board import FRAMES, SCANS, Batch, Board, merged
from firmware.record import NoteRecord
from tests.firmware.console.record_cases import BEGAN, decision, finding, scan_record

MANY = st.lists(st.sampled_from(VERDICTS), min_size=1, max_size=100)


def rows_of(verdicts):
    return [
        (decision(number, verdict, sequence=number + 1), number % 2 == 0) for number, verdict in enumerate(verdicts)
    ]


def board_of(*batches):
    board = Board()
    board.take(Batch(scans=[(1, scan_record())]))
    for batch in batches:
        board.take(batch)
    return board


def shown(board):
    return msgspec.to_builtins((board.running(), board.frames()))


@settings(max_examples=60, deadline=None)
@given(MANY, st.randoms(use_true_random=False))
def test_any_order_and_any_repetition_of_rows_ends_in_the_same_board(verdicts, random):
    rows = rows_of(verdicts)
    whole = board_of(Batch(decisions=rows))
    shuffled = [*rows, *random.choices(rows, k=len(rows))]
    random.shuffle(shuffled)
    assert shown(board_of(*(Batch(decisions=[row]) for row in shuffled))) == shown(whole)


@settings(max_examples=40, deadline=None)
@given(MANY)
def test_while_it_runs_the_verdict_is_the_worst_of_its_frames(verdicts):
    (series,) = board_of(Batch(decisions=rows_of(verdicts))).running()
    assert series.verdict == max(verdicts, key=VERDICTS.index)
    assert series.latest_verdict == verdicts[-1]
    assert series.frames == len(verdicts)
    last_of_worst = max(number for number, verdict in enumerate(verdicts) if verdict == series.verdict)
    assert series.sentence == f"{series.verdict}: said of {last_of_worst}"


def test_events_say_what_the_snapshot_says():
    board, series, frames = board_of(), {}, {}
    for row in rows_of(["ok", "warn", "rescan", "ok"]):
        for event in board.take(Batch(decisions=[row])):
            if event.name == "series":
                series[event.value.scan] = event.value
            elif event.name == "frame":
                frames.setdefault(event.value.scan, []).append(event.value)
    assert list(series.values()) == board.running()
    assert frames == board.frames()


def test_findings_are_those_of_the_newest_frame_and_at_the_end_those_of_the_series():
    board = board_of(Batch(decisions=rows_of(["rescan", "ok"])))
    assert board.running()[0].findings == []
    whole = decision(None, "rescan", sequence=9, findings=[finding("spike"), finding("motion")])
    ended = scan_record(ended=BEGAN + 60, ended_by="close", verdict="rescan", sentence="REPEAT: x", frames=2)
    board.take(Batch(scans=[(2, ended)], decisions=[(whole, False)]))
    (series,) = board.running()
    assert [found.kind for found in series.findings] == ["spike", "motion"]
    assert (series.verdict, series.sentence, series.frames) == ("rescan", "REPEAT: x", 2)


def test_only_the_last_frames_of_a_scan_are_kept():
    board = board_of(Batch(decisions=rows_of(["ok"] * 1000)))
    assert [frame.number for frame in board.frames()["s1-1"]] == list(range(1000 - FRAMES, 1000))


def test_a_row_that_comes_again_tells_no_frame_and_an_older_one_changes_none():
    board = board_of(Batch(decisions=[(decision(0, "warn", sequence=5), True)]))
    for again in (decision(0, "warn", sequence=5), decision(0, "ok", sequence=3)):
        assert all(event.name != "frame" for event in board.take(Batch(decisions=[(again, False)])))
    (frame,) = board.frames()["s1-1"]
    assert (frame.verdict, frame.picture) == ("warn", True)


def test_a_picture_that_is_written_after_the_decision_is_told():
    board = board_of(Batch(decisions=[(decision(0, sequence=1), False)]))
    late = Batch(decisions=[(decision(0, sequence=1), True)])
    assert [event.value.picture for event in board.take(late) if event.name == "frame"] == [True]
    assert all(event.name != "frame" for event in board.take(late))
    assert board.frames()["s1-1"][0].picture


@settings(max_examples=60, deadline=None)
@given(MANY, st.data())
def test_batches_in_one_say_the_worst_and_the_number_that_each_of_them_says(verdicts, data):
    rows = rows_of(verdicts)
    cut = data.draw(st.integers(0, len(rows)))
    batch = merged(Batch(decisions=rows[:cut]), Batch(decisions=[*rows[cut:], (decision(None, "rescan"), False)]))
    assert len(batch.decisions) <= 2
    assert shown(board_of(batch))[0] == shown(board_of(Batch(decisions=rows)))[0]


def test_batches_in_one_have_the_newest_record_of_each_scan_and_every_note():
    notes = [NoteRecord(kind="new_exam", sequence=number, time=BEGAN) for number in range(2)]
    ended = scan_record(ended=BEGAN + 9, verdict="ok")
    one = Batch(scans=[(1, scan_record()), (2, scan_record("s1-2"))], notes=notes[:1])
    batch = merged(one, Batch(scans=[(3, ended)], notes=notes[1:]))
    assert {record.scan: record for _, record in batch.scans} == {"s1-1": ended, "s1-2": scan_record("s1-2")}
    assert batch.notes == notes


def test_a_large_batch_tells_only_frames_that_are_still_shown():
    events = board_of().take(Batch(decisions=rows_of(["ok"] * 500)))
    assert sum(event.name == "frame" for event in events) == FRAMES
    assert sum(event.name == "series" for event in events) == 1


def test_scans_that_run_and_the_one_that_ended_last_stay():
    board = Board()
    ended = [(n, scan_record(f"e{n}", began=BEGAN + n, ended=BEGAN + n + 0.5, verdict="ok")) for n in range(1, 6)]
    running = [(10 + n, scan_record(f"r{n}", began=BEGAN + n)) for n in range(3)]
    board.take(Batch(scans=[*ended, *running]))
    assert {series.scan for series in board.running()} == {"e5", "r0", "r1", "r2"}


def test_a_clock_that_was_set_back_does_not_keep_an_older_scan():
    board = Board()
    board.take(Batch(scans=[(2, scan_record("before", ended=BEGAN + 3600, verdict="ok"))]))
    board.take(Batch(scans=[(4, scan_record("after", began=BEGAN - 7200, ended=BEGAN - 7100, verdict="warn"))]))
    assert [series.scan for series in board.running()] == ["after"]


def test_no_more_scans_than_the_bound_however_many_run():
    board = Board()
    for number in range(50):
        board.take(Batch(scans=[(number + 1, scan_record(f"r{number}", began=BEGAN + number))]))
    assert len(board.running()) == SCANS
    assert board.running()[-1].scan == "r49"


def test_an_older_record_of_a_scan_does_not_undo_a_newer_one():
    board = Board()
    ended = scan_record(ended=BEGAN + 9, verdict="warn", sentence="WARNING: x")
    board.take(Batch(scans=[(7, ended)]))
    board.take(Batch(scans=[(3, scan_record())]))
    assert board.running()[0].ended


def test_what_people_say_is_on_the_board_once():
    board = board_of()
    notes = [
        NoteRecord(kind="acknowledge", scan="s1-1", finding="f1", sequence=1, time=BEGAN),
        NoteRecord(kind="opinion", scan="s1-1", opinion="bad", sequence=2, time=BEGAN),
        NoteRecord(kind="opinion", scan="s1-1", opinion="fine", sequence=3, time=BEGAN),
        NoteRecord(kind="acknowledge", scan="s1-1", finding="f1", sequence=4, time=BEGAN),
    ]
    events = board.take(Batch(notes=[notes[2], notes[0], notes[1], notes[3], notes[2]]))
    (series,) = board.running()
    assert (series.acknowledged, series.opinion) == (["f1"], "fine")
    assert sum(event.name == "note" for event in events) == 4


def test_rows_of_a_scan_that_is_not_here_change_nothing():
    board = board_of()
    assert board.take(Batch(decisions=[(decision(0, scan="other", sequence=1), False)])) == []


def test_markup_in_a_protocol_stays_what_it_is():
    board = Board()
    board.take(Batch(scans=[(1, scan_record(protocol="<script>x</script>"))]))
    assert board.running()[0].protocol == "<script>x</script>"


def test_scans_stand_in_the_order_in_which_they_began_whatever_the_time_of_day():
    board = Board()
    first = scan_record("s1-9", began=BEGAN, run=1, began_up=10.0)
    second = scan_record("s1-8", began=BEGAN - 3600, run=1, began_up=20.0)
    board.take(Batch(scans=[(1, first), (2, second)]))
    assert [series.scan for series in board.running()] == ["s1-9", "s1-8"]
