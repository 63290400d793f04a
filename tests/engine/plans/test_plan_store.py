"""The plan store: what is kept comes back whole, and nothing else ever does."""

import errno
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import PlanRefused
from engine.plans import room
from engine.plans.inputs import PlanInputs
from engine.plans.store import PlanStore
from tests.engine.plans.plan_cases import GATE, INPUTS, KEY, built, inputs

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def store(tmp_path: Path) -> PlanStore:
    return PlanStore(tmp_path / "plans", KEY)


def keep(store: PlanStore, wanted: PlanInputs = INPUTS, plan: bytes = b"a plan" * 100, timing: bytes = b"") -> Path:
    """Put and promote; returns the entry's folder."""
    with store.building(wanted):
        store.put(wanted, built(plan, timing), GATE, 5.0)
        store.promote(wanted)
    return store.folder / "entries" / wanted.key


def reason(act: Callable[[], object]) -> str:
    with pytest.raises(PlanRefused) as caught:
        act()
    assert "\n" not in str(caught.value)
    return caught.value.reason


def test_a_plan_comes_back_with_everything_about_it(store: PlanStore) -> None:
    keep(store, plan=b"whole", timing=b"measured")
    plan = store.serving(INPUTS)
    assert plan.data == b"whole"
    assert plan.meta["inputs"] == INPUTS.document()
    assert plan.meta["gate"] == GATE
    assert plan.meta["made"] == 5.0
    assert plan.meta["facts"]["build_s"] == 0.3
    assert store.has(INPUTS)
    assert store.holds(INPUTS.key)
    (one,) = store.kept()
    assert (one.key, one.roles, one.problem) == (INPUTS.key, ("current",), "")


def test_another_process_finds_it(store: PlanStore) -> None:
    keep(store)
    assert PlanStore(store.folder, KEY).serving(INPUTS).key == INPUTS.key


CHANGED: dict[str, Any] = {
    "package": "other",
    "package_sha256": "c" * 64,
    "form": "int8-s8",
    "form_sha256": "c" * 64,
    "ranges_sha256": "c" * 64,
    "makers": {"quantiser": 2, "half": 1, "lint": 1, "builder": 1},
    "target": "tensorrt",
    "sm": "89",
    "backend": "tensorrt_rtx 1.8.0.1",
    "device": "Orin, SM 87",
    "system": "Linux aarch64",
    "power_mode": "MAXN",
    "profiles": {"image": ((1, 1, 8, 8), (1, 1, 32, 32), (4, 1, 64, 64))},
    "workspace_mib": 512,
}


@pytest.mark.parametrize("field", CHANGED)
def test_each_input_is_part_of_the_key_and_named_when_it_differs(store: PlanStore, field: str) -> None:
    assert CHANGED.keys() == INPUTS.document().keys()
    other = inputs(**{field: CHANGED[field]})
    assert other.key != INPUTS.key
    keep(store)
    with pytest.raises(PlanRefused, match=f"made for {field} ") as caught:
        store.read(INPUTS.key, other.document())
    assert caught.value.reason == "other"
    assert store.has(INPUTS)  # it is another plan, not a bad one


def test_the_key_does_not_depend_on_order() -> None:
    turned = inputs(makers=dict(reversed(INPUTS.makers.items())))
    assert turned.key == INPUTS.key


def test_what_never_was_is_missing(store: PlanStore) -> None:
    assert reason(lambda: store.serving(INPUTS)) == "missing"
    assert reason(lambda: store.read(INPUTS.key, {})) == "missing"
    assert store.kept() == []
    assert not store.has(INPUTS)


def flip(file: Path, where: float) -> None:
    data = bytearray(file.read_bytes())
    data[int(where * (len(data) - 1))] ^= 0x10
    file.write_bytes(data)


@settings(max_examples=40, deadline=None)
@given(name=st.sampled_from(["plan", "meta.json"]), where=st.floats(0, 1))
def test_any_flipped_byte_is_refused(tmp_path_factory: pytest.TempPathFactory, name: str, where: float) -> None:
    store = PlanStore(tmp_path_factory.mktemp("plans"), KEY)
    folder = keep(store)
    flip(folder / name, where)
    assert reason(lambda: store.serving(INPUTS)) in ("damaged", "foreign")


