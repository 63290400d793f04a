"""The thread that writes: never in the way, quiet about a full disk but once, and it says what it no longer keeps."""

import errno
import logging
import os
import sys
import threading

import numpy as np
import pytest

from firmware.health import Health
from firmware.pictures import writer
from firmware.pictures.files import kinds, numbers, read
from firmware.pictures.retention import Retention
from firmware.pictures.writer import Pictures
from tests.firmware.pictures.picture_cases import IMAGE, HandClock, frame, small


class Kept:
    """The writer with what it counted and said."""

    def __init__(self, folder, limit_mib=2048, days=7.0):
        self.folder, self.clock, self.health, self.told = folder, HandClock(), Health(), []
        self.pictures = Pictures(
            folder, self.clock, self.health, retention_days=days, limit_mib=limit_mib, on_dropped=self.told.append
        )

    def finish(self):
        self.pictures.start()
        self.pictures.close()

    def counters(self):
        return self.health.snapshot()["counters"]

    def problems(self):
        return self.health.snapshot()["problems"]


@pytest.fixture
def kept(tmp_path):
    return Kept(tmp_path / "pictures")


def test_everything_handed_over_is_on_disk_after_the_close(kept):
    kept.pictures.put_image("s1-1", frame(4))
    kept.pictures.put_processed("s1-1", frame(4, IMAGE * 2, "smoother 1"))
    kept.pictures.put_raw("s1-1", frame(4), small(), small((3, 4, 4)), began=True)
    assert kept.pictures.waiting == 4
    kept.finish()
    assert kinds(kept.folder, "s1-1", 4) == ["image", "processed", "kspace", "elements"]
    processed = read(kept.folder, "s1-1", 4, "processed")
    assert processed.processed_by == "smoother 1"
    assert np.abs(processed.values() - 2 * IMAGE[0]).max() <= processed.step * 0.501
    assert kept.pictures.bytes_on_disk == sum(path.stat().st_size for path in (kept.folder / "s1-1").iterdir())
    assert kept.counters() == {}
    assert (kept.folder / "s1-1" / "4.image").stat().st_mode & 0o077 == 0


def test_of_several_partitions_the_middle_one_is_shown(kept):
    kept.pictures.put_image("s", frame(data=np.stack([IMAGE[0] * 0, IMAGE[0], IMAGE[0] * 0])))
    kept.finish()
    assert read(kept.folder, "s", 0, "image").values().max() > 0.9


def test_what_finds_no_room_is_dropped_and_counted_and_nobody_waits(kept):
    for number in range(30):
        kept.pictures.put_image("s", frame(number))  # nothing is written yet: the thread has not begun
    assert kept.counters() == {"pictures_dropped_busy": 6}
    kept.finish()
    assert numbers(kept.folder, "s") == list(range(24))


def test_of_large_images_fewer_wait(kept, monkeypatch):
    monkeypatch.setattr(writer, "_WAITING_BYTES", 3 * IMAGE.nbytes)
    for number in range(5):
        kept.pictures.put_image("s", frame(number))
    assert kept.counters() == {"pictures_dropped_busy": 2}
    kept.finish()
    assert numbers(kept.folder, "s") == [0, 1, 2]
    again = Kept(kept.folder)
    again.pictures.put_image("t", frame(0, data=np.tile(IMAGE, (1, 4, 1))))  # larger than all that may wait
    again.finish()
    assert numbers(kept.folder, "t") == [0]


def test_what_was_written_waits_no_longer(kept, monkeypatch):
    monkeypatch.setattr(writer, "_WAITING_BYTES", IMAGE.nbytes)
    went_on, sweep = threading.Condition(), Retention.sweep

    def swept(retention):
        with went_on:
            went_on.notify_all()
        return sweep(retention)

    monkeypatch.setattr(Retention, "sweep", swept)
    kept.pictures.start()
    for number in range(3):
        kept.pictures.put_image("s", frame(number))
        with went_on:
            assert went_on.wait_for(lambda: not kept.pictures.waiting_bytes, 10)
    kept.pictures.close()
    assert numbers(kept.folder, "s") == [0, 1, 2]


