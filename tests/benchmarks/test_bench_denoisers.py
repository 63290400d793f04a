"""Figures of merit with known truth; what is compared, what is missing, and what follows."""

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from benchmarks import denoiser_scores as scores
from benchmarks.denoiser_cases import CHI, GAUSSIAN, Picture, lesions, make_case, pictures
from benchmarks.denoiser_methods import BM3D, NOISY, OURS, PLAIN, Method, opencv_non_local_means, packaged
from benchmarks.denoiser_repeats import repeats_table
from benchmarks.denoisers import ALL, lesion_rows, measure, simulated, summary, tables, time_rows, verdict
from models.data.anatomy import Anatomy, Volume

Y, X = np.mgrid[-1:1:96j, -1:1:104j]
HEAD = np.where(Y**2 + 1.2 * X**2 < 0.7, 1 + 0.2 * np.sign(np.sin(6 * X) * np.cos(5 * Y)), 0.0).astype(np.float32)
EVERYWHERE = np.ones(HEAD.shape, bool)
NOTHING = Method(NOISY, lambda image: image)
BLUR = Method("blur", lambda image: gaussian_filter(image, 1.0))


def volume(name: str, body: str, *, interpolated: bool = False, pixels: np.ndarray = HEAD) -> Volume:
    return Volume(name, "test", f"subject of {name}", "scanner", body, interpolated, np.stack([pixels] * 5))


def test_psnr_of_a_known_error_inside_only() -> None:
    inside = HEAD > 0
    answer = np.where(inside, HEAD + 0.1, 99).astype(np.float32)
    assert scores.psnr(answer, HEAD, inside, 1.0) == pytest.approx(20, abs=1e-3)
    assert scores.psnr(answer, HEAD, inside, 10.0) == pytest.approx(40, abs=1e-3)


def test_ssim_of_even_images_is_the_term_of_their_means() -> None:
    a, b = np.full((40, 40), 0.6, np.float32), np.full((40, 40), 0.9, np.float32)
    expected = (2 * 0.6 * 0.9 + 1e-4) / (0.6**2 + 0.9**2 + 1e-4)
    assert scores.ssim(a, b, np.ones(a.shape, bool), 1.0) == pytest.approx(expected, abs=1e-6)


def test_ssim_of_noise_is_that_of_its_variances() -> None:
    """Of two unrelated noises the covariance is 0, so c2 / (2 variance + c2) is left of the second term."""
    rng = np.random.default_rng(1)
    one, other = (50 + rng.standard_normal((2, 300, 300))).astype(np.float32)
    inside = np.ones(one.shape, bool)
    assert scores.ssim(one, one, inside, 100.0) == pytest.approx(1)
    assert scores.ssim(one, other, inside, 100.0) == pytest.approx(9 / (2 + 9), abs=0.02)


def test_edges_keep_their_slope_in_noise_and_lose_it_in_blur() -> None:
    ramp = gaussian_filter((np.arange(200) > 100).astype(float) * 50, 2.0)
    edge = np.tile(ramp, (200, 1)).astype(np.float32)
    inside = np.ones(edge.shape, bool)
    noisy = edge + np.random.default_rng(2).standard_normal(edge.shape).astype(np.float32)
    assert scores.edge_slope(noisy, edge, inside) == pytest.approx(1, abs=0.02)
    assert scores.edge_slope(0.7 * edge, edge, inside) == pytest.approx(0.7)
    # A step blurred to sd 2 and then by sd 1.5 has sd 2.5: its slope in the middle is 2 / 2.5 of what it was.
    blurred = gaussian_filter(edge, (0, 1.5))
    assert scores.edge_slope(blurred, edge, np.abs(np.arange(200) - 100.5) < 1.0 + 0 * edge) == pytest.approx(
        0.8, abs=0.02
    )


def test_faint_texture_is_no_strong_edge() -> None:
    edge = np.where(np.arange(100) % 40 < 20, 50, 0) + np.zeros((100, 1))
    texture = 3 * np.sin(np.arange(100) / 2)[:, None]
    inside = np.ones((100, 100), bool)
    assert scores.edge_slope(edge.astype(np.float32), (edge + texture).astype(np.float32), inside) > 0.99


def test_false_spots_are_counted_in_flat_tissue_only() -> None:
    truth = np.zeros((100, 100), np.float32)
    truth[:, 60:] = 40
    answer = truth.copy()
    for row, column in ((20, 20), (50, 30), (80, 60)):  # the last one sits on the edge
        answer[row - 1 : row + 2, column - 1 : column + 2] += 2
    inside = np.ones(truth.shape, bool)
    flat = 10_000 - 100 * 8  # the edge is as wide as the smoothing makes it
    assert scores.false_spots(answer, truth, inside) == pytest.approx(1e5 * 2 / flat, rel=0.05)
    assert scores.false_spots(truth, truth, inside) == 0
    assert scores.false_spots(truth - (answer - truth), truth, inside) == 0  # what is darker was not added


