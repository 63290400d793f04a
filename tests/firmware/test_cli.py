"""Commands: results on standard output, talk on standard error, exit status as documented."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from engine.runners import RUNNERS
from firmware.cli import COMMANDS, main
from models.scans import BRAIN16


def test_check_prints_json_and_pictures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(BRAIN16), "--json", "--pictures", str(tmp_path)]) == 0
    (scan,) = json.loads(capsys.readouterr().out)["scans"]
    assert scan["verdict"] == "ok"
    assert {m["row"] for m in scan["measurements"]} >= {"m01", "m05"}
    assert len(list(tmp_path.glob("*.png"))) == 1


def test_check_says_what_is_wrong_with_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "x.h5").write_bytes(b"garbage")
    assert main(["check", str(tmp_path)]) == 1
    assert "refused" in capsys.readouterr().out
    assert main(["check", str(tmp_path / "empty")]) in (1, 3)


def test_check_config(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check-config", "--defaults"]) == 0
    good = tmp_path / "good.toml"
    good.write_text(capsys.readouterr().out)
    assert main(["check-config", str(good)]) == 0
    bad = tmp_path / "bad.toml"
    bad.write_text("[scanner]\nprt = 1\nport = -1\n")
    assert main(["check-config", str(bad)]) == 2
    said = capsys.readouterr().err
    assert "did you mean 'port'" in said
    assert "-1" in said


@pytest.mark.slow
def test_doctor(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["doctor", "--state", str(tmp_path / "none"), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert {check["name"] for check in said["checks"]} >= {
        "python",
        "journal",
        "broker",
        "pictures",
        "page",
        "priority",
    }
    backends = {backend["name"]: backend for backend in said["backends"]}
    assert backends.keys() == RUNNERS.keys()
    assert backends["onnxruntime-cpu"]["available"]
    for backend in backends.values():
        assert backend["available"] != bool(backend["why_not"]), "it works, or it is said why not"
        assert backend["available"] != bool(backend["install"]), "and what to do"
    for name in ("denoiser", "quality"):
        chosen = said["chosen"][name]
        assert backends[chosen["runner"]]["available"]
        assert chosen["form"] in backends[chosen["runner"]]["forms"]
        timed = {(row["runner"], row["form"]): row["p50_ms"] for row in chosen["rows"] if row["p50_ms"]}
        assert ("onnxruntime-cpu", "fp32") in timed, "the reference is always among them"
        assert timed[chosen["runner"], chosen["form"]] <= 1.1 * min(timed.values())


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "firmware.cli", command, "--help"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0
    assert command in done.stdout


def test_wrong_use_is_status_2() -> None:
    with pytest.raises(SystemExit) as caught:
        main(["dance"])
    assert caught.value.code == 2


def test_run_on_a_taken_port_says_so(tmp_path: Path) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        config = tmp_path / "c.toml"
        config.write_text(
            f'[appliance]\nstate_dir = "{tmp_path}"\n'
            f"[scanner]\nport = {taken.getsockname()[1]}\n[mqtt]\nenabled = false\n"
        )
        done = subprocess.run(
            [sys.executable, "-m", "firmware.cli", "run", "--config", str(config)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 3
    assert "another in scanner.port" in done.stderr
    assert "Traceback" not in done.stderr
