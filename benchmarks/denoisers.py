"""The denoiser beside its peers: on real anatomy with simulated noise, and apart from it on real repeats."""

import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import cv2
import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks import denoiser_scores as scores
from benchmarks.data import data_folder
from benchmarks.denoiser_cases import CHI, COILS, GAUSSIAN, LEVELS, Case, Image, Picture, lesions, make_case, pictures
from benchmarks.denoiser_methods import BM3D, NOISY, OURS, PLAIN, Method, methods
from benchmarks.denoiser_repeats import REPEATS, read_repeats, repeats_table
from engine.errors import InputRefused
from models.data.anatomy import Anatomy, read_anatomy

ALL = "all"
_SLICES = 2
_TIMED_SIDE, _TIMED_LEVEL = 256, 0.05
_ROUNDS, _QUICK_ROUNDS = 5, 2
_HUNDRED = 100

Scores = dict[str, dict[str, list[float]]]
"""Figure of merit -> volume -> its slices' values."""


def denoiser_table(quick: bool) -> dict[str, Any]:
    """Everything that was measured; what the data or a peer is missing for says so instead."""
    data = data_folder()
    compared = methods()
    document: dict[str, Any] = {"methods": [{"name": m.name, "missing": m.missing} for m in compared]}
    there = [method for method in compared if method.denoise is not None]
    try:
        anatomy = read_anatomy(data / "anatomy")
    except InputRefused as error:
        document["missing"] = str(error)
    else:
        document.update(simulated(anatomy, there, quick))
    if (data / REPEATS).is_file():
        document["real_repeats"] = repeats_table(read_repeats(data), there)
    return {**document, **verdict(document)}


def simulated(anatomy: Anatomy, there: list[Method], quick: bool) -> dict[str, Any]:
    """The part on real anatomy of the test split with simulated noise."""
    chosen = list(pictures(anatomy.of("test"), 1 if quick else _SLICES))
    if quick:
        chosen = list({picture.body: picture for picture in chosen}.values())
    by_volume = {picture.volume: picture.body for picture in chosen}
    rows: list[dict[str, Any]] = []
    for noise in (CHI, GAUSSIAN):
        for level in LEVELS:
            measured = {method.name: measure(method, chosen, noise, level) for method in there}
            rows += summary(measured, by_volume, {"noise": noise, "level": level})
    largest = max(chosen, key=lambda picture: picture.pixels.size)
    return {
        "data": "simulated noise on real anatomy, test split: no subject of it was trained on",
        "warnings": list(anatomy.warnings),
        "volumes": len(by_volume),
        "subjects": len({picture.subject for picture in chosen}),
        "slices": len(chosen),
        "left_out": [] if quick else [v.name for v in anatomy.of("test") if v.name not in by_volume],
        "elements": COILS,
        "rows": rows,
        "lesions": [row for level in LEVELS for row in lesion_rows(there, chosen, level)],
        "time": time_rows(there, largest.pixels, _QUICK_ROUNDS if quick else _ROUNDS),
    }


def measure(method: Method, chosen: Sequence[Picture], noise: str, level: float) -> Scores:
    """Every figure of merit of one method in every picture; the noise is the same for every method."""
    out: Scores = defaultdict(lambda: defaultdict(list))
    for number, picture in _progress(list(enumerate(chosen)), f"{method.name}, {noise}, {level:.0%}"):
        case = make_case(picture.pixels, level, noise, (number, round(_HUNDRED * level)))
        answer = _run(method, case.noisy)
        for name, value in figures(answer, case).items():
            out[name][picture.volume].append(value)
    return out


def figures(answer: Image, case: Case) -> dict[str, float]:
    """Name -> value of one denoised image."""
    return {
        "psnr": scores.psnr(answer, case.truth, case.inside, case.peak),
        "ssim": scores.ssim(answer, case.truth, case.inside, case.peak),
        "edge_slope": scores.edge_slope(answer, case.truth, case.inside),
        "detail": scores.detail(answer, case.truth, case.inside),
        "false_spots": scores.false_spots(answer, case.truth, case.inside),
    }


def summary(measured: dict[str, Scores], bodies: dict[str, str], what: dict[str, Any]) -> list[dict[str, Any]]:
    """One row per method and body part, and one for all volumes: means with intervals, and the gap to BM3D in pairs."""
    rows = []
    for body in (ALL, *sorted(set(bodies.values()))):
        volumes = [volume for volume, part in bodies.items() if body in (ALL, part)]
        for name, figure in measured.items():
            row: dict[str, Any] = {**what, "body": body, "volumes": len(volumes), "method": name}
            for merit, values in figure.items():
                means = np.array([np.mean(values[volume]) for volume in volumes])
                row[merit] = scores.interval(means.tolist())
                if BM3D in measured and name != BM3D and merit in ("psnr", "ssim"):
                    peer = np.array([np.mean(measured[BM3D][merit][volume]) for volume in volumes])
                    row[f"{merit}_minus_bm3d"] = scores.interval((means - peer).tolist())
            rows.append(row)
    return rows


