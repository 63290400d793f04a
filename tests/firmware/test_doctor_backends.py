"""What the doctor says of a site's table that cannot be used: that, and what serves all the same."""

from pathlib import Path
from typing import Any

import pytest

from engine.errors import Unavailable
from engine.plans.choose import Choice, Row
from firmware.cli import doctor_backends
from firmware.cli.doctor_backends import choices, document, lines
from models.shipped import DENOISER, QUALITY

ROW = Row("openvino", "bf16", "", "CPU bf16", False, 4.0, 5.0, 0.01, "dB")


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Network -> the table that the choice was given."""
    seen: dict[str, Any] = {}

    def choose(package: Any, *, ranges: Any, **_: Any) -> Choice:
        seen[package.manifest.name] = ranges
        if package.manifest.name == QUALITY:
            raise Unavailable("nothing can serve here", QUALITY)
        return Choice("openvino", "bf16", "openvino bf16: 2.0 times onnxruntime-cpu fp32", (ROW,))

    monkeypatch.setattr(doctor_backends, "choose", choose)
    return seen


def test_a_table_that_cannot_be_used_is_a_line_of_its_own(tmp_path: Path, given: dict[str, Any]) -> None:
    for name in (DENOISER, QUALITY):
        (tmp_path / "calibration" / name).mkdir(parents=True)
        (tmp_path / "calibration" / name / "int8.json").write_text("{")
    chosen = choices(tmp_path)
    assert given == {DENOISER: None, QUALITY: None}
    said = lines(chosen)
    assert said[0].startswith(f"{DENOISER}: table of this site not used: {tmp_path}")
    assert said[1] == f"{DENOISER}: openvino bf16: 2.0 times onnxruntime-cpu fp32"
    assert said[-2].startswith(f"{QUALITY}: table of this site not used: ")
    assert "nothing can serve here" in said[-1]
    told = document([], chosen)["chosen"]
    assert (told[DENOISER]["runner"], told[QUALITY]["why_not"]) == ("openvino", f"{QUALITY}: nothing can serve here")
    assert all("int8.json" in told[name]["site_table_not_used"] for name in (DENOISER, QUALITY))


def test_without_a_table_nothing_is_said_of_it(tmp_path: Path, given: dict[str, Any]) -> None:
    chosen = choices(tmp_path)
    assert not any("table" in line for line in lines(chosen))
    assert document([], chosen)["chosen"][DENOISER]["site_table_not_used"] == ""
