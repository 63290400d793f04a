"""When a frame is over, and what an incomplete one says of itself."""

import numpy as np
import pytest

from engine.acquisition import LAST_IN_MEASUREMENT, LAST_IN_REPETITION, LAST_IN_SLICE
from engine.reconstruct.series import Budget, Reconstruction
from engine.types import CounterLimits
from tests.engine.reconstruct.reconstruct_cases import (
    StepClock,
    difference,
    feed,
    joined,
    make_readouts,
    make_scan,
    only,
    part,
    random_lines,
    reference,
)

LINES = random_lines()


def start(scan=None, **budget):
    return Reconstruction(scan or make_scan(), StepClock(), Budget(**budget))


def frame_of(steps=range(16), flags=0, **fields):
    steps = list(steps)
    return make_readouts(LINES[steps], steps, flags, **fields)


def flagged_last(steps, flag=LAST_IN_SLICE, **fields):
    steps = list(steps)
    return frame_of(steps, np.array([0] * (len(steps) - 1) + [flag], np.uint64), **fields)


def test_the_frame_comes_with_its_last_line_without_any_flag():
    reconstruction = start()
    batch = frame_of()
    assert not list(reconstruction.add(part(batch, slice(0, 15))))
    assert only(list(reconstruction.add(part(batch, [15])))).frame.completeness.ended_by == "all_lines"
    assert not list(reconstruction.close("close"))


@pytest.mark.parametrize(
    ("flag", "name"),
    [
        (LAST_IN_SLICE, "last_in_slice"),
        (LAST_IN_SLICE | LAST_IN_REPETITION, "last_in_repetition"),
        (LAST_IN_SLICE | LAST_IN_REPETITION | LAST_IN_MEASUREMENT, "last_in_measurement"),
    ],
)
def test_an_end_flag_on_the_last_line_names_the_end(flag, name):
    done = only(list(start().add(flagged_last(range(16), flag))))
    assert done.frame.completeness.ended_by == name
    assert done.frame.completeness.complete


def test_end_flags_on_every_line_cut_nothing():
    done = feed(start(), [part(frame_of(flags=LAST_IN_SLICE), [n]) for n in range(16)])
    assert only(done).frame.completeness.complete


