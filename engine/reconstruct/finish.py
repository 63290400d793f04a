"""From an open frame to its image and raw data."""

from dataclasses import replace

import numpy as np

from engine.reconstruct.assemble import OpenFrame
from engine.reconstruct.geometry import geometry_of
from engine.reconstruct.whiten import estimate_noise
from engine.seams import Clock
from engine.types import Completeness, Frame, KSpace, Noise, Timings


def raw_of(frame: OpenFrame, noise: Noise | None, completeness: Completeness) -> KSpace:
    """The frame's raw data; views of its buffers."""
    buffers, setup = frame.buffers, frame.setup
    return KSpace(
        index=frame.index,
        data=buffers.raw.transpose(1, 0, 2)[:, None],
        hybrid=buffers.hybrid,
        counts=buffers.counts,
        time_stamps=buffers.time_stamps,
        order=buffers.order,
        whitening=setup.whitening,
        noise=noise,
        center=(setup.plan.center_line, frame.center_sample),
        readout_oversampling=setup.readout.oversampling,
        completeness=completeness,
        correction=frame.correction,
    )


def reservations(frame: OpenFrame) -> tuple[str, ...]:
    """Why an echo-planar picture is not to be trusted: no trapezoid in the header, no navigators; words of `Frame`."""
    words = []
    if frame.setup.echo_planar and not frame.setup.regridded:
        words.append("ramp_not_regridded")
    if frame.uncorrected and frame.reversed:
        words.append("phase_not_corrected")
    return tuple(words)


def image_of(frame: OpenFrame, number: int, noise: Noise | None, completeness: Completeness, clock: Clock) -> Frame:
    """The frame's magnitude image; its scale is that of every other frame of the series, complete or not."""
    setup, header = frame.setup, frame.header
    assert header is not None, "a frame without lines has no image"
    image = setup.combination.magnitude(frame.buffers.hybrid, setup.image_scale)
    return Frame(
        number=number,
        index=frame.index,
        data=image[np.newaxis],
        noise_sd=setup.noise_sd(frame.buffers.counts, frame.samples_used, noise),
        snr_units=setup.whitening is not None,
        coils=setup.coils,
        geometry=geometry_of(header, setup.recon),
        completeness=completeness,
        header=header,
        timings=Timings(frame.first_readout, frame.last_readout, clock.monotonic()),
        reservations=reservations(frame),
    )


def estimated_noise(frame: OpenFrame) -> Noise | None:
    """Noise of the acquired samples, estimated from a complete frame that was not whitened."""
    setup, counts = frame.setup, frame.buffers.counts
    found = estimate_noise(frame.buffers.hybrid, setup.readout.transform // 2)
    if found is None:
        return None
    # Zero-filling and averaging lowered the noise of an image sample against that of one acquired sample.
    lines = len(counts) / float((1.0 / counts[counts > 0]).sum())
    samples = setup.readout.transform / frame.samples_used
    return replace(found, covariance=found.covariance * (lines * samples))
