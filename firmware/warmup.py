"""One synthetic frame through every stage before a scanner connects, so that the first real one is not the slowest."""

import numpy as np

from engine.acquisition import ACQUISITION_HEADER, LAST_IN_SLICE, NOISE_MEASUREMENT, Readouts
from engine.assess.assessor import Assessor
from engine.decide.decider import Decider
from engine.reconstruct.series import Reconstructed, Reconstruction
from engine.types import CounterLimits, Encoding, Scan, Space
from firmware.clock import SystemClock

_LINES, _SAMPLES, _COILS = 256, 512, 16


def warm_up() -> None:
    """A scan with noise readouts and one without; nothing of it is kept, recorded or shown."""
    encoded = Space((_SAMPLES, _LINES, 1), (512.0, 256.0, 5.0))
    recon = Space((_SAMPLES // 2, _LINES, 1), (256.0, 256.0, 5.0))
    encoding = Encoding(encoded, recon, {"kspace_encoding_step_1": CounterLimits(0, _LINES - 1, _LINES // 2)})
    heads = np.zeros(_LINES, ACQUISITION_HEADER)
    heads["version"], heads["number_of_samples"], heads["active_channels"] = 1, _SAMPLES, _COILS
    heads["center_sample"] = _SAMPLES // 2
    heads["idx"]["kspace_encode_step_1"] = np.arange(_LINES)
    noise = heads.copy()
    noise["flags"] = NOISE_MEASUREMENT
    heads["flags"][-1] = LAST_IN_SLICE
    rng = np.random.default_rng(0)
    values = rng.standard_normal((_LINES, _COILS, _SAMPLES, 2), np.float32).view(np.complex64)[..., 0]
    signal = values.copy()
    signal[_LINES // 2 - 2 : _LINES // 2 + 2, :, _SAMPLES // 2 - 2 : _SAMPLES // 2 + 2] += 1000
    scan = Scan("warm-up", (encoding,), coils=_COILS)
    for noise_scan in (True, False):
        reconstruction, assessor = Reconstruction(scan, SystemClock()), Assessor(scan)
        decider = Decider(scan)
        if noise_scan:
            list(reconstruction.add(Readouts(noise, values)))
        for repetition in range(2):
            heads["idx"]["repetition"] = repetition
            for done in reconstruction.add(Readouts(heads, signal)):
                if isinstance(done, Reconstructed):
                    ready = reconstruction.with_noise(done)
                    decider.frame(ready.frame, assessor.measure(ready))
                    reconstruction.release(ready.kspace)
        decider.close("close")
