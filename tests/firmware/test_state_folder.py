"""One appliance a folder: a second one is told so, and costs the first one nothing."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from engine.errors import Unavailable
from firmware.appliance import Appliance
from firmware.config import default_config
from firmware.journal import Entry, Journal
from firmware.journal_reader import JournalReader
from firmware.sinks.mqtt import MqttSink
from firmware.state_folder import held
from tests.firmware.records import Clock, keep, scan_record

HOLDS = """
import sys, threading
from pathlib import Path
from firmware.state_folder import held

with held(Path(sys.argv[1])):
    print("held", flush=True)
    threading.Event().wait()
"""


def appliance(folder: Path) -> Appliance:
    config = default_config()
    config.appliance.name, config.appliance.state_dir = "a", str(folder)
    config.scanner.port, config.mqtt.enabled, config.console.enabled = 0, False, False
    config.models.denoise = config.models.quality = ""
    return Appliance(config)


def running_scan(folder: Path) -> None:
    journal = Journal(folder / "journal.db", Clock())
    keep(journal, Entry(scan=scan_record("s1-1")))
    journal.close()


def test_it_is_held_once_and_again_afterwards(tmp_path: Path) -> None:
    with (
        held(tmp_path),
        pytest.raises(Unavailable, match=r"another appliance keeps its record.*another appliance\.state_dir"),
        held(tmp_path),
    ):
        pass
    with held(tmp_path):
        pass


def test_a_killed_holder_leaves_it_free(tmp_path: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", HOLDS, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    with child:
        assert child.stdout.readline() == "held\n"
        with pytest.raises(Unavailable), held(tmp_path):
            pass
        child.send_signal(signal.SIGKILL)
    with held(tmp_path):
        pass


def test_it_is_made_for_its_owner_alone_and_an_existing_one_stays_as_it_is(tmp_path: Path) -> None:
    with held(tmp_path / "new" / "state"):
        assert (tmp_path / "new" / "state").stat().st_mode & 0o777 == 0o700
    (tmp_path / "shared").mkdir(mode=0o750)
    with held(tmp_path / "shared"):
        assert (tmp_path / "shared").stat().st_mode & 0o777 == 0o750


def test_what_is_no_folder_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Unavailable, match=r"no record can be kept there"), held(tmp_path / "file"):
        pass


def test_a_second_appliance_is_refused_and_ends_no_running_scan(tmp_path: Path) -> None:
    running_scan(tmp_path)
    with held(tmp_path), pytest.raises(Unavailable, match="another appliance"):
        appliance(tmp_path).start()
    record = JournalReader(tmp_path / "journal.db", "a").scan("s1-1")
    assert record is not None
    assert record.ended is None


def test_what_stood_of_a_lost_scan_is_cleared_and_the_folder_is_left_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    running_scan(tmp_path)
    told: list[tuple[str, bytes]] = []
    monkeypatch.setattr(MqttSink, "retain", lambda _, topic, payload: told.append((topic, payload)))
    one = appliance(tmp_path)
    one.start()
    one.stop()
    assert ("scanside/a/scan/s1-1/state", b"") in told
    rows = JournalReader(tmp_path / "journal.db", "a").decisions("s1-1")
    assert len(rows) == 1, "under the appliance's own name"
    with held(tmp_path):
        pass


def test_all_of_an_appliance_is_for_its_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    one = appliance(folder)
    one.start()
    try:
        assert folder.stat().st_mode & 0o077 == 0
        kept = {file.name: file.stat().st_mode & 0o077 for file in folder.glob("journal*")}
    finally:
        one.stop()
    assert kept == dict.fromkeys(("journal.db", "journal.db-wal", "journal.db-shm", "journal-reserve"), 0)