def test_detail_is_a_correlation() -> None:
    rng = np.random.default_rng(3)
    one, other = rng.standard_normal((2, 200, 200)).astype(np.float32)
    inside = np.ones(one.shape, bool)
    assert scores.detail(5 * one + 3, one, inside) == pytest.approx(1)
    assert scores.detail(-one, one, inside) == pytest.approx(-1)
    assert scores.detail(other, one, inside) == pytest.approx(0, abs=0.03)
    assert scores.detail(0 * one, one, inside) == 0


def test_an_interval_covers_the_mean_as_often_as_it_says() -> None:
    rng = np.random.default_rng(4)
    found = [scores.interval(rng.standard_normal(20).tolist(), seed) for seed in range(200)]
    assert 0.88 < np.mean([one["low"] < 0 < one["high"] for one in found]) < 0.98
    assert scores.interval([2.0, 4.0]) == {"mean": 3.0, "low": None, "high": None}


@pytest.mark.parametrize("noise", [CHI, GAUSSIAN])
def test_the_truth_is_the_mean_of_the_noise_that_is_the_same_for_everybody(noise: str) -> None:
    cases = [make_case(HEAD, 0.1, noise, (seed,)) for seed in range(200)]
    again = make_case(HEAD, 0.1, noise, (0,))
    np.testing.assert_array_equal(again.noisy, cases[0].noisy)
    inside = cases[0].inside
    error = np.mean([case.noisy for case in cases], axis=0) - again.truth
    assert abs(float(error[inside].mean())) < 0.01
    assert float(error[inside].std()) == pytest.approx(200**-0.5, rel=0.15)
    assert all(float(case.noisy.min()) >= 0 for case in cases)


def test_interpolated_volumes_are_halved_and_tiny_ones_left_out() -> None:
    volumes = [volume("a", "head"), volume("b", "head", interpolated=True), volume("c", "x", pixels=HEAD[:39])]
    found = list(pictures(volumes, 2))
    assert [(p.volume, p.pixels.shape) for p in found] == [("a", (96, 104))] * 2 + [("b", (48, 52))] * 2
    assert {p.slice for p in found} == {1, 3}
    assert float(np.percentile(found[0].pixels, 99.5)) == pytest.approx(1)


def test_lesions_lie_apart_in_flat_tissue() -> None:
    picture = np.ones((130, 140), np.float32)
    picture[:, 70:] = 0.6
    picture[:20] = 0
    placed = lesions(picture, 0)
    assert len({(one.diameter, one.contrast) for one in placed}) == 9
    for number, one in enumerate(placed):
        assert np.sqrt(4 * one.inside.sum() / np.pi) == pytest.approx(one.diameter, abs=0.6)
        assert picture[one.inside].min() > 0.5
        assert np.ptp(picture[one.inside]) == 0, "on no edge"
        assert not any((one.inside & other.inside).any() for other in placed[:number])
    assert lesions(np.zeros((60, 60), np.float32), 0) == []
    picture[:, :90] += 0.2 * np.sin(np.arange(90) / 2)
    assert all(one.inside[:, 90:].any() for one in lesions(picture, 0)[:2]), "the flattest first"


def test_contrast_that_is_kept() -> None:
    chosen = [Picture("a", "s", "head", 0, np.ones((150, 160), np.float32))]
    half = Method("half", lambda image: 0.5 * image)
    rows = {
        (r["method"], r["pixels"], r["contrast_sd"]): r["kept"]["mean"]
        for r in lesion_rows([NOTHING, half, BLUR], chosen, 0.1)
    }
    assert len(rows) == 27
    assert rows[NOISY, 5, 2.0] == pytest.approx(1, abs=0.05)
    assert rows["half", 5, 2.0] == pytest.approx(0.5, abs=0.03)
    assert rows["blur", 3, 2.0] < rows["blur", 5, 2.0] < rows["blur", 8, 2.0] < 0.95


def test_body_parts_and_the_gap_to_bm3d_in_pairs() -> None:
    figures = {
        BM3D: {"psnr": {"a": [30.0], "b": [20.0], "c": [9.0]}, "detail": {name: [1.0] for name in "abc"}},
        OURS: {"psnr": {"a": [31.0, 32.0], "b": [20.5], "c": [10.0]}, "detail": {name: [1.0] for name in "abc"}},
    }
    rows = {
        (r["body"], r["method"]): r for r in summary(figures, {"a": "head", "b": "limb", "c": "limb"}, {"level": 0.1})
    }
    assert rows[ALL, OURS]["psnr_minus_bm3d"] == {"mean": 1.0, "low": 0.5, "high": 1.5}
    assert rows["head", OURS]["psnr"]["mean"] == 31.5
    assert rows["limb", OURS]["volumes"] == 2
    assert "psnr_minus_bm3d" not in rows[ALL, BM3D]


