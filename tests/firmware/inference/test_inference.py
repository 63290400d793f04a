"""The inference worker as a real process, and everything that can become of it."""

import gc
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil
import pytest
from onnx import helper

from firmware.clock import SystemClock
from firmware.health import Health
from firmware.inference.link import SLOT_PIXELS, SLOTS, new_memory
from firmware.inference.pace import Backoff, Patience
from firmware.inference.process import COMMAND, Wishes
from firmware.inference.status import ModelStatus
from firmware.inference.supervisor import InferenceWorker
from models.signing import write_public_half
from tests.engine.package_cases import KEY, MANIFEST, SIZES, files, network, npz, seal
from tests.engine.runners.smoothing import smoothed, write_package
from tests.firmware.inference import faulty_worker as faults

FAULTY = (sys.executable, faults.__file__)
PATIENCE = Patience(start=30.0, first=20.0, least=20.0, wait=20.0)
"""A busy machine is not a hang."""
IMPATIENT = Patience(start=30.0, first=0.5, least=0.5, wait=20.0)
IMAGE = np.random.default_rng(3).uniform(1, 50, (1, 40, 32)).astype(np.float32)


@dataclass
class Watched:
    """A worker and the states it went through."""

    worker: InferenceWorker
    health: Health
    states: list[ModelStatus] = field(default_factory=list)
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def hear(self, status: ModelStatus) -> None:
        with self._changed:
            self.states.append(status)
            self._changed.notify_all()

    def wait_for(self, state: str, times: int = 1) -> ModelStatus:
        def there() -> list[ModelStatus]:
            return [status for status in self.states if status.state == state]

        with self._changed:
            assert self._changed.wait_for(lambda: len(there()) >= times, 30), self.states
            return there()[times - 1]

    @property
    def problem(self) -> str:
        return self.health.snapshot()["problems"].get(f"model-{self.worker.status.task}", "")

    def process(self) -> psutil.Process:
        (child,) = [c for c in psutil.Process().children() if "worker" in " ".join(c.cmdline())]
        return child


Start = Callable[..., Watched]


def begin(path: tuple[Path, ...], command=COMMAND, patience=PATIENCE, task="denoise") -> Watched:
    health = Health()
    watched: Watched
    worker = InferenceWorker(
        Wishes(path[0], path[1:], task, "onnxruntime-cpu:fp32", command=command),
        health,
        SystemClock(),
        lambda status: watched.hear(status),
        patience=patience,
        backoff=Backoff(first=0.01, most=0.05),
    )
    watched = Watched(worker, health)
    worker.start()
    return watched


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return write_package(tmp_path_factory.mktemp("package"))


@pytest.fixture
def start(package: tuple[Path, Path]) -> Iterator[Start]:
    made: list[Watched] = []

    def another(command=COMMAND, patience=PATIENCE, path=package) -> Watched:
        made.append(begin(path, command, patience))
        return made[-1]

    yield another
    for watched in made:
        watched.worker.stop()
        assert watched.states[-1].state == "off"
    assert not [c for c in psutil.Process().children() if "worker" in " ".join(c.cmdline())], "no zombie"


def wishing(fault: float) -> np.ndarray:
    image = IMAGE.copy()
    image.flat[0] = fault
    return image


def good(answer: object) -> bool:
    return isinstance(answer, np.ndarray) and np.allclose(answer, smoothed(IMAGE), atol=1e-3)


def test_images_come_back_processed(start: Start) -> None:
    watched = start()
    told = watched.wait_for("serving")
    assert (told.name, told.version, told.actual) == ("mean", "1.2.3", "CPUExecutionProvider")
    assert len(told.sha256) == 64
    for shape in ((1, 40, 32), (3, 16, 64), (1, 256, 256)):
        image = np.random.default_rng(0).uniform(0, 9, shape).astype(np.float32)
        np.testing.assert_allclose(watched.worker.run(image), smoothed(image), atol=1e-3)
    assert watched.worker.pace.summary()["n"] == 3
    assert watched.problem == ""


def test_the_answer_is_the_callers_own(start: Start) -> None:
    watched = start()
    watched.wait_for("serving")
    first = watched.worker.run(IMAGE)
    for _ in range(2 * SLOTS):
        watched.worker.run(2 * IMAGE)
    assert good(first)


def test_before_it_serves_frames_go_on(start: Start, tmp_path: Path) -> None:
    silent = tmp_path / "silent_worker.py"
    silent.write_text("import threading; threading.Event().wait()")
    watched = start((sys.executable, str(silent)))
    assert watched.worker.run(IMAGE) == "starting"


