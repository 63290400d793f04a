"""What people are told does not depend on what runs the networks; and where it did, this would be seen."""

import json
from collections.abc import Callable
from math import inf
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks import backends
from benchmarks.backends import AT_THE_LIMIT, CASES, FRAMES, NATURAL, REFERENCE, Agreement, Case, compare, load_pairs
from benchmarks.backends_replay import Answered, denoised_apart, probability_apart
from engine.forms import fp32
from engine.package import load_package, trusted_keys
from engine.runners import load_runner
from engine.seams import Runner
from engine.types import Measurement, Verdict
from firmware.cli import main
from models.shipped import DENOISER, KEYS, PACKAGES, QUALITY

Answer = NDArray[np.float32]


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_every_fault_is_told_alike_on_every_backend_that_passed_the_gate() -> None:
    results = list(compare(CASES, load_pairs()))
    assert {result.case.fault for result in results if result.case.frames == FRAMES} == set(NATURAL)
    assert {result.case.fault for result in results if result.case.times_limit == 1.0} == set(AT_THE_LIMIT)
    assert REFERENCE in {result.backend for result in results}
    assert any("int8" in result.backend for result in results)
    for result in results:
        assert result.good, result


@pytest.fixture(scope="module")
def runners() -> tuple[Runner, Runner]:
    packages = [load_package(PACKAGES / name, trusted_keys(KEYS)) for name in (DENOISER, QUALITY)]
    denoiser, network = (load_runner("onnxruntime-cpu", package, fp32(package)) for package in packages)
    return denoiser, network


def changed(runner: Runner, change: Callable[[Answer], Answer]) -> Any:
    """The runner with another first output."""

    def run(batch: Answer) -> tuple[Answer, ...]:
        first, *others = runner.run(batch)
        return (change(first).astype(np.float32), *others)

    return SimpleNamespace(run=run, backend=runner.backend)


def beside(runners: tuple[Runner, Runner], other: tuple[Any, Any]) -> Agreement:
    return list(compare([Case("motion", 6)], {REFERENCE: runners, "other": other}))[1]


def test_the_same_runners_tell_the_same(runners: tuple[Runner, Runner]) -> None:
    same = beside(runners, runners)
    assert same.good
    assert (same.different, same.probability, same.rms_sd, same.shift_sd, same.shown_differently) == ((), 0, 0, 0, 0)


@pytest.mark.parametrize("change", [lambda p: np.minimum(p + 0.1, 1), lambda p: np.maximum(p - 0.3, 0)])
def test_a_shift_of_the_probabilities_is_found(
    runners: tuple[Runner, Runner], change: Callable[[Answer], Answer]
) -> None:
    shifted = beside(runners, (runners[0], changed(runners[1], change)))
    assert not shifted.good
    assert shifted.probability >= 0.0999
    assert shifted.rms_sd == 0


@pytest.mark.parametrize("change", [lambda d: d + 0.3, lambda d: d - 0.3, lambda d: d * 0.97])
def test_a_shift_or_a_gain_of_the_denoiser_is_found(
    runners: tuple[Runner, Runner], change: Callable[[Answer], Answer]
) -> None:
    shifted = beside(runners, (changed(runners[0], change), runners[1]))
    assert not shifted.good
    assert shifted.shift_sd > 0.29
    assert shifted.probability == 0


def test_noise_that_a_denoiser_adds_is_found(runners: tuple[Runner, Runner]) -> None:
    rng = np.random.default_rng(0)
    noisy = changed(runners[0], lambda d: d + rng.normal(0, 0.9, d.shape))
    found = beside(runners, (noisy, runners[1]))
    assert not found.good
    assert found.rms_sd > 0.8
    assert found.shift_sd < 0.05


def test_an_answer_that_only_one_gives_is_as_far_as_can_be() -> None:
    row = Measurement("n03", "learned-motion", 0.2, "probability")
    gone = Measurement("n03", "learned-motion", None, "probability", why_missing="out_of_distribution")
    picture = np.zeros((1, 2, 2), np.float32)
    told = (Verdict.OK, ())
    given, missing = Answered(told, (row,), picture), Answered(told, (gone,), None)
    assert probability_apart(given, missing) == probability_apart(missing, given) == 1
    assert denoised_apart(given, missing) == (inf, inf)
    assert probability_apart(missing, missing) == 0
    assert denoised_apart(missing, missing) == (0, 0)
    assert (given.shown, missing.shown) == (True, False)


def test_the_command_says_what_is_too_far_and_ends_with_1(
    runners: tuple[Runner, Runner], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    useless = changed(runners[0], lambda d: d * np.nan)
    monkeypatch.setattr(backends, "CASES", (Case("motion", 6, 1.0),))
    monkeypatch.setattr(backends, "load_pairs", lambda: {REFERENCE: runners, "other": (useless, runners[1])})
    assert main(["bench", "backends", "--json"]) == 1
    first, second = json.loads(capsys.readouterr().out)["rows"]
    assert (first["good"], first["times_limit"], first["denoised_rms_apart"]) == (True, 1.0, 0)
    assert (second["good"], second["denoised_rms_apart"], second["shown_differently"]) == (False, None, 6)
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["bench", "backends"]) == 1
    assert "motion at its limit" in capsys.readouterr().out
