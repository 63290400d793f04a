"""The console's process when the loop that started it is no more."""

import socket
import subprocess
import sys
from pathlib import Path

import msgspec

from firmware.console.__main__ import listening_socket
from tests.firmware.console.loop_end import settings_of


def test_a_loop_that_is_gone_is_not_told_that_the_port_is_taken(tmp_path: Path) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.close()
    with listening_socket("127.0.0.1", 0) as taken, theirs:
        settings = settings_of(tmp_path, theirs.fileno(), port=taken.getsockname()[1])
        done = subprocess.run(
            [sys.executable, "-m", "firmware.console", msgspec.json.encode(settings).decode()],
            pass_fds=(theirs.fileno(),),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert (done.returncode, done.stderr) == (3, "")
