"""`scanside check --report`: one file, the exit codes of a check, and one sentence where it cannot be written."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from firmware.cli import main
from models.scans import BRAIN16


def test_scans_that_were_judged_and_refused_are_in_one_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken, report = tmp_path / "broken<b>.h5", tmp_path / "report.html"
    broken.write_bytes(b"nothing")
    assert main(["check", str(BRAIN16), str(broken), "--report", str(report)]) == 1
    page = report.read_text("utf-8")
    assert BRAIN16.name in page
    assert "broken&lt;b&gt;.h5" in page
    assert "REFUSED" in page
    assert 'href="#scan-2"' in page
    assert "REFUSED" not in capsys.readouterr().err


def test_a_good_scan_ends_good(tmp_path: Path) -> None:
    report = tmp_path / "report.html"
    assert main(["check", str(BRAIN16), "--report", str(report), "--json"]) == 0
    assert "field-ok" in report.read_text("utf-8")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (".", "it is a folder"),
        ("none/report.html", "its folder does not exist"),
        ("file/report.html", "does not exist"),
    ],
)
def test_where_no_report_can_be_nothing_is_judged(tmp_path: Path, name: str, said: str, monkeypatch, capsys) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr("firmware.cli.check.judge_source", lambda *_, **__: pytest.fail("it was judged"))
    assert main(["check", str(BRAIN16), "--report", str(tmp_path / name)]) == 3
    error = capsys.readouterr().err
    assert said in error
    assert "Traceback" not in error


def test_a_report_that_cannot_be_written_is_one_sentence_and_the_old_one_stays(
    tmp_path: Path, monkeypatch, capsys
) -> None:
    def full(path: Path, content: bytes) -> int:
        with path.open("wb") as file:
            file.write(content[:10])
        raise OSError(28, "No space left on device")

    report = tmp_path / "report.html"
    report.write_text("the old one")
    monkeypatch.setattr(Path, "write_bytes", full)
    assert main(["check", str(BRAIN16), "--report", str(report)]) == 3
    assert "No space left on device" in capsys.readouterr().err
    assert report.read_text() == "the old one"
    assert list(tmp_path.iterdir()) == [report]


def test_a_name_that_is_no_text_is_shown_as_far_as_it_is(tmp_path: Path) -> None:
    scan, report = tmp_path / os.fsdecode(b"left\xff.h5"), tmp_path / "report.html"
    scan.write_bytes(b"nothing")
    done = subprocess.run(
        [sys.executable, "-m", "firmware.cli", "check", str(scan), "--report", str(report)],
        capture_output=True,
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONIOENCODING": "utf-8:strict"},
    )
    assert done.returncode == 1, done.stderr.decode()
    assert b"left?.h5" in done.stdout
    assert "left?.h5" in report.read_text("utf-8")


def test_a_report_goes_into_a_pipe_and_through_a_link(tmp_path: Path) -> None:
    pipe, link, target = tmp_path / "pipe", tmp_path / "link.html", tmp_path / "target.html"
    os.mkfifo(pipe)
    link.symlink_to(target)
    end = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    broken = tmp_path / "broken.h5"
    broken.write_bytes(b"nothing")
    for place in (pipe, link):
        assert main(["check", str(broken), "--report", str(place)]) == 1
    assert os.read(end, 15).lower() == b"<!doctype html>"
    os.close(end)
    assert pipe.is_fifo()
    assert link.is_symlink()
    assert "REFUSED" in target.read_text("utf-8")
