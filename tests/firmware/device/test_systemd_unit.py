"""The unit file: systemd's own checker accepts it, and it says what the appliance relies on."""

import configparser
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from firmware.cli import COMMANDS, main

UNIT = Path(__file__).parents[3] / "firmware/systemd/scanside.service"
PROGRAM = "/opt/scanside/.venv/bin/scanside"


def settings() -> configparser.ConfigParser:
    parser = configparser.ConfigParser(strict=True, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(UNIT)
    return parser


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_finds_nothing_wrong(tmp_path: Path) -> None:
    here = tmp_path / UNIT.name
    here.write_text(UNIT.read_text().replace(PROGRAM, sys.executable))
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", here], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_it_comes_back_after_every_failure_but_not_for_a_wrong_configuration(tmp_path: Path) -> None:
    unit, service = settings()["Unit"], settings()["Service"]
    assert service["Restart"] == "on-failure"
    assert unit["StartLimitIntervalSec"] == "0", "no number of crashes leaves the box down"
    assert service["RestartPreventExitStatus"] == "2"
    # What prevents a restart is what the main process ends with: no other may come before it.
    assert "ExecStartPre" not in service
    wrong = tmp_path / "scanside.toml"
    wrong.write_text("[scanner]\nport = 'none'\n")
    assert main(["run", "--config", str(wrong)]) == main(["run", "--config", str(tmp_path / "none.toml")]) == 2


def test_the_priority_is_granted_and_left_to_the_appliance() -> None:
    service = settings()["Service"]
    assert service["AmbientCapabilities"] == service["CapabilityBoundingSet"] == "CAP_SYS_NICE"
    assert "Nice" not in service


def test_the_state_is_in_its_own_folder_and_one_killed_process_takes_no_other_along() -> None:
    service = settings()["Service"]
    assert service["WorkingDirectory"] == f"/var/lib/{service['StateDirectory']}"
    assert service["OOMPolicy"] == "continue"
    assert service["MemoryMax"]
    assert not {"PrivateDevices", "ProtectClock"} & set(service), "each hides the GPU on some systemd"


def test_it_starts_the_command_that_exists() -> None:
    program, command, *_ = settings()["Service"]["ExecStart"].split()
    assert program == PROGRAM
    assert command in COMMANDS
