"""The way a stream is cut into batches changes nothing; nor does the order of lines change the image."""

from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.acquisition import LAST_IN_SLICE, NAVIGATION, REVERSE
from engine.reconstruct.series import Reconstructed, Reconstruction
from tests.engine.reconstruct.reconstruct_cases import (
    StepClock,
    difference,
    feed,
    joined,
    make_readouts,
    make_scan,
    part,
    random_lines,
    reference,
)

LINES, COILS, SAMPLES = 8, 2, 16
ALL = random_lines(LINES * 2, COILS, SAMPLES).reshape(2, LINES, COILS, SAMPLES)
SCAN = make_scan((SAMPLES, LINES))


def outcome(batches):
    reconstruction = Reconstruction(SCAN, StepClock())
    found = []
    for done in feed(reconstruction, batches):
        subject = done.frame if isinstance(done, Reconstructed) else done
        arrays = ()
        if isinstance(done, Reconstructed):
            raw = done.kspace
            arrays = tuple(a.tobytes() for a in (raw.data, raw.counts, raw.order, raw.time_stamps, done.frame.header))
        found.append((subject.index, subject.completeness, arrays))
    images = [
        done.frame.data for done in feed(Reconstruction(SCAN, StepClock()), batches) if isinstance(done, Reconstructed)
    ]
    return found, images, dict(reconstruction.counters)


@given(
    order=st.permutations(list(np.ndindex(2, LINES))),
    cuts=st.sets(st.integers(1, 2 * LINES - 1)),
)
def test_two_slices_in_any_order_and_any_batches(order, cuts):
    slices, steps = np.array(order).T
    batch = make_readouts(ALL[slices, steps], steps, slice=slices)
    bounds = [0, *sorted(cuts), 2 * LINES]
    batches = [part(batch, slice(a, b)) for a, b in pairwise(bounds)]
    done = feed(Reconstruction(SCAN, StepClock()), batches)
    assert len(done) == 2
    for one in done:
        assert one.frame.completeness.complete
        truth = reference(
            ALL[one.frame.index.slice], matrix_lines=LINES, sizes=(SAMPLES, LINES), recon=(SAMPLES, LINES)
        )
        assert difference(one.frame.data[0], truth) < 1e-5


readout = st.tuples(
    st.integers(-1, LINES + 1),  # line; -1 stands for 65535
    st.integers(0, 1),  # average
    st.integers(0, 2),  # slice
    st.integers(0, 2),  # repetition
    st.sampled_from([0, 0, 0, LAST_IN_SLICE, REVERSE, NAVIGATION]),
    st.sampled_from([0, 0, 0, 0, 1, 2]),  # sample values: good, NaN, absurd
)


@settings(max_examples=150)
@given(stream=st.lists(readout, min_size=1, max_size=40), cuts=st.sets(st.integers(1, 39)))
def test_whole_is_one_by_one_is_random_cuts_whatever_comes(stream, cuts):
    batches = []
    for number, (line, average, slice_, repetition, flags, bad) in enumerate(stream):
        data = ALL[average, number % LINES][None].copy()
        data[0, 0, 3] = [data[0, 0, 3], np.nan, 1e30][bad]
        batches.append(make_readouts(data, [line % 65536], flags, average=average, slice=slice_, repetition=repetition))
    whole = joined(*batches)
    bounds = [0, *sorted(cut for cut in cuts if cut < len(stream)), len(stream)]
    expected, images, counters = outcome([whole])
    for cut in (batches, [part(whole, slice(a, b)) for a, b in pairwise(bounds)]):
        found, same_images, same_counters = outcome(cut)
        assert found == expected
        assert same_counters == counters
        for image, other in zip(images, same_images, strict=True):
            assert np.isfinite(image).all()
            assert np.allclose(image, other, rtol=1e-5, atol=1e-6)