def test_a_start_that_hangs_is_ended(start: Start, tmp_path: Path) -> None:
    silent = tmp_path / "silent_worker.py"
    silent.write_text("import threading; threading.Event().wait()")
    watched = start((sys.executable, str(silent)), Patience(start=0.2))
    assert watched.wait_for("restarting", 2).reason == "worker_hung"


@pytest.mark.parametrize("garbage", [b"", b"x" * 100, b'{"name": 3}', b"[]", b"\xff\n{}"])
def test_a_start_that_talks_nonsense_is_ended(start: Start, tmp_path: Path, garbage: bytes) -> None:
    babbling = tmp_path / "babbling_worker.py"
    babbling.write_text(f"import json, os, sys; os.write(json.loads(sys.argv[1])['answers'], {garbage!r})")
    watched = start((sys.executable, str(babbling)))
    assert watched.wait_for("restarting", 2).reason == "worker_lost"
    assert watched.worker.run(IMAGE) == "worker_lost"


def test_an_answer_that_nobody_asked_for_ends_the_worker(start: Start, tmp_path: Path) -> None:
    inventive = tmp_path / "inventive_worker.py"
    inventive.write_text(
        "import json, os, sys, threading; out = json.loads(sys.argv[1])['answers'];"
        "os.write(out, b'{}'); sys.stdin.read(); os.read(json.loads(sys.argv[1])['requests'], 9);"
        "os.write(out, b'7' * 40); threading.Event().wait()"
    )
    watched = start((sys.executable, str(inventive)))
    watched.wait_for("serving")
    assert watched.worker.run(IMAGE) == "worker_lost"


@pytest.mark.parametrize(
    ("fault", "why"), [(faults.CRASH, "worker_lost"), (faults.EXIT, "worker_lost"), (faults.HANG, "worker_hung")]
)
def test_a_worker_that_ends_or_hangs_costs_its_image_and_is_back(start: Start, fault: float, why: str) -> None:
    watched = start(FAULTY, IMPATIENT if fault == faults.HANG else PATIENCE)
    watched.wait_for("serving")
    assert watched.worker.run(wishing(fault)) == why
    assert watched.wait_for("restarting").reason == why
    again = watched.wait_for("serving", 2)
    assert again.restarts == 1
    assert good(watched.worker.run(IMAGE))
    assert watched.health.snapshot()["counters"] == {f"inference_{why}": 1}
    assert watched.problem == ""


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        (faults.NAN, "not_finite"),
        (faults.CONSTANT, "constant_output"),
        (faults.SHAPE, "wrong_shape"),
        (faults.RAISE, "runner_failed"),
    ],
)
def test_an_answer_that_cannot_be_used_is_said_until_one_can(start: Start, fault: float, why: str) -> None:
    watched = start(FAULTY)
    watched.wait_for("serving")
    assert watched.worker.run(wishing(fault)) == why
    assert watched.wait_for("failed").reason == why
    assert why in watched.problem
    assert good(watched.worker.run(IMAGE))
    assert watched.wait_for("serving", 2).restarts == 0


@pytest.mark.parametrize(
    ("image", "why"),
    [
        (IMAGE[:, :4], "unsupported_size"),
        (np.zeros((1, 1, SLOT_PIXELS + 1), np.float32), "unsupported_size"),
        (np.where(IMAGE.max() == IMAGE, np.nan, IMAGE), "image_not_finite"),
    ],
)
def test_an_image_that_the_network_was_not_made_for_is_no_fault_of_it(
    start: Start, image: np.ndarray, why: str
) -> None:
    watched = start()
    watched.wait_for("serving")
    assert watched.worker.run(image) == why
    assert good(watched.worker.run(IMAGE))
    assert [status.state for status in watched.states] == ["starting", "serving"]


def test_a_late_answer_is_never_anothers(start: Start) -> None:
    """The waits are over before the answers come; each place is used again only after its own answer."""
    watched = start(patience=Patience(wait=0.0))
    watched.wait_for("serving")
    eager = start(patience=PATIENCE)
    eager.wait_for("serving")
    images = [np.full((1, 512, 512), level, np.float32) + IMAGE[0, 0, 0] for level in range(30)]
    for image in images:
        image[0, 100, 100] = 0
        answer = watched.worker.run(image)
        if isinstance(answer, str):
            assert answer in ("worker_late", "worker_busy")
        else:
            np.testing.assert_allclose(answer, smoothed(image), atol=1e-2)
        np.testing.assert_allclose(eager.worker.run(image), smoothed(image), atol=1e-2)


def test_what_hangs_is_waited_for_once(start: Start) -> None:
    watched = start(FAULTY, Patience(first=30.0, wait=0.1))
    watched.wait_for("serving")
    assert watched.worker.run(wishing(faults.HANG)) == "worker_late"
    clock = SystemClock()
    began = clock.monotonic()
    assert [watched.worker.run(IMAGE) for _ in range(100)] == ["worker_late"] * 100
    assert clock.monotonic() - began < 5.0, "not a hundred waits"


