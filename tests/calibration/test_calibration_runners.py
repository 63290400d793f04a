"""What executes a form while it is judged: u8 as CPUs run it, s8 as the file says."""

from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from calibration.comparison import compare
from calibration.frames import Frame
from calibration.judge import Judge
from engine.forms import INT8_S8, INT8_U8, Form
from engine.forms.fold import folded
from engine.forms.int8 import int8_form
from engine.package import Package, load_package
from engine.plans.parity import Loss
from engine.runners import ort_cpu, reference
from firmware.clock import SystemClock
from tests.engine.forms.networks import answer, frames, residual, seen, table
from tests.engine.package_cases import KEYS, files, npz, seal

MODEL = residual()


@pytest.fixture
def package(tmp_path: Path) -> Package:
    image = np.stack(frames(2))
    golden = npz(image=image, denoised=np.stack([answer(MODEL, frame) for frame in image]))
    content: dict[str, Any] = files(model_onnx=MODEL.SerializeToString(), golden_npz=golden)
    return load_package(seal(tmp_path / "small", content), KEYS)


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """(runner, form) of everything that is loaded from now on."""
    found: list[tuple[str, str]] = []

    def spy(module: ModuleType, name: str) -> None:
        load = module.load

        def spied(package: Package, form: Form) -> Any:
            found.append((name, form.name))
            return load(package, form)

        monkeypatch.setattr(module, "load", spied)

    spy(ort_cpu, "served")
    spy(reference, "reference")
    return found


def test_in_the_search(package: Package, loaded: list[tuple[str, str]]) -> None:
    judge = Judge(package, folded(package.model), [Frame(frame) for frame in frames(2)])
    for kind in ("s8", "u8"):
        judge.loss(seen(MODEL, frames()), kind, ())
    assert loaded == [("reference", "fp32"), ("reference", INT8_S8), ("served", INT8_U8)]


def test_beside_the_table_in_use(package: Package, loaded: list[tuple[str, str]]) -> None:
    ranges = table(MODEL, seen(MODEL, frames()))
    forms = {f"int8-{kind}": int8_form(package.model, ranges, kind) for kind in ("s8", "u8")}
    reports = {name: SimpleNamespace(loss=Loss(0, "", 1, "", problem="bad")) for name in forms}
    found: Any = SimpleNamespace(forms=forms, reports=reports)
    compared = compare(package, found, ranges, SystemClock())
    assert loaded == [("reference", "fp32"), *[("reference", INT8_S8)] * 2, *[("served", INT8_U8)] * 2]
    for one in compared.values():
        assert one.used is not None
        assert one.made.golden == one.used.golden
        assert one.problems == ("held-out frames: bad", *one.made.reasons)