def judged(ours: float, peer: float) -> dict[str, object]:
    rows = [
        {"level": level, "noise": CHI, "body": ALL, "method": name, "psnr": {"mean": mean}}
        for level in (0.05, 0.1)
        for name, mean in ((NOISY, 20.0), (PLAIN[0], peer if level == 0.1 else 21.0), (OURS, ours), (BM3D, 99.0))
    ]
    return verdict({"rows": rows})


def test_a_network_no_better_than_a_plain_peer_is_not_shipped() -> None:
    assert judged(30, 29) == {"shipped": True, "compared_with": [PLAIN[0]], "not_better_than": []}
    assert judged(30, 30) == {"shipped": False, "compared_with": [PLAIN[0]], "not_better_than": [PLAIN[0]]}
    assert not verdict({})["shipped"]
    assert verdict({})["not_better_than"] == []


def test_the_error_against_a_repeat_is_that_against_the_truth() -> None:
    rng = np.random.default_rng(5)
    truth = (60 * HEAD).astype(np.float32)
    one, other = (truth + rng.standard_normal((2, *truth.shape))).astype(np.float32)
    methods = [NOTHING, Method("truth", lambda _: truth), Method("half", lambda image: (image + truth) / 2)]
    table = repeats_table((one, other), methods)
    assert table["noise_sd"]["object"] == pytest.approx(1, abs=0.05)
    rows = {row["method"]: row["object"] for row in table["rows"]}
    assert rows[NOISY]["error_rms"] == pytest.approx(1, abs=0.05)
    assert rows[NOISY]["gain_db"] == pytest.approx(0, abs=0.3)
    assert rows["half"]["error_rms"] == pytest.approx(0.5, abs=0.06)
    assert rows["truth"]["error_rms"] < 0.2


def test_the_whole_table_on_drawn_volumes() -> None:
    anatomy = Anatomy(
        tuple(volume(name, body) for name, body in (("a", "head"), ("b", "head"), ("c", "limb"))), (), ("w",)
    )
    there = [NOTHING, BLUR, Method("smooth", packaged("smooth")), Method(PLAIN[1], opencv_non_local_means)]
    document = {"methods": [{"name": BM3D, "missing": "not installed"}], **simulated(anatomy, there, quick=True)}
    assert {(r["noise"], r["level"], r["body"]) for r in document["rows"]} == {
        (noise, level, body) for noise in (CHI, GAUSSIAN) for level in (0.05, 0.1) for body in (ALL, "head", "limb")
    }
    psnr = {(r["method"], r["noise"], r["level"], r["body"]): r["psnr"]["mean"] for r in document["rows"]}
    assert psnr[NOISY, GAUSSIAN, 0.1, ALL] == pytest.approx(20.9, abs=1.0), "noise of a tenth, peak 1.2"
    assert psnr["smooth", CHI, 0.1, ALL] > psnr[NOISY, CHI, 0.1, ALL] + 3
    assert psnr[PLAIN[1], CHI, 0.1, ALL] > psnr[NOISY, CHI, 0.1, ALL] + 3
    assert {r["method"] for r in document["time"]} == {"blur", "smooth", PLAIN[1]}
    assert document["warnings"] == ["w"]
    assert json.loads(json.dumps(document)) == document
    assert [len(table.columns) for table in tables(document)] == [11, 6, 3, 2]


def test_no_picture_gets_another_ones_noise_or_scores() -> None:
    chosen = [Picture(name, "s", "head", 0, HEAD * scale) for name, scale in (("a", 1), ("b", 1))]
    found = measure(NOTHING, chosen, CHI, 0.1)
    assert found["psnr"]["a"] != found["psnr"]["b"]
    assert measure(NOTHING, [replace(chosen[0], volume="z")], CHI, 0.1)["psnr"]["z"] == found["psnr"]["a"]


def test_time_against_bm3d(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("benchmarks.denoisers.time.process_time", lambda: now[0])

    def busy(name: str, seconds: list[float]) -> Method:
        return Method(name, lambda image: now.__setitem__(0, now[0] + seconds.pop(0)) or image)

    there = [NOTHING, busy("fast", [9.0, 0.01, 0.03, 0.02]), busy(BM3D, [9.0, 4.0, 4.0, 4.0])]
    assert time_rows(there, HEAD, 3) == [
        {"method": "fast", "cpu_ms": 20.0, "times_bm3d": 200.0},
        {"method": BM3D, "cpu_ms": 4000.0, "times_bm3d": 1.0},
    ]