def test_the_place_of_a_late_image_is_free_once_after_its_answer(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    watched = start(FAULTY, Patience(first=30.0, wait=0.05))
    watched.wait_for("serving")
    answered, record = threading.Semaphore(0), watched.worker.pace.record

    def recorded(shape: tuple[int, ...], seconds: float) -> None:
        record(shape, seconds)
        answered.release()

    monkeypatch.setattr(watched.worker.pace, "record", recorded)
    for _ in range(2 * SLOTS):
        assert watched.worker.run(wishing(faults.UNTIL_SIGNAL)) == "worker_late"
        watched.process().send_signal(signal.SIGUSR1)
        assert answered.acquire(timeout=20)
    pending = [watched.worker.submit(wishing(faults.UNTIL_SIGNAL)) for _ in range(SLOTS)]
    assert not [p for p in pending if isinstance(p, str)]
    assert watched.worker.submit(IMAGE) in ("worker_busy", "worker_late")
    assert len({p.slot for p in pending}) == SLOTS, "one place each"


def test_what_waits_behind_a_hang_is_lost_with_it(start: Start) -> None:
    watched = start(FAULTY, IMPATIENT)
    watched.wait_for("serving")
    hangs, behind = watched.worker.submit(wishing(faults.HANG)), watched.worker.submit(IMAGE)
    assert [watched.worker.collect(pending) for pending in (hangs, behind)] == ["worker_hung", "worker_lost"]


def test_more_images_than_places_are_turned_away(start: Start) -> None:
    watched = start(FAULTY, Patience(first=30.0, wait=20.0))
    watched.wait_for("serving")
    pending = [watched.worker.submit(wishing(faults.HANG) if n == 0 else IMAGE) for n in range(SLOTS)]
    assert not [p for p in pending if isinstance(p, str)]
    assert watched.worker.submit(IMAGE) == "worker_busy"
    watched.process().kill()
    assert [watched.worker.collect(p) for p in pending] == ["worker_lost"] * SLOTS
    watched.wait_for("serving", 2)
    assert all(good(watched.worker.run(IMAGE)) for _ in range(3 * SLOTS))


def test_several_threads_get_their_own_images(start: Start) -> None:
    watched = start()
    watched.wait_for("serving")
    wrong: list[object] = []

    def ask(level: int) -> None:
        image = np.random.default_rng(level).uniform(0, 50, (1, 64, 48)).astype(np.float32)
        for _ in range(100):
            answer = watched.worker.run(image)
            if isinstance(answer, str) or not np.allclose(answer, smoothed(image), atol=1e-3):
                wrong.append(answer)

    threads = [threading.Thread(target=ask, args=(level,)) for level in range(SLOTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not wrong


@pytest.mark.parametrize("part", ["model.onnx", "signature", "manifest.toml"])
def test_a_changed_package_is_refused_and_not_tried_again(start: Start, tmp_path: Path, part: str) -> None:
    path = write_package(tmp_path)
    file = path[0] / part
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    watched = start(path=path)
    told = watched.wait_for("failed")
    assert str(file) in told.reason
    assert part in watched.problem
    watched.worker._thread.join(0.5)
    assert watched.states[-1] == told, "and stays so"
    assert watched.worker.run(IMAGE) == "no_model"
    assert told.restarts == 0


def test_a_package_for_another_task_is_refused(start: Start, tmp_path: Path) -> None:
    assert "quality" in start(path=write_package(tmp_path, task="quality")).wait_for("failed").reason


@pytest.mark.parametrize(
    ("said", "instead"),
    [
        ('dtype = "float32"', 'dtype = "float16"'),
        ('unit = "SNR"', 'unit = "1"'),
        ('["batch", 1, "y", "x"]', '["batch", "y", "x"]'),
    ],
)
def test_a_network_for_other_images_is_refused(start: Start, tmp_path: Path, said: str, instead: str) -> None:
    kind = np.float16 if "float16" in instead else np.float32
    sizes = SIZES[:1] + SIZES[2:] if "batch" in instead else SIZES
    element = helper.np_dtype_to_tensor_dtype(np.dtype(kind))
    model = network(
        [helper.make_node("Abs", ["image"], ["denoised"])],
        inputs=[("image", element, sizes)],
        outputs=[("denoised", element, sizes)],
    )
    images = np.ones((2, *(1 if size == "batch" else 8 for size in sizes if size != 1)), kind)
    images = images if "batch" in instead else images[:, :, None]
    content = files(
        manifest_toml=MANIFEST.replace(said, instead).encode(),
        model_onnx=model.SerializeToString(),
        golden_npz=npz(image=images, denoised=images),
    )
    package = seal(tmp_path / "gain", content)
    write_public_half(KEY, tmp_path / "k.pub")
    told = start(path=(package, tmp_path)).wait_for("failed")
    assert "gain" in told.reason
    assert told.restarts == 0


def test_a_file_whose_name_is_no_text_is_refused(start: Start, tmp_path: Path) -> None:
    path = write_package(tmp_path)
    Path(os.fsdecode(os.fsencode(path[0] / "x") + b"\xff")).write_bytes(b"")
    assert "not a file of a package" in start(path=path).wait_for("failed").reason


def test_an_image_outside_the_range_goes_on_without(start: Start) -> None:
    watched = start()
    watched.wait_for("serving")
    assert watched.worker.run(IMAGE + 10_000) == "out_of_range"


def test_whoever_cannot_be_told_costs_nothing(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    def explode(watched: Watched, status: ModelStatus) -> None:
        hear(watched, status)
        raise BrokenPipeError("planted")

    hear = Watched.hear
    monkeypatch.setattr(Watched, "hear", explode)
    watched = start()
    assert watched.wait_for("serving").restarts == 0
    assert good(watched.worker.run(IMAGE))


def test_the_memory_cannot_be_taken_from_under_the_loop() -> None:
    descriptor = new_memory()
    with pytest.raises(PermissionError):
        os.ftruncate(descriptor, 0)
    os.close(descriptor)


def test_a_network_that_does_not_do_what_it_says_is_refused(start: Start, tmp_path: Path) -> None:
    assert "golden" in start(path=write_package(tmp_path, golden_factor=1.1)).wait_for("failed").reason


def test_a_renewed_worker_is_another_process_and_no_failure(start: Start) -> None:
    watched = start()
    watched.wait_for("serving")
    assert good(watched.worker.run(IMAGE))
    before = watched.process().pid
    watched.worker.renew()
    watched.wait_for("serving", times=2)
    assert watched.process().pid != before
    assert good(watched.worker.run(IMAGE))
    assert not [name for name in watched.health.snapshot()["counters"] if name.startswith("inference_")]
    assert watched.worker.status.restarts == 0


def test_a_renewal_waits_for_what_is_on_its_way(start: Start) -> None:
    watched = start(FAULTY)
    watched.wait_for("serving")
    pending = watched.worker.submit(wishing(faults.UNTIL_SIGNAL))
    watched.worker.renew()
    watched.process().send_signal(signal.SIGUSR1)
    answer = watched.worker.collect(pending)
    assert isinstance(answer, np.ndarray), answer
    watched.wait_for("serving", times=2)


def test_a_refused_network_is_tried_again_when_renewed(
    start: Start, package: tuple[Path, Path], tmp_path: Path
) -> None:
    place = tmp_path / "later"
    watched = start(path=(place, package[1]))
    watched.wait_for("failed")
    shutil.copytree(package[0], place)
    watched.worker.renew()
    watched.wait_for("serving")
    assert good(watched.worker.run(IMAGE))


def test_no_package_at_all(start: Start, tmp_path: Path) -> None:
    assert "nowhere" in start(path=(tmp_path / "nowhere", tmp_path)).wait_for("failed").reason


def test_the_worker_dies_with_its_parent(package: tuple[Path, Path]) -> None:
    """The parent is killed while the network hangs: neither a closed pipe nor a signal handler can help."""
    code = f"""
import sys
sys.path.insert(0, {os.getcwd()!r})
from tests.firmware.inference.test_inference import *
watched = begin((Path({str(package[0])!r}), Path({str(package[1])!r})), FAULTY, Patience(first=60.0))
watched.wait_for("serving")
watched.worker.run(wishing(faults.HANG))
print(watched.process().pid, flush=True)
threading.Event().wait()
"""
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = psutil.Process(int(parent.stdout.readline()))
    parent.kill()
    parent.wait(10)
    parent.stdout.close()
    psutil.wait_procs([child], timeout=20)
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE  # a container's init may not reap


@pytest.mark.slow
def test_lives_and_deaths_leave_nothing_behind(package: tuple[Path, Path]) -> None:
    process = psutil.Process()

    def life() -> None:
        watched = begin(package)
        for times in (1, 2, 3):
            watched.wait_for("serving", times)
            assert good(watched.worker.run(IMAGE))
            watched.process().kill()
        watched.worker.stop()
        del watched
        gc.collect()

    life()
    before = process.num_fds()
    for _ in range(3):
        life()
    assert process.num_fds() <= before


def test_the_words_of_a_worker_fit_its_message(tmp_path: Path, start: Start) -> None:
    deep = tmp_path / ("ü" * 100) / ("ö" * 100)
    deep.mkdir(parents=True)
    assert json.dumps(start(path=(deep, deep)).wait_for("failed").reason)
