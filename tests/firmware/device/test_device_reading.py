"""Readings of boards whose files are known, of broken ones, and of this very machine."""

import os
import shutil
from dataclasses import asdict, fields
from pathlib import Path

import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.cuda.probe import Device, Probe
from firmware.device import DeviceReading, GpuReading, jetson, read_device
from tests.firmware.device.boards import ORIN_JETPACK6, ORIN_NANO, THOR, make_board

NO_CUDA = Probe((), "", "", "no NVIDIA driver is installed")


def never() -> str:
    raise AssertionError("a file tells the power mode")


def no_probe() -> Probe:
    raise AssertionError("NVML or the board tells what it is")


def read(root: Path, gpu: GpuReading | None = None, said: str = "", cuda: Probe = NO_CUDA) -> DeviceReading:
    return read_device(root, gpu=lambda: gpu, cuda=lambda: cuda, ask_power_mode=lambda: said)


@pytest.fixture
def orin(tmp_path: Path) -> Path:
    return make_board(tmp_path, ORIN_NANO)


def test_an_orin_on_jetpack_7_tells_everything(orin: Path) -> None:
    assert read_device(orin, gpu=lambda: None, cuda=no_probe, ask_power_mode=never) == DeviceReading(
        kind="jetson",
        model="NVIDIA Jetson Orin Nano Engineering Reference Developer Kit Super",
        cores=6,
        governor="schedutil",
        load=0.42,
        memory_mb=7619,
        l4t="39.2.0",
        jetpack="7.2",
        power_mode="MAXN_SUPER",
        gpu_mhz=306.0,
        gpu_max_mhz=1020.0,
        gpu_load=0.842,
        temperatures={"cpu-thermal": 48.531, "tj-thermal": 50.125},
        power_w={"VDD_IN": pytest.approx(6.3), "VDD_CPU_GPU_CV": pytest.approx(2.516)},
        throttled_by=(),
        over_current_events=52,
    )


def test_an_orin_on_jetpack_6(tmp_path: Path) -> None:
    reading = read(make_board(tmp_path, ORIN_JETPACK6))
    assert (reading.kind, reading.l4t, reading.jetpack) == ("jetson", "36.4.3", "6.1 or 6.2")
    assert (reading.power_mode, reading.cores) == ("15W", 5)


def test_a_thor_has_its_gpu_under_another_name_and_the_rest_from_the_driver(tmp_path: Path) -> None:
    driver = GpuReading("NVIDIA Thor", "595.78", mhz=1.0, load=0.97, temperature=63.0, throttled_by=("heat",))
    reading = read(make_board(tmp_path, THOR), driver, "NV Power Mode: MAXN\n0\n")
    assert (reading.kind, reading.gpu, reading.l4t, reading.jetpack) == ("jetson", "NVIDIA Thor", "38.2.1", "7.0")
    assert (reading.gpu_mhz, reading.gpu_max_mhz, reading.gpu_below_max) == (1575.0, 1575.0, False)
    assert reading.gpu_load == 0.97
    assert reading.power_mode == "MAXN"
    assert reading.power_w == {"VIN": 41.25}
    assert reading.temperatures == {"tj-thermal": 61.0, "gpu (driver)": 63.0}
    assert reading.throttled_by == ("heat",)


def test_a_driver_without_a_jetson_is_a_discrete_gpu(tmp_path: Path) -> None:
    driver = GpuReading("NVIDIA RTX A4000", "580.1", mhz=210.0, max_mhz=2100.0, power_w=18.5, throttled_by=())
    reading = read_device(tmp_path, gpu=lambda: driver, cuda=no_probe, ask_power_mode=never)
    assert (reading.kind, reading.gpu, reading.driver) == ("discrete-gpu", "NVIDIA RTX A4000", "580.1")
    assert (reading.gpu_mhz, reading.gpu_max_mhz, reading.throttled_by) == (210.0, 2100.0, ())
    assert reading.power_w == {"gpu (driver)": 18.5}


def test_without_nvml_cuda_tells_that_there_is_a_gpu_and_the_rest_is_unknown(tmp_path: Path) -> None:
    probe = Probe((Device("NVIDIA RTX A4000", (8, 6), 16 << 30, 48, False),), "13.0", "580.1", "")
    seen = DeviceReading("discrete-gpu", gpu="NVIDIA RTX A4000", driver="580.1")
    assert read(tmp_path, cuda=probe) == read(tmp_path, GpuReading(), cuda=probe) == seen


@pytest.mark.parametrize(
    ("mhz", "load", "below"),
    [(1000.0, 0.97, True), (2090.0, 0.97, False), (1000.0, 0.1, None), (1000.0, None, None), (None, 0.97, None)],
)
def test_a_low_clock_is_told_only_of_a_gpu_that_is_busy(
    tmp_path: Path, mhz: float | None, load: float | None, below: bool | None
) -> None:
    assert read(tmp_path, GpuReading("one", mhz=mhz, max_mhz=2100.0, load=load)).gpu_below_max is below


def test_of_nothing_everything_is_unknown(tmp_path: Path) -> None:
    known = {name for name, value in asdict(read(tmp_path)).items() if value is not None}
    assert known == {"kind"}
    assert read(tmp_path).kind == "host"
    assert read(tmp_path).gpu_below_max is None
    assert read(tmp_path / "there is no such folder") == read(tmp_path)


