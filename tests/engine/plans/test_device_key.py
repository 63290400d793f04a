"""The device's key: made once, whole, for its owner; and what it seals."""

import logging
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import PlanRefused
from engine.plans.device_key import canonical, device_key, is_sealed, seal_of

ROOT = Path(__file__).resolve().parents[3]

documents = st.dictionaries(
    st.text(),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=8,
    ),
    max_size=5,
)


def test_it_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    file = tmp_path / "state" / "device.key"
    mask = os.umask(0)
    try:
        key = device_key(file)
    finally:
        os.umask(mask)
    assert len(key) == 32
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert device_key(file) == key
    assert os.listdir(file.parent) == ["device.key"]
    assert device_key(tmp_path / "elsewhere" / "device.key") != key


def test_processes_that_begin_together_get_the_same(tmp_path: Path) -> None:
    code = "import sys; from pathlib import Path; from engine.plans.device_key import device_key as k; "
    code += "sys.stdin.readline(); print(k(Path(sys.argv[1])).hex())"
    command = [sys.executable, "-c", code, str(tmp_path / "device.key")]
    started = [
        subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(4)
    ]
    for process in started:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    keys = {process.communicate()[0].strip() for process in started}
    assert len(keys) == 1
    assert os.listdir(tmp_path) == ["device.key"]


def test_who_comes_second_takes_the_first_one_s(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "device.key"

    def meanwhile(size: int) -> bytes:
        file.write_bytes(bytes(32))
        file.chmod(0o600)
        return b"x" * size

    monkeypatch.setattr(os, "urandom", meanwhile)
    assert device_key(file) == bytes(32)
    assert os.listdir(tmp_path) == ["device.key"]


def test_a_key_that_others_can_read_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "device.key"
    with caplog.at_level(logging.WARNING):
        device_key(file)
        assert not caplog.messages
        file.chmod(0o644)
        device_key(file)
    assert "chmod 600" in caplog.text


@pytest.mark.parametrize("content", [b"", b"short", bytes(33)])
def test_what_is_no_key_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "device.key"
    file.write_bytes(content)
    with pytest.raises(PlanRefused, match=f"{len(content)} bytes instead of 32"):
        device_key(file)


def test_a_folder_that_cannot_be_written_is_one_sentence() -> None:
    with pytest.raises(PlanRefused, match="cannot be made"):
        device_key(Path("/proc/scanside/device.key"))


@given(documents)
def test_a_seal_holds_for_its_document_and_key_only(document: dict[str, object]) -> None:
    key = bytes(range(32))
    seal = seal_of(key, document)
    assert is_sealed(key, dict(reversed(document.items())), seal)
    assert not is_sealed(bytes(32), document, seal)
    assert not is_sealed(key, {**document, "more": 1}, seal) or "more" in document
    assert not is_sealed(key, document, None)
    assert not is_sealed(key, document, "ü")


def test_numbers_that_json_has_not_cannot_be_sealed() -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        canonical({"loss": float("nan")})


@pytest.mark.parametrize(
    ("document", "seal"), [({"made": float("nan")}, "00"), ({"made": 1.0}, "\ud800"), ({"name": "\ud800"}, "\udfff")]
)
def test_what_cannot_be_sealed_is_not_sealed(document: dict[str, object], seal: str) -> None:
    assert not is_sealed(bytes(32), document, seal)