def test_a_damaged_plan_goes_into_quarantine_once(store: PlanStore) -> None:
    flip(keep(store) / "plan", 0.5)
    with pytest.raises(PlanRefused, match=r"SHA-256 differs\), and is in quarantine; compile it again"):
        store.serving(INPUTS)
    assert not store.holds(INPUTS.key)
    assert reason(lambda: store.serving(INPUTS)) == "missing"
    keep(store, plan=b"made again")
    assert store.serving(INPUTS).data == b"made again"
    flip(keep_folder(store) / "plan", 0.5)
    assert reason(lambda: store.serving(INPUTS)) == "damaged"
    assert len(list((store.folder / "quarantine").iterdir())) == 2


def keep_folder(store: PlanStore) -> Path:
    return store.folder / "entries" / INPUTS.key


@pytest.mark.parametrize("name", ["plan", "meta.json"])
@pytest.mark.parametrize("size", [0, 1, 50])
def test_a_truncated_plan_is_refused(store: PlanStore, name: str, size: int) -> None:
    os.truncate(keep(store) / name, size)
    assert reason(lambda: store.serving(INPUTS)) == "damaged"


def test_a_longer_plan_is_refused_by_its_size_alone(store: PlanStore) -> None:
    with (keep(store) / "plan").open("ab") as file:
        file.write(b"x")
    with pytest.raises(PlanRefused, match="601 bytes instead of 600"):
        store.serving(INPUTS)


@pytest.mark.parametrize("name", ["plan", "meta.json"])
def test_a_missing_file_is_refused(store: PlanStore, name: str) -> None:
    (keep(store) / name).unlink()
    assert reason(lambda: store.serving(INPUTS)) in ("damaged", "missing")
    assert not store.has(INPUTS)


def test_who_is_told_of_the_plans_is_told_which_are_damaged(store: PlanStore) -> None:
    other = inputs(form="fp32")
    flip(keep(store) / "plan", 0.5)
    os.truncate(keep(store, other) / "plan", 10)
    told = {one.key: one for one in store.kept()}
    assert "SHA-256 differs" in told[INPUTS.key].problem
    assert "10 bytes instead of 600" in told[other.key].problem
    assert {one.roles for one in told.values()} == {("current",)}
    assert not (store.folder / "quarantine").exists(), "looking changes nothing"


def test_another_machine_s_plan_is_foreign(store: PlanStore, tmp_path: Path) -> None:
    keep(store)
    theirs = PlanStore(tmp_path / "theirs", bytes(32))
    keep(theirs)
    shutil.rmtree(store.folder / "entries")
    shutil.copytree(theirs.folder / "entries", store.folder / "entries")
    with pytest.raises(PlanRefused, match="made by another machine") as caught:
        store.serving(INPUTS)
    assert caught.value.reason == "foreign"


def test_a_forged_description_is_refused(store: PlanStore) -> None:
    file = keep(store) / "meta.json"
    meta = json.loads(file.read_text())
    meta["gate"]["cpu"]["loss"] = 0.0
    file.write_text(json.dumps(meta))
    assert reason(lambda: store.serving(INPUTS)) == "damaged"


@pytest.mark.parametrize(
    ("field", "value"), [("made", "NaN"), ("seal", '"\\ud800"'), ("schema", "[" * 9000 + "]" * 9000)]
)
def test_whatever_a_sealed_file_was_changed_to_is_one_sentence(store: PlanStore, field: str, value: str) -> None:
    store.note("choice", {"made": 1})
    for file in (keep(store) / "meta.json", store.folder / "notes" / "choice.json"):
        document = {**json.loads(file.read_text()), field: "here"}
        file.write_text(json.dumps(document).replace('"here"', value))
    (one,) = store.kept()
    assert "changed after it was sealed" in one.problem or "cannot be read" in one.problem
    assert reason(lambda: store.noted("choice")) == "damaged"
    assert reason(lambda: store.serving(INPUTS)) == "damaged"


def test_an_entry_under_another_s_address_is_refused(store: PlanStore) -> None:
    other = inputs(power_mode="15W")
    folder = keep(store)
    keep(store, other)
    shutil.rmtree(folder)
    shutil.copytree(store.folder / "entries" / other.key, folder)
    with pytest.raises(PlanRefused, match="the description of another plan"):
        store.read(INPUTS.key, {})