def test_a_node_that_appears_late_is_found(orin: Path) -> None:
    devfreq = orin / "sys/class/devfreq"
    devfreq.rename(orin / "later")
    early = read(orin)
    assert (early.gpu_mhz, early.gpu_max_mhz, early.gpu_load) == (None, None, None)
    (orin / "later").rename(devfreq)
    assert read(orin).gpu_mhz == 306.0


def test_a_gpu_at_rest_has_an_unknown_clock_not_one_of_zero(orin: Path) -> None:
    (orin / "sys/class/devfreq/17000000.gpu/cur_freq").write_text("0\n")
    reading = read(orin)
    assert (reading.gpu_mhz, reading.gpu_max_mhz, reading.gpu_below_max) == (None, 1020.0, None)


@pytest.mark.parametrize(("device", "kind"), [(1, "devfreq-17000000.gpu"), (2, "gpu-throttle-alert")])
def test_a_cooling_device_in_use_is_throttling_and_a_fan_is_not(orin: Path, device: int, kind: str) -> None:
    assert read(orin).throttled_by == ()
    (orin / f"sys/class/thermal/cooling_device{device}/cur_state").write_text("1\n")
    assert read(orin).throttled_by == (kind,)


def test_of_several_cooling_devices_of_one_type_any_counts(orin: Path) -> None:
    for number, state in ((10, 3), (11, 0)):
        device = orin / f"sys/class/thermal/cooling_device{number}"
        make_board(device, {"type": "thermal-cpufreq-0\n", "cur_state": f"{state}\n"})
    assert read(orin).throttled_by == ("thermal-cpufreq-0",)


def test_the_power_mode_is_asked_for_only_where_no_file_tells(orin: Path) -> None:
    (orin / "etc/nvpmodel.conf").unlink()
    assert read_device(orin, gpu=lambda: None, ask_power_mode=never).power_mode == "mode 2"
    (orin / "var/lib/nvpmodel/status").unlink()
    assert read(orin, said="NVPM WARN: fan mode is not set!\nNV Power Mode: 25W\n1\n").power_mode == "25W"
    assert read(orin, said="NVPM ERROR").power_mode is None


def test_asking_ends_with_nothing_when_the_program_is_missing_or_hangs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert jetson.ask_nvpmodel() == ""
    program = tmp_path / "nvpmodel"
    program.write_text('#!/bin/sh\n[ "$*" = -q ] && echo "NV Power Mode: MAXN"\n')
    program.chmod(0o755)
    assert jetson.ask_nvpmodel() == "NV Power Mode: MAXN\n"
    program.write_text(f"#!/bin/sh\nexec {shutil.which('sleep', path=os.defpath)} 60\n")
    monkeypatch.setattr("firmware.device.jetson._ASK_S", 0.2)
    assert jetson.ask_nvpmodel() == ""


def test_files_that_may_not_be_read_are_unknown(orin: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = Path.open

    def refuse(path: Path, *how: str) -> object:
        if path.name in {"temp", "cur_freq", "status", "in1_input"}:
            raise PermissionError(13, "Permission denied", str(path))
        return opened(path, *how)

    monkeypatch.setattr(Path, "open", refuse)
    reading = read(orin)
    assert (reading.temperatures, reading.gpu_mhz, reading.power_mode) == (None, None, None)
    assert set(reading.power_w or {}) == {"VDD_CPU_GPU_CV"}


def test_folders_where_files_should_be_are_unknown(tmp_path: Path) -> None:
    for name in ORIN_NANO:
        (tmp_path / name).mkdir(parents=True)
    assert read(tmp_path) == DeviceReading(kind="host")


_GARBAGE = st.one_of(
    st.binary(max_size=200),
    st.sampled_from([b"", b"0", b"-1", b"9" * 5000, b"nan", b"0x10", b"1e9", b"\0\0", b"\xff\xfe", "٣".encode()]),
)


@pytest.fixture(scope="module")
def garbage_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("garbage")


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.sampled_from(sorted(ORIN_NANO)), _GARBAGE, min_size=1, max_size=8))
def test_garbage_in_any_file_is_no_exception_and_no_impossible_value(
    garbage_root: Path, spoilt: dict[str, bytes]
) -> None:
    make_board(garbage_root, ORIN_NANO)
    for name, content in spoilt.items():
        (garbage_root / name).write_bytes(content)
    reading = read(garbage_root)
    assert all(-40 < value < 150 for value in (reading.temperatures or {}).values())
    assert all(value >= 0 for value in (reading.power_w or {}).values())
    assert reading.gpu_load is None or 0 <= reading.gpu_load <= 1
    for field in fields(reading):
        value = getattr(reading, field.name)
        if field.name in {"gpu_mhz", "gpu_max_mhz", "cores", "memory_mb"}:
            assert value is None or value > 0, field.name


@pytest.mark.skipif(not Path("/proc/meminfo").exists(), reason="no Linux")
def test_this_machine_as_another_library_sees_it() -> None:
    reading = read_device(gpu=lambda: None, cuda=lambda: NO_CUDA, ask_power_mode=lambda: "")
    assert reading.memory_mb == psutil.virtual_memory().total // (1 << 20)
    assert reading.cores is None or reading.cores >= len(psutil.Process().cpu_affinity())
    assert reading.load is not None
