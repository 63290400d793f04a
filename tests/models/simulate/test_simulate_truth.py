"""What holds for every kind of fault: its truth, its range, its purity, its reproducibility."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.errors import InputRefused
from models.simulate import FAULTS, combine, make_fault
from models.simulate.coil_loss import lose_elements
from models.simulate.fault import PRESCAN
from models.simulate.series import simulate_series
from tests.models.simulate.bases import phantom

KINDS = sorted(FAULTS)
FIRST = 3


def base_for(kind: str):
    return phantom(8, slices=3) if kind == "missing-slices" else phantom(8)


def stages(fault, lines, repetition):
    return fault.received(fault.signal(lines, repetition), repetition)


@pytest.mark.parametrize("kind", KINDS)
def test_the_truth_says_what_was_done(kind: str) -> None:
    recipe, fault = FAULTS[kind], make_fault(kind, base_for(kind), 1, FIRST)
    truth = fault.truth
    assert (truth.kind, truth.finding, truth.unit) == (kind, recipe.finding, recipe.unit)
    assert truth.first_frame == (0 if recipe.from_start else FIRST)
    assert truth.strength == pytest.approx(recipe.default, rel=0.1)
    assert recipe.range[0] <= recipe.default <= recipe.range[1]


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_changes_before_the_first_frame(kind: str) -> None:
    base, fault = base_for(kind), make_fault(kind, base_for(kind), 2, FIRST)
    if FAULTS[kind].from_start:
        return
    for repetition in range(FIRST):
        assert stages(fault, base.lines, repetition) is base.lines
        assert fault.noise(base.lines, repetition) is base.lines
        assert fault.sent(repetition) is None
        assert fault.sent_slices(repetition) is None
    assert fault.noise(base.lines, PRESCAN) is base.lines


@pytest.mark.parametrize("kind", KINDS)
def test_a_stage_changes_nothing_in_place_and_answers_the_same_twice(kind: str) -> None:
    base, fault = base_for(kind), make_fault(kind, base_for(kind), 3, FIRST)
    before = base.lines.copy()
    first = stages(fault, base.lines, FIRST + 1)
    assert first.dtype == np.complex64
    assert np.array_equal(first, stages(fault, base.lines, FIRST + 1))
    assert np.array_equal(base.lines, before)


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_gives_the_same_series_and_another_one_another(kind: str) -> None:
    base = base_for(kind)

    def series(seed: int) -> list[np.ndarray]:
        return [f.lines for f in simulate_series(base, 5, seed, make_fault(kind, base, seed, FIRST)).frames]

    one, same, other = series(5), series(5), series(6)
    assert all(np.array_equal(a, b) for a, b in zip(one, same, strict=True))
    assert not np.array_equal(one[0], other[0])


GROWING = sorted(set(KINDS) - {"low-snr", "missing-slices", "cut-off", "rf-interference", "dc-offset", "missing-lines"})


@pytest.mark.parametrize("kind", GROWING)
def test_more_costs_more(kind: str) -> None:
    """The larger strength of two that lie far apart costs the registered image more."""
    recipe = FAULTS[kind]
    least = recipe.range[0]
    weak, strong = max(least, recipe.default / 4), recipe.default
    if kind in ("saturation",):  # the lower full scale is, the more is clipped
        weak, strong = 95.0, 50.0
    impacts = [make_fault(kind, base_for(kind), 4, 0, strength=s).truth.impact_percent for s in (weak, strong)]
    assert 0 <= impacts[0] < impacts[1]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_a_strength_outside_its_physical_range_is_refused(kind: str, factor: float) -> None:
    low, high = FAULTS[kind].range
    strength = low * factor if factor < 1 else high * factor
    with pytest.raises(InputRefused, match="physical range; give") as refused:
        make_fault(kind, base_for(kind), 0, FIRST, strength=strength)
    assert str(refused.value).startswith(kind)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(KINDS), st.floats(allow_nan=True, allow_infinity=True))
def test_any_number_is_a_fault_or_a_refusal(kind: str, strength: float) -> None:
    low, high = FAULTS[kind].range
    if low <= strength <= high:
        return
    with pytest.raises(InputRefused):
        make_fault(kind, base_for(kind), 0, FIRST, strength=strength)


@pytest.mark.parametrize(
    ("kind", "base", "word"),
    [
        ("coil-loss", phantom(1), "coil"),
        ("weak-element", phantom(1), "coil"),
        ("wrong-coil", phantom(1), "coil"),
        ("missing-slices", phantom(8), "slice"),
        ("no-such-fault", phantom(8), "no fault"),
    ],
)
def test_a_scan_too_small_is_refused(kind: str, base, word: str) -> None:
    with pytest.raises(InputRefused, match=word):
        make_fault(kind, base, 0, FIRST)


def test_a_scan_with_few_lines_is_refused() -> None:
    from models.simulate.anatomy import anatomy_base

    tiny = anatomy_base(np.pad(np.ones((12, 12)), 6), 4)
    with pytest.raises(InputRefused, match="24 lines"):
        make_fault("spike", tiny, 0, FIRST)


@pytest.mark.parametrize(
    "kinds",
    [
        ("spike", "spike"),
        ("ghost", "ghost-delay"),
        ("coil-loss", "wrong-coil"),
        ("low-snr", "wrong-coil"),
        ("drop-out", "low-snr"),
        ("wrap", "missing-lines"),
    ],
)
def test_contradictions_are_refused(kinds: tuple[str, str]) -> None:
    faults = [make_fault(kind, phantom(8), 0, FIRST) for kind in kinds]
    with pytest.raises(InputRefused, match="cannot be at once"):
        combine(faults)


def test_one_element_cannot_fail_twice() -> None:
    weak = make_fault("weak-element", phantom(8), 0, FIRST)
    with pytest.raises(InputRefused, match="both take element"):
        combine([weak, lose_elements(weak.truth.elements, FIRST)])


def test_combined_faults_act_in_the_order_of_the_signal() -> None:
    base = phantom(8)
    one, two = (make_fault(kind, base, 1, FIRST) for kind in ("spike", "drop-out"))
    both = combine([one, two])
    assert [truth.kind for truth in both.truths] == ["drop-out", "spike"]
    expected = one.received(two.signal(base.lines, FIRST), FIRST)
    assert np.array_equal(stages(both, base.lines, FIRST), expected)


@pytest.mark.parametrize("kind", ["chemical-shift", "saturation", "missing-slices"])
def test_where_no_row_has_an_impact_limit_its_multiples_are_refused(kind: str) -> None:
    with pytest.raises(InputRefused, match="impact limit"):
        make_fault(kind, base_for(kind), 0, FIRST, times_limit=1.0)
