"""What the demo waits for, and what its JSON says of the networks."""

import threading

from engine.decide.decider import Decider
from engine.denoise import not_denoised
from engine.quality import NAME, ROW, UNIT, not_measured
from engine.types import Measurement
from firmware.cli.demo_networks import Readiness, networks_document
from firmware.sinks.payloads import ModelState
from tests.engine.decide.test_decide_decider import SCAN, frame, measurements
from tests.engine.decide.test_decide_learned import seen


def state(task: str, word: str) -> ModelState:
    blank = dict.fromkeys(("version", "sha256", "form", "runner", "requested", "actual", "reason", "why", "tried"), "")
    return ModelState(
        schema="model_state/1",
        name=task,
        task=task,
        state=word,
        restarts=0,
        latency_ms={},
        real_gpu=False,
        compile=None,
        **blank,
    )


def test_it_says_what_only_the_network_found() -> None:
    distance = Measurement(ROW, NAME, 0.5, UNIT)
    decider, rows = Decider(SCAN), [*measurements(m13=3.0), distance, *seen(motion=0.95, gibbs=1.0)]
    for number in range(2):
        decider.frame(frame(number), rows)
    told = networks_document(rows, decider.close("close").findings)["quality"]
    assert told["distance"] == 0.5
    assert told["added"] == ["gibbs"], "a rule saw the motion, too"
    assert told["probabilities"]["motion"] == 0.95


def test_it_says_why_there_is_nothing() -> None:
    rows = [*measurements(), not_denoised("starting"), *not_measured(("motion",), "worker_late")]
    told = networks_document(rows, ())
    assert told["denoiser"] == {"removed": None, "unit": "noise sd", "why_missing": "starting"}
    assert told["quality"] == {
        "distance": None,
        "why_missing": "worker_late",
        "probabilities": {"motion": None},
        "added": [],
    }
    assert networks_document(measurements(), ()) == {"denoiser": None, "quality": None}


def test_it_waits_for_every_network_and_not_for_one_that_failed() -> None:
    readiness, over = Readiness(2), threading.Event()
    waiting = threading.Thread(target=lambda: (readiness.wait(), over.set()))
    waiting.start()
    readiness.hear(state("denoise", "starting"))
    readiness.hear(state("denoise", "serving"))
    readiness.hear(state("denoise", "serving"))
    assert not over.is_set()
    readiness.hear(state("quality", "failed"))
    waiting.join(10)
    assert over.is_set()
