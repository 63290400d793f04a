"""The document of `scanside bench models` as a whole: its exit code, what is missing, its tables, its packages."""

import hashlib
import json
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks import models
from benchmarks.data import data_folder
from benchmarks.models import listed, run
from benchmarks.throughput import BATCHES, package_rows, throughput
from models.shipped import DENOISER, PACKAGES, QUALITY


@pytest.fixture
def _no_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCANSIDE_DATA", str(tmp_path))


def told(document: dict[str, object], capsys: pytest.CaptureFixture[str]) -> str:
    for table in models.tables(document):
        Console(width=400).print(table)
    return capsys.readouterr().out


@pytest.mark.usefixtures("_no_data")
def test_with_nothing_measured_it_says_so_and_ends_with_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("benchmarks.models.PACKAGES", tmp_path)
    assert run(json_output=True, quick=True) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == "bench-models/1"
    assert "FILES.csv" in document["denoiser"]["missing"]
    assert document["denoiser"]["shipped"] is False
    assert document["quality"] == {"shipped": False, "missing": "no package of that name is shipped"}
    text = told(document, capsys)
    assert "FILES.csv" in text
    assert "no package of that name is shipped" in text
    assert "False" in text


@pytest.mark.usefixtures("_no_data")
def test_without_anatomy_the_quality_network_says_so() -> None:
    document = models.measure(quick=True)
    assert "FILES.csv" in document["quality"]["missing"]
    assert "simulated" not in document["quality"]
    assert document["quality"]["real"]["bundled_brain"]["frames"] > 0


@pytest.mark.parametrize(
    ("denoiser", "quality", "code"),
    [
        ({"shipped": True}, {"shipped": True}, 0),
        ({"shipped": False, "not_better_than": ["wavelet"]}, {"shipped": True}, 1),
        ({"shipped": False, "not_better_than": [], "missing": "no table"}, {"shipped": True}, 1),
        ({"shipped": True}, {"shipped": True, "missing": "no table"}, 1),
    ],
)
def test_the_exit_code_is_0_only_where_both_were_measured_and_the_denoiser_is_shipped(
    monkeypatch: pytest.MonkeyPatch, denoiser: dict[str, object], quality: dict[str, object], code: int
) -> None:
    monkeypatch.setattr(models, "measure", lambda _: {"denoiser": denoiser, "quality": quality})
    assert run(json_output=True, quick=True) == code


def test_both_packages_are_named_by_what_was_measured() -> None:
    rows = package_rows(PACKAGES, (DENOISER, QUALITY))
    assert [row["package"] for row in rows] == [DENOISER, QUALITY]
    for row in rows:
        listed_files = (PACKAGES / row["package"] / "checksums").read_bytes()
        assert row["sha256"] == hashlib.sha256(listed_files).hexdigest()
        network = (PACKAGES / row["package"] / "model.onnx").read_bytes()
        assert row["network_sha256"] == hashlib.sha256(network).hexdigest()
        assert f'version = "{row["version"]}"' in (PACKAGES / row["package"] / "manifest.toml").read_text("utf-8")


def test_both_networks_have_a_time_for_each_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.throughput._ROUNDS", 1)
    rows = throughput(PACKAGES, (DENOISER, QUALITY))["rows"]
    assert [(row["package"], row["batch"]) for row in rows] == [(n, b) for n in (DENOISER, QUALITY) for b in BATCHES]
    assert all(row["ms_per_frame"] > 0 for row in rows)
    (missing,) = throughput(tmp_path, (DENOISER,))["rows"]
    assert missing["package"] == DENOISER
    assert str(tmp_path) in missing["why_missing"]


def test_time_is_per_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.throughput.median_seconds", lambda _: 0.08)
    rows = throughput(PACKAGES, (DENOISER,))["rows"]
    assert [row["ms_per_frame"] for row in rows] == [80.0, 40.0, 20.0, 10.0]


def test_rows_of_any_depth_become_tables() -> None:
    share = {"share": 0.5, "low": 0.4, "high": 0.6, "n": 9}
    part = {"real": {"raw": [{"scan": "a", "found": share}, {"scan": "b", "more": {"x": 1}}]}, "words": ["x"], "n": 3}
    (one,) = listed(part, "quality")
    assert one.title == "quality, real, raw"
    assert [list(column.cells) for column in one.columns] == [["a", "b"], ["0.5 (0.4 to 0.6)", ""], ["", "x 1"]]


def test_what_is_missing_becomes_a_table_at_any_depth() -> None:
    one, two = listed({"shipped": True, "real": {"raw": {"why_missing": "no scans"}}}, "quality")
    assert (one.title, two.title) == ("quality", "quality, real, raw")
    assert [list(column.cells) for column in (*one.columns, *two.columns)] == [["True"], ["no scans"]]


def test_data_are_where_the_environment_says_and_nowhere_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCANSIDE_DATA", str(tmp_path))
    assert data_folder() == tmp_path
    for empty in ("", None):
        monkeypatch.delenv("SCANSIDE_DATA", raising=False)
        if empty is not None:
            monkeypatch.setenv("SCANSIDE_DATA", empty)
        assert not data_folder().exists()
        assert "SCANSIDE_DATA" in str(data_folder())