def test_only_what_is_shown_waits(kept):
    stack = np.concatenate([IMAGE * part for part in range(8)])
    whole = frame(0, data=stack)
    left = sys.getrefcount(stack), sys.getrefcount(whole)
    kept.pictures.put_image("s", whole)
    kept.pictures.put_raw("s", whole, small(), small((3, 4, 4)), began=False)
    assert (sys.getrefcount(stack), sys.getrefcount(whole)) == left, "all of the image is kept by what waits"
    assert kept.pictures.waiting_bytes == IMAGE.nbytes + 16 + 48
    kept.finish()
    image = read(kept.folder, "s", 0, "image")
    assert np.abs(image.values() - 4 * IMAGE[0]).max() <= image.step * 0.501


def test_a_disk_that_hangs_keeps_nobody_waiting(kept, monkeypatch, caplog):
    hangs, go_on = threading.Event(), threading.Event()

    def write(*_):
        hangs.set()
        assert go_on.wait(30)
        return 1

    monkeypatch.setattr(writer, "write", write)
    kept.pictures.start()
    kept.pictures.put_image("s", frame(0))
    assert hangs.wait(30)
    for number in range(1, 40):
        kept.pictures.put_image("s", frame(number))
    assert kept.counters() == {"pictures_dropped_busy": 15}
    monkeypatch.setattr(writer, "_CLOSE_S", 0.01)
    kept.pictures.close()
    assert "24 pictures are not written" in caplog.text
    go_on.set()
    kept.pictures._thread.join(30)
    assert kept.pictures.waiting == 0


def test_a_full_disk_is_one_line_and_one_problem_until_there_is_room_again(kept, monkeypatch, caplog):
    real, full = writer.write, [0, 1, 2]

    def write(folder, scan, number, kind, plane):
        if number in full:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(folder, scan, number, kind, plane)

    problems = []
    monkeypatch.setattr(writer, "write", write)
    monkeypatch.setattr(kept.health, "problem", lambda *said: problems.append(said))
    for number in range(5):
        kept.pictures.put_image("s", frame(number))
    with caplog.at_level(logging.WARNING):
        kept.finish()
    assert kept.counters() == {"pictures_not_written": 3}
    assert numbers(kept.folder, "s") == [3, 4]
    (wrong, right) = problems
    assert right == ("pictures", None)
    assert "No space left on device" in wrong[1]
    assert "make room" in wrong[1]
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"]