def test_end_flags_on_every_line_of_interleaved_slices_cut_nothing():
    both = joined(frame_of(flags=LAST_IN_SLICE), frame_of(flags=LAST_IN_SLICE, slice=1))
    interleaved = part(both, [n // 2 + 16 * (n % 2) for n in range(32)])
    done = feed(start(), [interleaved])
    assert [one.frame.index.slice for one in done] == [0, 1]
    assert all(one.frame.completeness.complete for one in done)


def test_end_flags_per_segment_cut_nothing():
    segments = [flagged_last(range(first, 16, 4), segment=first) for first in range(4)]
    assert only(feed(start(), segments)).frame.completeness.complete
    unnamed = [flagged_last(range(first, 16, 2)) for first in range(2)]
    assert only(feed(start(), unnamed)).frame.completeness.complete


def test_a_change_of_slice_closes_no_frame():
    first, second = frame_of(), frame_of(slice=1)
    stream = [part(first, slice(0, 8)), second, part(first, slice(8, 16))]
    done = feed(start(), stream)
    assert [(one.frame.index.slice, one.frame.completeness.complete) for one in done] == [(1, True), (0, True)]


def test_every_second_line_missing_ends_incomplete_and_lists_them():
    reconstruction = start()
    assert not list(reconstruction.add(flagged_last(range(0, 16, 2))))
    done = only(list(reconstruction.close("close")))
    found = done.frame.completeness
    assert (found.expected, found.received, found.missing) == (16, 8, tuple(range(1, 16, 2)))
    assert found.ended_by == "close"
    assert not found.complete
    assert 0.3 < found.missing_central_energy < 0.7
    truth = reference(LINES * (np.arange(16) % 2 == 0)[:, None, None], matrix_lines=16, sizes=(32, 16), recon=(32, 16))
    assert difference(done.frame.data[0], truth) < 1e-5


def test_a_newer_repetition_ends_the_older_one_under_the_name_of_its_flag():
    for older, name in ((frame_of(range(12)), "next_frame"), (flagged_last(range(12)), "last_in_slice")):
        reconstruction = start()
        list(reconstruction.add(older))
        done = only(list(reconstruction.add(part(frame_of(repetition=1), [0]))))
        assert done.frame.index.repetition == 0
        assert done.frame.completeness.missing == (12, 13, 14, 15)
        assert done.frame.completeness.ended_by == name


@pytest.mark.parametrize("other", [{"slice": 1}, {"contrast": 1}, {"phase": 1}, {"set": 1}])
def test_a_newer_repetition_of_something_else_ends_nothing(other):
    reconstruction = start()
    list(reconstruction.add(frame_of(range(12))))
    assert not list(reconstruction.add(part(frame_of(repetition=1, **other), [0])))


def test_a_line_of_an_older_repetition_does_not_cut_the_newer_one():
    first, second = frame_of(), frame_of(repetition=1)
    stream = [first, part(second, slice(0, 9)), part(first, [15]), part(second, slice(9, 16))]
    reconstruction = start()
    done = feed(reconstruction, stream)
    assert [one.frame.completeness.complete for one in done] == [True, True]
    assert reconstruction.counters["duplicate_readouts"] == 1


def test_a_flagged_frame_ends_when_the_next_slices_have_had_their_turn():
    reconstruction = start(max_open_frames=4)
    list(reconstruction.add(flagged_last([n for n in range(16) if n != 5])))
    done = []
    for number in range(1, 4):
        done += [one.frame for one in reconstruction.add(frame_of(slice=number))]
    assert [frame.index.slice for frame in done] == [1, 2, 0, 3]
    assert next(frame for frame in done if frame.index.slice == 0).completeness.missing == (5,)


def test_a_quiet_connection_ends_only_flagged_frames():
    reconstruction = start()
    list(reconstruction.add(flagged_last(range(10))))
    list(reconstruction.add(frame_of(range(10), slice=1)))
    done = only(list(reconstruction.settle()))
    assert (done.frame.index.slice, done.frame.completeness.ended_by) == (0, "last_in_slice")


def test_a_sender_that_does_not_count_repetitions_gets_a_frame_for_each():
    lossy = [n for n in range(16) if n != 3]
    done = feed(
        start(), [flagged_last(range(16)), flagged_last(lossy), flagged_last(range(16)), frame_of(), frame_of()]
    )
    assert [one.frame.completeness.received for one in done] == [16, 15, 16, 16, 16]
    assert [one.frame.number for one in done] == [0, 1, 2, 3, 4]
    in_one_batch = joined(flagged_last(lossy), flagged_last(range(16)), flagged_last(lossy))
    assert [one.frame.completeness.received for one in feed(start(), [in_one_batch])] == [15, 16, 15]


def test_a_line_sent_twice_where_every_line_has_an_end_flag_is_a_duplicate():
    stream = [frame_of(range(9), LAST_IN_SLICE), frame_of([8], LAST_IN_SLICE), frame_of(range(9, 16), LAST_IN_SLICE)]
    done = only(feed(start(), [part(batch, [n]) for batch in stream for n in range(len(batch))]))
    assert (done.frame.completeness.received, done.frame.completeness.duplicates) == (16, 1)


@pytest.mark.parametrize("reason", ["close", "eof", "timeout"])
def test_the_end_of_the_stream_delivers_what_is_there(reason):
    done = feed(start(), [frame_of(range(4)), frame_of(range(2), slice=1)], reason)
    assert [one.frame.completeness.ended_by for one in done] == [reason, reason]
    assert [one.frame.completeness.received for one in done] == [4, 2]


def test_too_many_open_frames_send_the_oldest_out_as_it_is():
    reconstruction = start(max_open_frames=3)
    done = feed(reconstruction, [frame_of(range(8), slice=number) for number in range(5)])
    assert [(one.frame.index.slice, one.frame.completeness.ended_by) for one in done] == [
        (0, "evicted"),
        (1, "evicted"),
        (2, "close"),
        (3, "close"),
        (4, "close"),
    ]
    assert reconstruction.counters["evicted_frames"] == 2


def test_a_line_sent_twice_is_counted_and_the_first_kept():
    again = make_readouts(100 * LINES[[4]], [4])
    stream = [frame_of(range(9)), again, frame_of(range(9, 16))]
    reconstruction = start()
    done = only(feed(reconstruction, stream))
    assert done.frame.completeness.duplicates == 1
    assert not done.frame.completeness.complete
    assert reconstruction.counters["duplicate_readouts"] == 1
    assert np.array_equal(done.kspace.data[:, 0, 4], LINES[4])


def test_a_line_sent_again_after_its_frame_was_whole_makes_no_frame():
    reconstruction = start()
    done = feed(reconstruction, [frame_of(), frame_of([15])])
    assert only(done).frame.completeness.complete
    assert reconstruction.counters["duplicate_readouts"] == 1


def test_lines_outside_the_matrix_are_counted_as_misplaced():
    outside = make_readouts(LINES[:2], [65535, 16])
    third = make_readouts(LINES[:1], [3], kspace_encode_step_2=1)
    reconstruction = start()
    found = only(feed(reconstruction, [outside, third, frame_of()])).frame.completeness
    assert (found.misplaced, found.received, found.complete) == (3, 16, False)
    assert reconstruction.counters["misplaced_readouts"] == 3


def test_a_frame_whose_averages_do_not_all_come_is_incomplete():
    scan = make_scan(limits={"average": CounterLimits(0, 1, 0)})
    done = only(feed(start(scan), [frame_of(), frame_of(range(10), average=1)]))
    assert done.frame.completeness.missing == tuple(range(10, 16))
    assert done.frame.completeness.missing_central_energy == 0  # no line is altogether absent
    assert not done.frame.completeness.complete


def test_averages_that_the_header_does_not_announce_are_waited_for_once_seen():
    order = [(line, average) for line in range(16) for average in range(2)]
    steps, averages = np.array(order).T
    batch = make_readouts(LINES[steps], steps, average=averages)
    done = only(feed(start(), [part(batch, [n]) for n in range(32)]))
    assert (done.kspace.counts == 2).all()
    assert done.frame.completeness.complete


def test_energy_of_missing_lines_is_that_of_their_mirror_lines():
    profile = np.exp(-((np.arange(17) - 8.0) ** 2) / 8)
    lines = np.ones((17, 2, 32), np.complex64) * np.sqrt(profile)[:, None, None].astype(np.float32)
    steps = [n for n in range(17) if n not in (6, 7)]
    done = only(feed(start(make_scan((32, 17))), [make_readouts(lines[steps], steps)]))
    lost = profile[[6, 7]].sum() / profile.sum()
    assert done.frame.completeness.missing_central_energy == pytest.approx(lost, rel=1e-3)


def test_without_line_limits_the_whole_matrix_is_expected():
    scan = make_scan()
    bare = type(scan)(scan.id, (type(scan.encodings[0])(scan.encodings[0].encoded, scan.encodings[0].recon, {}),))
    found = only(feed(start(bare), [flagged_last(range(12))])).frame.completeness
    assert (found.expected, found.missing) == (16, (12, 13, 14, 15))


def test_timings_follow_the_clock():
    clock = StepClock()
    reconstruction = Reconstruction(make_scan(), clock)
    batch = frame_of()
    list(reconstruction.add(part(batch, slice(0, 8))))
    timings = only(list(reconstruction.add(part(batch, slice(8, 16))))).frame.timings
    assert (timings.first_readout, timings.last_readout, timings.image_ready) == pytest.approx((0.001, 0.002, 0.003))
