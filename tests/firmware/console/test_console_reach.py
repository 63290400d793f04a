"""The page has no login: an address that others reach is refused in a sentence, before anything is started."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from engine.errors import ConfigError
from firmware.cli import main
from firmware.console.reach import free, refuse_others


@pytest.mark.parametrize("listen", ["127.0.0.1", "::1", "0:0:0:0:0:0:0:1"])
def test_this_machine_may_look(listen: str) -> None:
    refuse_others(listen)


@pytest.mark.parametrize("listen", ["0.0.0.0", "::", "10.1.2.3", "127.0.0.2", "::ffff:127.0.0.1", "fe80::1"])
def test_others_may_not(listen: str) -> None:
    with pytest.raises(ConfigError, match=r"console\.listen = .*no login.*SSH tunnel"):
        refuse_others(listen)


@pytest.mark.parametrize("listen", ["", "localhost", "127.1", "127.0.0.1:9003"])
def test_what_is_no_address_is_said_to_be_none(listen: str) -> None:
    with pytest.raises(ConfigError, match="is no address"):
        refuse_others(listen)


def test_it_is_said_when_the_configuration_is_checked_and_at_the_start(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "c.toml"
    config.write_text(
        f'[appliance]\nstate_dir = "{tmp_path}"\n[scanner]\nport = 0\n[mqtt]\nenabled = false\n'
        '[console]\nlisten = "0.0.0.0"\n'
    )
    assert main(["check-config", str(config)]) == 2
    assert "the page has no login" in capsys.readouterr().err
    command = [sys.executable, "-m", "firmware.cli", "run", "--config", str(config)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "the page has no login" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_port_is_free_until_somebody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert not free("127.0.0.1", port)
    assert free("127.0.0.1", port)