def fill_disk(monkeypatch, free):
    """`free()` bytes are left of the disk."""
    real = os.statvfs

    def statvfs(path):
        found = real(path)
        return os.statvfs_result([*found[:4], free() // found.f_frsize, *found[5:]])

    monkeypatch.setattr(os, "statvfs", statvfs)


def test_the_last_of_the_disk_is_left_to_the_verdicts(kept, monkeypatch):
    fill_disk(monkeypatch, lambda: 100 << 20)
    kept.pictures.put_image("s", frame())
    kept.finish()
    assert kept.counters() == {"pictures_not_written": 1}
    assert "left to the verdicts" in kept.problems()["pictures"]


def old_scans(folder, count, size):
    """What an earlier run left: one picture a scan, the first one the oldest."""
    for number in range(count):
        path = folder / f"s0-{number}" / "0.image"
        path.parent.mkdir(parents=True)
        path.write_bytes(bytes(size))
        os.utime(path, (1.7e9 - 1000 + number, 1.7e9 - 1000 + number))


def taken_by(folder):
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def test_the_oldest_pictures_go_until_the_verdicts_have_their_reserve(kept, monkeypatch):
    old_scans(kept.folder, 6, 1 << 20)
    others = (128 << 20) + (3 << 20)  # of the disk's room, all pictures and these bytes are free together
    fill_disk(monkeypatch, lambda: others - taken_by(kept.folder))
    kept.pictures.put_image("s1-1", frame())
    kept.finish()
    assert sorted(path.name for path in kept.folder.iterdir()) == ["s0-3", "s0-4", "s0-5", "s1-1"]
    assert kept.counters() == {"pictures_dropped_disk": 3}
    assert kept.problems() == {}
    (note,) = kept.told
    assert note.text == (
        "The pictures of 3 scans (3 images, 3.0 MiB) are no longer kept: "
        "the disk was nearly full, and the verdicts need the rest of it."
    )


def test_verdicts_have_their_reserve_though_no_picture_comes(kept, monkeypatch):
    old_scans(kept.folder, 3, 1 << 20)
    looked = threading.Event()

    def free():
        looked.set()
        return (128 << 20) + (2 << 20) - taken_by(kept.folder)

    fill_disk(monkeypatch, free)
    monkeypatch.setattr(writer, "_IDLE_S", 0.01)
    kept.pictures.start()
    assert looked.wait(10)
    kept.pictures.close()
    assert sorted(path.name for path in kept.folder.iterdir()) == ["s0-1", "s0-2"]


def test_a_fault_of_ours_costs_one_picture(kept, caplog):
    kept.pictures.put_image("s", frame(0, data=np.zeros((1, 0, 0), np.float32)))
    kept.pictures.put_image("s", frame(1))
    kept.finish()
    assert kept.counters() == {"pictures_failed": 1}
    assert numbers(kept.folder, "s") == [1]
    assert "keeping a picture failed" in caplog.text


def test_a_folder_that_cannot_be_made_is_a_problem_not_an_end(tmp_path):
    (tmp_path / "pictures").write_bytes(b"a file in its place")
    kept = Kept(tmp_path / "pictures")
    kept.pictures.put_image("s", frame())
    kept.finish()
    assert kept.counters()["pictures_not_written"] == 2  # neither the account nor the picture
    assert "pictures" in kept.problems()


def test_a_folder_removed_while_it_is_used_is_made_again(kept, monkeypatch):
    real = writer.write

    def write(folder, scan, number, kind, plane):
        size = real(folder, scan, number, kind, plane)
        if number == 0:
            for path in sorted(folder.rglob("*"), reverse=True):
                path.rmdir() if path.is_dir() else path.unlink()
            folder.rmdir()
        return size

    monkeypatch.setattr(writer, "write", write)
    kept.pictures.put_image("s", frame(0))
    kept.pictures.put_image("s", frame(1))
    kept.finish()
    assert numbers(kept.folder, "s") == [1]


def test_what_is_kept_no_longer_is_counted_and_said_in_one_sentence(tmp_path, monkeypatch):
    kept = Kept(tmp_path, limit_mib=16)
    monkeypatch.setattr(writer, "write", lambda *_: 1 << 20)
    for number in range(20):
        kept.pictures.put_image("s", frame(number))
    kept.finish()
    (note,) = kept.told
    assert (note.kind, note.scan) == ("dropped", "s")
    assert note.text.startswith("The oldest pictures of scan s (4 images, 4.0 MiB) are no longer kept")
    assert kept.counters() == {"pictures_dropped_size": 4}
    assert kept.pictures.bytes_on_disk == 16 << 20


def test_while_more_and_more_goes_it_is_said_once_a_minute(tmp_path, monkeypatch):
    kept = Kept(tmp_path, limit_mib=16)

    def write(*_):
        kept.clock.advance(10)
        return 1 << 20

    monkeypatch.setattr(writer, "write", write)
    for number in range(24):
        kept.pictures.put_image("s", frame(number))
    kept.finish()
    assert 1 < len(kept.told) <= 3
    assert kept.counters()["pictures_dropped_size"] == 8
