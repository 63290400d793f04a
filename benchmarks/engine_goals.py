"""What the forms are worth beside the goals, and what a runner adds to the library it drives."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.engine_candidates import Missing
from benchmarks.engine_timing import Effort, back_to_back, speed_ratio
from engine.denoise import TASK as DENOISE
from engine.forms import BF16, INT8_U8, fp32
from engine.package import Package
from engine.runners import RUNNERS, load_runner

INT8_SPEED, INT8_LOSS_DB = 2.0, 0.15
BF16_SPEED, BF16_LOSS_DB = 1.8, 0.01
OVERHEAD = 0.03

VNNI, BF16_UNITS = ("avx512_vnni", "avx_vnni"), ("avx512_bf16", "amx_bf16")
"""Flags of processors, one of which each goal asks for."""

_FORMS = ((INT8_U8, INT8_SPEED, INT8_LOSS_DB, VNNI), (BF16, BF16_SPEED, BF16_LOSS_DB, BF16_UNITS))


def overhead(package: Package, frame: NDArray[np.float32], effort: Effort) -> dict[str, Any]:
    """Share of the time of a bare `session.run` that the runner's checks, copies and bindings add, with its options."""
    from engine.runners.ort import CPU, one_thread, open_session

    session = open_session(package, fp32(package), [CPU], one_thread())
    runner = load_runner("onnxruntime-cpu", package, fp32(package))
    taken = {package.manifest.inputs[0].name: frame}
    calls = [lambda: session.run(None, taken), lambda: runner.run(frame)]
    bare, ours = back_to_back(calls, effort.calls(calls))
    wall, cpu = speed_ratio(ours.wall, bare.wall), speed_ratio(ours.cpu, bare.cpu)
    return {
        "model": package.manifest.name,
        "runner": "onnxruntime-cpu",
        "bare_ms": bare.percentiles_ms()["p50_ms"],
        "ours_ms": ours.percentiles_ms()["p50_ms"],
        "overhead": round(wall["ratio"] - 1, 4),
        "overhead_cpu_time": round(cpu["ratio"] - 1, 4),
    }


def goals(
    rows: Sequence[dict[str, Any]],
    missing: Sequence[Missing],
    overheads: Sequence[dict[str, Any]],
    cpu_flags: Collection[str],
) -> Iterator[dict[str, Any]]:
    """Each goal with what was reached; `reached` is None where it does not apply: `why` says it.

    The goals of a form are for denoisers, whose loss is in dB, on processors with the units that it is made for: a form
    that is missing there has missed its goal. All are judged by CPU time, which no other load changes.
    """
    on_cpu = [row for row in rows if row["task"] == DENOISE and not row["real_gpu"]]
    for form, speed, most_db, units in _FORMS:
        for model in dict.fromkeys(row["model"] for row in on_cpu):
            said = {
                "goal": f"{form} at least {speed:g} times ONNX Runtime fp32 at no more than {most_db:g} dB lost",
                "model": model,
            }
            if not set(units) & set(cpu_flags):
                yield said | {"value": None, "reached": None, "why": f"this processor has none of {', '.join(units)}"}
                continue
            of_form = [row for row in on_cpu if (row["model"], row["form"]) == (model, form)]
            yield said | (_best(of_form, speed, most_db) if of_form else _absent(model, form, missing))
    for row in overheads:
        share = row["overhead_cpu_time"]
        yield {
            "goal": f"the runner adds at most {OVERHEAD:.0%} to a bare session.run",
            "model": row["model"],
            "value": share,
            "reached": share <= OVERHEAD,
        }


def _best(rows: Sequence[dict[str, Any]], speed: float, most_db: float) -> dict[str, Any]:
    """The fastest runner of those whose answers are good enough."""
    fit = [row for row in rows if row["gate_passed"] and row["quality_loss_db"] <= most_db]
    if not fit:
        return {"value": None, "reached": False, "why": "; ".join(_why_unfit(row, most_db) for row in rows)}
    best = max(fit, key=lambda row: float(row["speed_ratio_to_ort_fp32"]))
    ratio = best["speed_ratio_to_ort_fp32"]
    return {"value": ratio, "runner": best["runner"], "loss_db": best["quality_loss_db"], "reached": ratio >= speed}


def _why_unfit(row: dict[str, Any], most_db: float) -> str:
    if row["gate_passed"]:
        return f"{row['runner']} loses {row['quality_loss_db']:.3g} dB, {most_db:g} are allowed"
    return f"{row['runner']}: {'; '.join(row.get('gate_reasons', ['the gate refuses it']))}"


def _absent(model: str, form: str, missing: Sequence[Missing]) -> dict[str, Any]:
    """Nothing runs the form, with every reason that is known."""
    said = [
        f"{one.runner}: {one.why_missing}"
        for one in missing
        if (one.model, one.form) == (model, form) or (not one.form and form in RUNNERS[one.runner].forms)
    ]
    return {"value": None, "reached": False, "why": "; ".join(said) or "no runner has this form here"}