def test_going_back_and_forth(store: PlanStore) -> None:
    older, newer = inputs(ranges_sha256="1" * 64), inputs(ranges_sha256="2" * 64)
    keep(store, older, b"older")
    assert reason(lambda: store.roll_back(INPUTS.slot)) == "missing"
    keep(store, newer, b"newer")
    assert store.serving(newer).data == b"newer"
    assert reason(lambda: store.serving(older)) == "other"
    store.roll_back(INPUTS.slot)
    assert store.serving(newer).data == b"older"  # chosen by hand: its table may be another
    changed = replace(newer, backend="tensorrt_rtx 1.8.0.1")
    with pytest.raises(PlanRefused, match="made for backend"):
        store.serving(changed)  # but never its compiler, device or weights
    assert {one.key: one.roles for one in store.kept()} == {older.key: ("current",), newer.key: ("previous",)}
    store.roll_back(INPUTS.slot)
    assert store.serving(newer).data == b"newer"
    assert reason(lambda: store.serving(older)) == "other"


def test_a_damaged_previous_plan_is_not_gone_back_to(store: PlanStore) -> None:
    older, newer = inputs(ranges_sha256="1" * 64), inputs(ranges_sha256="2" * 64)
    flip(keep(store, older) / "plan", 0.5)
    keep(store, newer, b"newer")
    assert reason(lambda: store.roll_back(INPUTS.slot)) == "damaged"
    assert store.serving(newer).data == b"newer"


def test_a_changed_pointer_points_nowhere(store: PlanStore) -> None:
    keep(store)
    file = store.folder / "slots" / f"{INPUTS.slot}.json"
    other = inputs(form="fp32")
    keep(store, other)
    (store.folder / "slots" / f"{other.slot}.json").replace(file)
    assert reason(lambda: store.serving(INPUTS)) == "damaged"
    flip(file, 0.3)
    assert reason(lambda: store.serving(INPUTS)) in ("damaged", "foreign")
    keep_again = inputs(power_mode="15W")
    keep(store, keep_again)
    assert store.serving(keep_again).key == keep_again.key


def several(store: PlanStore, count: int, size: int) -> list[PlanInputs]:
    """One slot, oldest first."""
    made = [inputs(ranges_sha256=f"{number}" * 64) for number in range(count)]
    for number, one in enumerate(made):
        folder = keep(store, one, bytes(size))
        os.utime(folder / "meta.json", (number, number))
    return made


def test_the_oldest_unused_go_when_there_is_no_room(tmp_path: Path) -> None:
    store = PlanStore(tmp_path / "plans", KEY, most_bytes=50_000)
    made = several(store, 6, 10_000)
    assert [one.key for one in made if store.has(one)] == [one.key for one in made[-4:]]
    assert store.serving(made[-1]).key == made[-1].key


def test_plans_in_use_are_never_removed(tmp_path: Path) -> None:
    store = PlanStore(tmp_path / "plans", KEY, most_bytes=30_000)
    older, newer = several(store, 2, 10_000)
    with pytest.raises(PlanRefused, match="bytes do not fit"):
        keep(store, inputs(form="fp32"), bytes(20_000))
    assert store.serving(newer).key == newer.key
    assert store.roll_back(INPUTS.slot).current == older.key


def test_prune_leaves_what_is_in_use(store: PlanStore) -> None:
    made = several(store, 4, 100)
    flip(store.folder / "entries" / made[0].key / "plan", 0.5)
    assert not store.has(made[0])
    left = store.folder / "entries" / f".new-{made[1].key}-1"
    left.mkdir()
    assert store.prune() == [made[0].key, made[1].key]
    assert [one.key for one in made if store.has(one)] == [made[2].key, made[3].key]
    assert sorted(os.listdir(store.folder / "entries")) == sorted([made[2].key, made[3].key])
    assert os.listdir(store.folder / "quarantine") == []


def test_what_is_being_written_is_not_pruned(store: PlanStore) -> None:
    made = several(store, 3, 100)
    with store.building(made[0]):
        left = store.folder / "entries" / f".new-{made[0].key}-1"
        left.mkdir()
        assert store.prune() == []
        assert left.exists()


def test_prune_leaves_no_lock_behind(store: PlanStore) -> None:
    made = several(store, 4, 100)
    with store.building(inputs(form="fp32")):
        pass  # a build that failed
    held, locks = inputs(form="int8-s8"), store.folder / "locks"
    with store.building(held):
        assert store.prune() == [made[0].key, made[1].key]
        left = {file.stem for file in locks.iterdir()}
        assert left == {held.key, made[2].key, made[3].key}
        with room.free(store.folder, held.key) as ours:
            assert not ours


