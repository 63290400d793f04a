"""Fixtures for all tests: a real mosquitto, and rules for what may be skipped."""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy is imported: as in the appliance

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.elsewhere import Elsewhere

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PROGRAMS = {
    "mosquitto": "mosquitto",
    "mosquitto_sub": "mosquitto-clients",
    "ismrmrd_recon_cartesian_2d": "ismrmrd-tools",
    "chromium": "chromium",
}
SEARCH = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"))
APPLIANCE = Path(__file__).parent / "appliance"
DATA = Path(os.environ.get("SCANSIDE_DATA", Path(__file__).parents[1] / ".." / "shared" / "data")).resolve()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that need programs or data say by name why they are skipped; in CI a missing program is a failure.

    First, so that what is marked here can be chosen by its mark.
    """
    missing = [package for program, package in PROGRAMS.items() if not shutil.which(program, path=SEARCH)]
    for item in items:
        if item.get_closest_marker("appliance") or item.get_closest_marker("gpu") or APPLIANCE in item.path.parents:
            item.add_marker(pytest.mark.alone)
        if item.get_closest_marker("data") and not DATA.is_dir():
            item.add_marker(pytest.mark.skip(reason="SCANSIDE_DATA does not point to the public data sets"))
        if item.get_closest_marker("appliance") and missing and os.environ.get("CI") != "true":
            item.add_marker(pytest.mark.skip(reason=f"apt install {' '.join(missing)}"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What ran on a GPU and what did not: a skip is no proof."""
    outcomes = {name: [] for name in ("passed", "failed", "skipped")}
    for name, found in outcomes.items():
        found.extend(r for r in terminalreporter.getreports(name) if "gpu" in getattr(r, "keywords", ()))
    if not any(outcomes.values()):
        return
    ran = len(outcomes["passed"]) + len(outcomes["failed"])
    why = sorted({report.longrepr[2].removeprefix("Skipped: ") for report in outcomes["skipped"]})
    terminalreporter.section("GPU")
    terminalreporter.line(f"{ran} ran, {len(outcomes['skipped'])} skipped{': ' if why else ''}{'; '.join(why)}")
    if not ran:
        terminalreporter.line("Nothing here is proven on a GPU.")


@pytest.fixture
def data_dir() -> Path:
    """Folder of the public data sets."""
    return DATA


@dataclass
class Mosquitto:
    """A broker that can be killed and brought back on the same port."""

    folder: Path
    port: int
    extra: str = ""
    host: str = "127.0.0.1"
    process: subprocess.Popen[bytes] | None = field(default=None)

    def start(self) -> None:
        config = self.folder / "mosquitto.conf"
        config.write_text(
            f"listener {self.port} {self.host}\nallow_anonymous true\nset_tcp_nodelay true\nuser root\n{self.extra}",
            "utf-8",
        )
        program = shutil.which("mosquitto", path=SEARCH)
        assert program, "apt install mosquitto"
        self.process = subprocess.Popen(
            [program, "-c", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        end = time.monotonic() + 10
        while time.monotonic() < end:
            try:
                socket.create_connection((self.host, self.port), timeout=1).close()
                return
            except OSError:
                time.sleep(0.01)
        raise AssertionError("mosquitto did not start")

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait(10)


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    folder = tmp_path / "broker"
    folder.mkdir()
    broker = Mosquitto(folder, port)
    broker.start()
    yield broker
    broker.kill()


@pytest.fixture(scope="session")
def elsewhere() -> Iterator[Elsewhere]:
    """Where a request that leaves this machine would arrive."""
    trap = Elsewhere()
    yield trap
    trap.close()


@pytest.fixture(scope="session")
def chromium(elsewhere: Elsewhere) -> Iterator["Browser"]:
    """Debian's Chromium, once for all tests: its driver cannot be started twice in a process."""
    from playwright.sync_api import sync_playwright

    program = shutil.which("chromium", path=SEARCH)
    assert program, "apt install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program,
            args=["--no-sandbox", "--disable-dev-shm-usage"],
            proxy={"server": f"http://127.0.0.1:{elsewhere.port}", "bypass": "127.0.0.1"},
        )
        yield browser
        browser.close()
