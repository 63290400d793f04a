"""The demo's broker: mosquitto where it is installed, else amqtt; a child process on a free port of this machine."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from engine.errors import Unavailable

_START_S = 15.0

MOSQUITTO_CONFIG = """listener {port} 127.0.0.1
allow_anonymous true
persistence false
set_tcp_nodelay true
"""

AMQTT_CONFIG = """listeners:
  default:
    type: tcp
    bind: 127.0.0.1:{port}
plugins:
  amqtt.plugins.authentication.AnonymousAuthPlugin:
    allow_anonymous: true
"""


@dataclass
class Broker:
    """A running broker; `close` ends it."""

    name: str
    host: str
    port: int
    process: "subprocess.Popen[bytes]"
    folder: "tempfile.TemporaryDirectory[str]"

    def close(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(5)
        self.folder.cleanup()


def find_mosquitto() -> str | None:
    """Debian puts it where only root's path looks."""
    return shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")


def start_broker(prefer: str | None = None) -> Broker:
    """Raises Unavailable when none answers within 15 s. `prefer` is mosquitto or amqtt."""
    mosquitto = find_mosquitto() if prefer != "amqtt" else None
    port = _free_port()
    folder = tempfile.TemporaryDirectory(prefix="scanside-broker-")
    file = Path(folder.name) / ("mosquitto.conf" if mosquitto else "amqtt.yaml")
    file.write_text((MOSQUITTO_CONFIG if mosquitto else AMQTT_CONFIG).format(port=port), "utf-8")
    if mosquitto:
        command, name = [mosquitto, "-c", str(file)], "mosquitto"
    else:
        command, name = [sys.executable, "-m", "amqtt.scripts.broker_script", "-c", str(file)], "amqtt"
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, "PYTHONWARNINGS": "ignore"}
    )
    broker = Broker(name, "127.0.0.1", port, process, folder)
    end = time.monotonic() + _START_S
    while time.monotonic() < end and process.poll() is None:
        try:
            socket.create_connection((broker.host, port), timeout=1).close()
            return broker
        except OSError:
            time.sleep(0.02)
    broker.close()
    raise Unavailable(f"the broker {name} did not start", mend="install mosquitto: apt install mosquitto")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
