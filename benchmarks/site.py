"""An appliance with its page, in processes of its own as `scanside run` starts them."""

import contextlib
import http.client
import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from benchmarks.loop import free_port, wait_for_port
from engine.errors import Unavailable

PLAIN = '[mqtt]\nenabled = false\n[models]\ndenoise = ""\nquality = ""\n'
"""Neither broker nor networks: up in a second."""
_START_S = 60.0
_STOP_S = 20.0


@dataclass
class Site:
    """One appliance: start, kill and start it again on the same ports and the same state."""

    folder: Path
    settings: str = PLAIN
    """The rest of its configuration."""
    console: str = ""
    """Further keys of [console]."""
    scanner_port: int = field(default_factory=free_port)
    page_port: int = field(default_factory=free_port)
    process: "subprocess.Popen[Any] | None" = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.page_port}"

    @property
    def journal(self) -> Path:
        return self.folder / "state" / "journal.db"

    def start(self) -> None:
        """Returns when scanners can connect and the page is ready; raises Unavailable when that takes too long."""
        config = self.folder / "scanside.toml"
        config.write_text(
            f'[appliance]\nname = "bay-3"\nstate_dir = "{self.folder / "state"}"\n'
            f"[scanner]\nport = {self.scanner_port}\n"
            f"[console]\nport = {self.page_port}\n{self.console}\n{self.settings}"
        )
        with (self.folder / "log.txt").open("a") as log:
            command = [sys.executable, "-m", "firmware.cli", "run", "--config", str(config)]
            self.process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        wait_for_port(self.scanner_port, self.process)
        wait_for_answer(self.page_port, "/ready", self.process)

    @property
    def running(self) -> "subprocess.Popen[Any]":
        assert self.process is not None, "not started"
        return self.process

    @property
    def log(self) -> str:
        return (self.folder / "log.txt").read_text("utf-8", "replace")

    @property
    def page_process(self) -> psutil.Process:
        """The console, a child of the loop process; raises Unavailable when there is none."""
        for child in psutil.Process(self.running.pid).children():
            with contextlib.suppress(psutil.Error):
                if "firmware.console" in child.cmdline():
                    return child
        raise Unavailable("the appliance has no console process", mend="its log says why")

    def stop(self) -> None:
        """In good order; killed when that takes too long."""
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """Without a word."""
        self.running.kill()
        self.running.wait(_STOP_S)


@contextlib.contextmanager
def closing_site(site: Site) -> Iterator[Site]:
    """Starts it, and stops it whatever happens."""
    try:
        site.start()
        yield site
    finally:
        site.stop()


def wait_for_answer(port: int, path: str, process: "subprocess.Popen[Any]") -> None:
    """Until a server of this machine answers 200; raises Unavailable after a minute or when its process has ended."""
    end = time.monotonic() + _START_S
    while time.monotonic() < end and process.poll() is None:
        asked = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
        with contextlib.closing(asked), contextlib.suppress(OSError, http.client.HTTPException):
            asked.request("GET", path)
            if asked.getresponse().status == http.client.OK:
                return
        time.sleep(0.05)
    raise Unavailable(f"nothing answers 200 on port {port} at {path}")


def recorded_at(site: Site) -> dict[tuple[str, int], float]:
    """(scan, frame number) -> s since 1970 at which its decision was recorded."""
    connection = sqlite3.connect(f"file:{site.journal}?mode=ro", uri=True, timeout=5)
    with contextlib.closing(connection):
        rows = connection.execute("SELECT payload, time FROM message WHERE topic LIKE '%/decision'").fetchall()
    decisions = [(json.loads(payload), at) for payload, at in rows]
    return {(one["scan"], one["number"]): at for one, at in decisions if one["scope"] == "frame"}