def test_who_waited_for_a_lock_that_was_removed_takes_the_new_one(store: PlanStore) -> None:
    waits, holds, done = threading.Event(), threading.Event(), threading.Event()

    def build() -> None:
        with store.building(INPUTS, lambda _says: waits.set()):
            holds.set()
            assert done.wait(20)

    other = threading.Thread(target=build)
    with room.free(store.folder, INPUTS.key) as ours:
        assert ours
        other.start()
        assert waits.wait(20)
    assert holds.wait(20)
    with room.free(store.folder, INPUTS.key) as ours:
        assert not ours, "it holds a lock that nobody finds"
    done.set()
    other.join()


@contextmanager
def files_up_to(size: int) -> Iterator[None]:
    """Writing more fails as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextmanager
def no_more_files() -> Iterator[None]:
    """Opening one more fails: too many are open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_plan_that_cannot_be_read_just_now_stays(store: PlanStore) -> None:
    older, newer = inputs(ranges_sha256="1" * 64), inputs(ranges_sha256="2" * 64)
    keep(store, older, b"older")
    keep(store, newer, b"newer")
    store.note("choice", {"made": 1})
    acts: list[Callable[[], object]] = [
        lambda: store.serving(newer),
        lambda: store.read(newer.key, {}),
        lambda: store.has(newer),
        lambda: store.noted("choice"),
        lambda: store.promote(newer),
        lambda: store.roll_back(INPUTS.slot),
        store.prune,
    ]
    with no_more_files():
        reasons = [reason(act) for act in acts]
    assert reasons == ["store"] * len(acts)
    assert store.serving(newer).data == b"newer"
    store.roll_back(INPUTS.slot)
    assert store.read(older.key, {}).data == b"older"
    assert not (store.folder / "quarantine").exists()


@pytest.mark.parametrize("part", ["slots", "meta.json", "plan"])
def test_a_file_that_is_not_given_costs_no_plan(store: PlanStore, monkeypatch: pytest.MonkeyPatch, part: str) -> None:
    keep(store)
    real = Path.open

    def refuse(file: Path, mode: str = "r", *arguments: Any, **more: Any) -> Any:
        if part in file.parts and "r" in mode:
            raise OSError(errno.EIO, "Input/output error")
        return real(file, mode, *arguments, **more)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", refuse)
        with pytest.raises(PlanRefused, match=r"cannot be read just now \(Input/output error\); it stays") as caught:
            store.serving(INPUTS)
        assert caught.value.reason == "store"
        if part == "slots":
            assert reason(store.prune) == "store", "what nothing seems to point to would be removed"
            assert reason(lambda: store.promote(inputs(power_mode="15W"))) == "store", "what was current would be lost"
    assert store.prune() == []
    assert store.serving(INPUTS).data == b"a plan" * 100


def test_a_full_disk_leaves_the_old_plan_and_no_trace(store: PlanStore) -> None:
    older, newer = inputs(ranges_sha256="1" * 64), inputs(ranges_sha256="2" * 64)
    keep(store, older)
    with files_up_to(10_000), pytest.raises(PlanRefused, match="the disk is full; free some of it") as caught:
        keep(store, newer, bytes(20_000))
    assert caught.value.reason == "store"
    assert os.listdir(store.folder / "entries") == [older.key]
    assert store.serving(older).key == older.key
    keep(store, newer, bytes(20_000))


def test_a_folder_that_cannot_be_written_is_one_sentence() -> None:
    store = PlanStore(Path("/proc/scanside"), KEY)
    assert reason(lambda: keep(store)) == "store"
    assert reason(lambda: store.put(INPUTS, built(), GATE, 0.0)) == "store"
    assert reason(lambda: store.note("choice", {})) == "store"
    assert store.kept() == []
    assert store.noted("choice") is None


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 kB of its own, which can be made read-only."""
    folder = tmp_path / "disk"
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(folder)], capture_output=True)
    if done.returncode:
        pytest.skip("needs the right to mount a file system")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_really_full_and_a_really_read_only_disk(small_disk: Path) -> None:
    store = PlanStore(small_disk, KEY)
    keep(store)
    big = inputs(form="fp32")
    with pytest.raises(PlanRefused, match="the disk is full"):
        keep(store, big, bytes(100_000))
    assert store.serving(INPUTS).data == b"a plan" * 100
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    assert store.serving(INPUTS).data == b"a plan" * 100
    with pytest.raises(PlanRefused, match="cannot be written \\(Read-only file system\\)"):
        keep(store, big)
    subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)
    flip(keep_folder(store) / "plan", 0.5)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    for _ in range(2):  # it cannot be moved away, and is refused each time
        assert reason(lambda: store.serving(INPUTS)) == "damaged"


PROGRAM = """
import sys
from pathlib import Path
from engine.plans.store import PlanStore
from tests.engine.plans.plan_cases import GATE, INPUTS, KEY, built
store = PlanStore(Path(sys.argv[1]), KEY)
with store.building(INPUTS, lambda said: print("waits", flush=True)):
    if store.has(INPUTS):
        print("reused", flush=True)
    else:
        print("builds", flush=True)
        sys.stdin.readline()
        store.put(INPUTS, built(), GATE, 1.0)
        store.promote(INPUTS)
        print("built", flush=True)