def lesion_rows(there: list[Method], chosen: Sequence[Picture], level: float) -> list[dict[str, Any]]:
    """Contrast left of an inserted disc over what was inserted: the difference with and without it, same noise."""
    kept: dict[tuple[str, int, float], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for number, picture in _progress(list(enumerate(chosen)), f"lesions, {level:.0%}"):
        placed = lesions(picture.pixels, number)
        added = sum((np.float32(one.contrast) * one.inside for one in placed), np.zeros_like(picture.pixels))
        seed = (number, round(_HUNDRED * level), 1)
        without, with_them = (make_case(picture.pixels, level, CHI, seed, extra) for extra in (0.0, added))
        for method in there:
            change = _run(method, with_them.noisy) - _run(method, without.noisy)
            for one in placed:
                inserted = float((with_them.truth - without.truth)[one.inside].mean())
                share = float(change[one.inside].mean()) / inserted
                kept[method.name, one.diameter, one.contrast][picture.volume].append(share)
    return [
        {
            "level": level,
            "method": name,
            "pixels": diameter,
            "contrast_sd": contrast,
            "lesions": sum(map(len, volumes.values())),
            "kept": scores.interval([float(np.mean(values)) for values in volumes.values()]),
        }
        for (name, diameter, contrast), volumes in sorted(kept.items())
    ]


def time_rows(there: list[Method], picture: Image, rounds: int) -> list[dict[str, Any]]:
    """CPU time per frame of 256 x 256, all threads together, the methods in turn."""
    square = np.asarray(cv2.resize(picture, (_TIMED_SIDE, _TIMED_SIDE), interpolation=cv2.INTER_AREA), np.float32)
    noisy = make_case(square, _TIMED_LEVEL, CHI, (0,)).noisy
    spent: dict[str, list[float]] = {method.name: [] for method in there if method.name != NOISY}
    for turn in range(rounds + 1):
        for method in there:
            if method.name in spent:
                began = time.process_time()
                _run(method, noisy)
                if turn:  # the first finds its memory
                    spent[method.name].append(1e3 * (time.process_time() - began))
    medians = {name: float(np.median(values)) for name, values in spent.items()}
    return [
        {
            "method": name,
            "cpu_ms": round(median, 2),
            "times_bm3d": round(medians[BM3D] / median, 1) if BM3D in medians else None,
        }
        for name, median in medians.items()
    ]


def verdict(document: dict[str, Any]) -> dict[str, Any]:
    """Whether the network earns its place: better than each peer that costs milliseconds, at every level."""
    means = {
        (row["level"], row["method"]): row["psnr"]["mean"]
        for row in document.get("rows", ())
        if row["body"] == ALL and row["noise"] == CHI
    }
    ours = {level: mean for (level, name), mean in means.items() if name == OURS}
    worse = sorted(
        {name for (level, name), mean in means.items() if name in (NOISY, *PLAIN) and mean >= ours.get(level, -np.inf)}
    )
    compared = sorted({name for _, name in means if name in PLAIN})
    return {"shipped": bool(ours) and not worse, "compared_with": compared, "not_better_than": worse}


def tables(document: dict[str, Any]) -> list[Table]:
    """The same for people; Gaussian noise, which no scanner's images have, for all volumes together only."""
    quality = _table(
        "noise",
        "level",
        "of",
        "volumes",
        "method",
        "PSNR dB",
        "SSIM",
        "edge slope",
        "detail",
        "false spots",
        "dB from BM3D",
    )
    for row in document.get("rows", ()):
        if row["noise"] == GAUSSIAN and row["body"] != ALL:
            continue
        quality.add_row(
            row["noise"], f"{row['level']:.0%}", row["body"], str(row["volumes"]), row["method"],
            _span(row["psnr"], 2), _span(row["ssim"], 3), _span(row["edge_slope"], 2), _span(row["detail"], 2),
            _span(row["false_spots"], 1),
            _span(row["psnr_minus_bm3d"], 2) if "psnr_minus_bm3d" in row else "",
        )  # fmt: skip
    kept = _table("noise", "method", "lesion, pixels", "contrast, sd", "lesions", "contrast kept")
    for row in document.get("lesions", ()):
        name, size = row["method"], str(row["pixels"])
        kept.add_row(
            f"{row['level']:.0%}", name, size, f"{row['contrast_sd']:g}", str(row["lesions"]), _span(row["kept"], 2)
        )
    spent = _table("method", "CPU ms at 256 x 256", "times faster than BM3D")
    for row in document.get("time", ()):
        spent.add_row(
            row["method"], f"{row['cpu_ms']:.1f}", "" if row["times_bm3d"] is None else f"{row['times_bm3d']:g}"
        )
    repeats = _table("real repeats", "error in the object, sd", "gain dB", "error in air, sd", "gain dB")
    for row in document.get("real_repeats", {}).get("rows", ()):
        cells = [f"{row[area][key]:.2f}" for area in ("object", "air") for key in ("error_rms", "gain_db")]
        repeats.add_row(row["method"], *cells)
    missing = _table("not compared", "because")
    for method in document["methods"]:
        if method["missing"]:
            missing.add_row(method["name"], method["missing"])
    return [table for table in (quality, kept, spent, repeats, missing) if table.row_count]


def _run(method: Method, image: Image) -> Image:
    assert method.denoise is not None, "only what is installed is compared"
    return method.denoise(image)


def _progress(items: list[Any], what: str) -> Iterable[Any]:
    talk = Console(stderr=True)
    return track(items, what, console=talk, disable=not talk.is_terminal, transient=True)


def _table(*columns: str) -> Table:
    out = Table(box=None, pad_edge=False)
    for column in columns:
        out.add_column(column)
    return out


def _span(value: dict[str, Any], digits: int) -> str:
    if value["low"] is None:
        return f"{value['mean']:.{digits}f}"
    return f"{value['mean']:.{digits}f} ({value['low']:.{digits}f} to {value['high']:.{digits}f})"