"""


@pytest.fixture
def other(store: PlanStore) -> Iterator[Callable[[], "subprocess.Popen[str]"]]:
    started = []

    def start() -> "subprocess.Popen[str]":
        arguments = [sys.executable, "-c", PROGRAM, str(store.folder)]
        process = subprocess.Popen(arguments, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def said(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_two_processes_make_a_plan_once(store: PlanStore, other: Callable[[], "subprocess.Popen[str]"]) -> None:
    first = other()
    assert said(first) == "builds"
    second = other()
    assert said(second) == "waits"
    assert first.stdin is not None
    print(file=first.stdin, flush=True)
    assert said(first) == "built"
    assert said(second) == "reused"
    assert store.serving(INPUTS).key == INPUTS.key


def test_a_killed_build_is_taken_over_and_cleaned_up(
    store: PlanStore, other: Callable[[], "subprocess.Popen[str]"]
) -> None:
    first = other()
    assert said(first) == "builds"
    left = store.folder / "entries" / f".new-{INPUTS.key}-{first.pid}"
    left.mkdir(parents=True)
    (left / "plan").write_bytes(b"half a pl")
    first.send_signal(signal.SIGKILL)
    told: list[str] = []
    with store.building(INPUTS, told.append):
        assert not left.exists()
        assert not store.has(INPUTS)
        store.put(INPUTS, built(), GATE, 1.0)
    assert os.listdir(store.folder / "entries") == [INPUTS.key]


def test_the_gate_s_report_can_be_replaced_and_stays_sealed(store: PlanStore) -> None:
    folder = keep(store)
    store.judge(INPUTS.key, {**GATE, "device": {"passed": True}})
    assert store.serving(INPUTS).meta["gate"]["device"] == {"passed": True}
    flip(folder / "meta.json", 0.5)
    assert reason(lambda: store.judge(INPUTS.key, GATE)) in ("damaged", "foreign")


def test_a_build_begins_with_what_the_last_one_on_this_device_measured(store: PlanStore) -> None:
    keep(store, inputs(form="fp32"), timing=b"measured")
    assert store.timing_cache(INPUTS) == b"measured"
    assert store.timing_cache(inputs(device="another card")) == b""
    assert store.timing_cache(inputs(backend="tensorrt 11.4.0")) == b""
    (store.folder / "entries" / inputs(form="fp32").key / "timing.cache").write_bytes(b"forged")
    assert store.timing_cache(INPUTS) == b""


def test_notes_are_sealed(store: PlanStore) -> None:
    assert store.noted("choice-denoiser") is None
    store.note("choice-denoiser", {"key": "1", "found": [1, 2.5, None, "ü"]})
    assert store.noted("choice-denoiser") == {"key": "1", "found": [1, 2.5, None, "ü"]}
    file = store.folder / "notes" / "choice-denoiser.json"
    shutil.copy(file, file.with_name("choice-quality.json"))
    assert reason(lambda: store.noted("choice-quality")) == "damaged"
    file.write_text(file.read_text().replace("2.5", "9.5"))
    assert reason(lambda: store.noted("choice-denoiser")) == "damaged"
    store.note("choice-denoiser", {})
    assert store.noted("choice-denoiser") == {}
    assert reason(lambda: PlanStore(store.folder, bytes(32)).noted("choice-denoiser")) == "foreign"


@pytest.mark.parametrize("name", ["../out", "", ".hidden", "a/b", "x" * 200])
def test_a_note_s_name_is_a_name(store: PlanStore, name: str) -> None:
    assert reason(lambda: store.note(name, {})) == "store"


def test_a_note_holds_json_only(store: PlanStore) -> None:
    assert reason(lambda: store.note("a", {"loss": float("inf")})) == "store"
    assert reason(lambda: store.note("a", {"loss": b"bytes"})) == "store"
