"""What goes when there is too much or it is too old, in which order; the account never differs from the disk."""

import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from firmware.pictures.dropped import Dropped, notes
from firmware.pictures.files import path_of
from firmware.pictures.retention import Retention
from tests.firmware.pictures.picture_cases import HandClock

DAY = 86400.0


class Store:
    """A folder with its account; a picture of so many bytes is put in with `put`."""

    def __init__(self, folder, limit=1000, days=7.0, clock=None):
        self.folder, self.clock = folder, clock or HandClock()
        self.retention = Retention(folder, self.clock, days * DAY, limit)
        self.retention.rebuild()

    def put(self, scan, number, size=100, kind="image", began=False):
        self.retention.begin(scan)
        path = path_of(self.folder, scan, number, kind)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(bytes(size))
        os.utime(path, (self.clock.wall, self.clock.wall))
        self.retention.add(scan, number, size, image=kind == "image", began=began)
        return self.retention.enforce()

    def there(self):
        """Scan -> its frames on disk."""
        scans = [path for path in self.folder.iterdir() if not path.name.startswith(".")]
        return {scan.name: sorted({int(file.name.split(".")[0]) for file in scan.iterdir()}) for scan in scans}

    def bytes(self):
        files = [f for scan in self.folder.iterdir() if not scan.name.startswith(".") for f in scan.iterdir()]
        return sum(file.stat().st_size for file in files)


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path)


def test_below_the_limit_nothing_goes(store):
    assert [store.put("a", number) for number in range(10)] == [[]] * 10
    assert store.there() == {"a": list(range(10))}


def test_the_oldest_scan_goes_as_a_whole(store):
    for scan in "abc":
        for number in range(3):
            store.put(scan, number)
        store.clock.advance(100)
    assert store.put("d", 0) == []
    assert store.put("d", 1) == [Dropped("a", "size", True, 3, 300)]
    assert sorted(store.there()) == ["b", "c", "d"]


def test_of_a_scan_that_runs_alone_the_oldest_frames_go(store):
    dropped = [each for number in range(30) for each in store.put("a", number)]
    assert store.there() == {"a": list(range(21, 30))} or store.there() == {"a": list(range(20, 30))}
    assert all(not each.whole and each.scan == "a" for each in dropped)
    assert sum(each.images for each in dropped) == 30 - len(store.there()["a"])


def test_a_frame_in_which_a_finding_began_outlives_the_others_of_its_scan(store):
    for number in range(10):
        store.put("a", number, began=number in (0, 3))
    store.put("a", 10)
    assert store.there() == {"a": [0, 3, *range(4, 11)]} or store.there() == {"a": [0, 2, 3, *range(4, 11)]}
    for number in range(11, 60):
        store.put("a", number)
    assert store.there()["a"][:2] == [0, 3]


def test_when_only_frames_of_findings_are_left_the_oldest_of_them_goes(store):
    for number in range(15):
        store.put("a", number, began=True)
    assert store.there()["a"][-1] == 14
    assert 0 not in store.there()["a"]
    assert store.bytes() <= 1000
    store.put("a", 15)
    assert 15 in store.there()["a"]


def test_a_frame_goes_with_all_its_kinds(store):
    for number in range(5):
        for kind in ("image", "processed", "kspace", "elements"):
            store.put("a", number, 60, kind)
    assert 0 not in store.there()["a"]
    assert store.bytes() == store.retention.bytes <= 1000


def test_two_scans_that_run_at_once_keep_what_is_newest(store):
    for number in range(20):
        store.put("a", number)
        store.put("b", number, 50)
    there = store.there()
    assert there["a"][-1] == there["b"][-1] == 19
    assert store.bytes() == store.retention.bytes <= 1000


def test_one_picture_larger_than_the_limit_stays_until_the_next(store):
    assert store.put("a", 0, 5000) == []
    assert store.there() == {"a": [0]}
    store.put("a", 1)
    assert store.there() == {"a": [1]}


def test_a_scan_goes_at_its_age_and_one_that_runs_does_not(store):
    store.put("a", 0)
    store.clock.advance(6.9 * DAY)
    store.put("b", 0)
    assert sorted(store.there()) == ["a", "b"]
    store.clock.advance(0.2 * DAY)
    assert store.retention.enforce() == [Dropped("a", "age", True, 1, 100)]
    assert sorted(store.there()) == ["b"]


@pytest.mark.parametrize("jump", [-400 * DAY, 400 * DAY])
def test_a_wall_clock_that_jumps_makes_nothing_older(store, jump):
    store.put("a", 0)
    store.clock.wall += jump
    store.clock.advance(100)
    assert store.put("b", 0) == []
    assert sorted(store.there()) == ["a", "b"]


def test_after_a_restart_the_account_is_that_of_the_disk(tmp_path):
    earlier = Store(tmp_path)
    earlier.put("old", 0)
    earlier.clock.advance(6 * DAY)
    earlier.put("new", 0, 200)
    earlier.put("new", 0, 50, "kspace")
    (tmp_path / "new" / "1.image.new").write_bytes(b"half")
    (tmp_path / "empty").mkdir()
    later = Store(tmp_path, clock=HandClock(time=5.0, wall=earlier.clock.wall + 1.5 * DAY))
    assert later.retention.bytes == 350
    assert later.retention.enforce() == [Dropped("old", "age", True, 1, 100)]
    assert later.retention.bytes == 250


def test_scans_of_earlier_runs_go_before_the_running_one_even_a_fresh_one(tmp_path):
    earlier = Store(tmp_path)
    for number in range(9):
        earlier.put("a", number)
    later = Store(tmp_path, clock=earlier.clock)
    later.put("b", 0)
    assert later.put("b", 1) == [Dropped("a", "size", True, 9, 900)]
    assert later.there() == {"b": [0, 1]}


def test_a_smaller_limit_holds_from_the_start(tmp_path):
    earlier = Store(tmp_path)
    for number in range(9):
        earlier.put("a", number)
    later = Store(tmp_path, limit=500, clock=earlier.clock)
    assert later.retention.enforce() == [Dropped("a", "size", True, 9, 900)]
    assert later.there() == {}


def test_pictures_of_another_scan_with_the_same_name_are_not_shown_as_this_ones(tmp_path):
    earlier = Store(tmp_path)
    for number in range(3):
        earlier.put("s1-1", number)
    later = Store(tmp_path, clock=earlier.clock)
    later.put("s1-1", 0)
    assert later.there() == {"s1-1": [0]}
    assert later.bytes() == later.retention.bytes == 100


def test_what_went_is_deleted_bit_by_bit(tmp_path):
    store = Store(tmp_path, limit=1000)
    for number in range(150):
        store.put("a", number, 1)
    store.clock.advance(100)
    store.put("b", 0, 900)
    left = []
    while store.retention.sweep():
        left.append(sum(len(list(path.iterdir())) for path in tmp_path.iterdir() if path.name.startswith(".")))
    assert left == [86, 22, 0, 0]
    assert [path.name for path in tmp_path.iterdir()] == ["b"]


def test_what_was_not_deleted_in_the_last_run_is_deleted_in_this_one(tmp_path):
    store = Store(tmp_path)
    for scan in "ab":
        store.put(scan, 0, 600)
        store.clock.advance(100)
    later = Store(tmp_path, clock=store.clock)
    assert later.retention.bytes == 600
    while later.retention.sweep():
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["b"]


def test_folders_that_somebody_has_removed_are_no_obstacle(store):
    store.put("a", 0, 900)
    store.clock.advance(100)
    os.remove(store.folder / "a" / "0.image")
    os.rmdir(store.folder / "a")
    assert store.put("b", 0, 200) == [Dropped("a", "size", True, 1, 900)]
    assert store.retention.sweep() is False


def test_a_long_scan_is_never_listed(store, monkeypatch):
    monkeypatch.setattr(os, "scandir", lambda *_: pytest.fail("the folder was listed"))
    for number in range(50):
        store.put("a", number)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from("abcd"), st.integers(1, 300), st.booleans(), st.floats(0, 200)),
        min_size=1,
        max_size=60,
    )
)
def test_the_account_is_always_that_of_the_disk_and_the_newest_picture_always_there(tmp_path_factory, puts):
    store = Store(tmp_path_factory.mktemp("any"))
    images = 0
    for number, (scan, size, began, pause) in enumerate(puts):
        images += sum(each.images for each in store.put(scan, number, size, began=began))
        assert number in store.there()[scan]
        assert store.bytes() == store.retention.bytes
        assert store.retention.bytes <= 1000 + 300 * (len(store.there()) - 1)
        assert images + sum(map(len, store.there().values())) == number + 1
        store.clock.advance(pause)


# --- what is said --------------------------------------------------------------------------------------


def said(*dropped):
    return [(note.kind, note.scan, note.text) for note in notes(dropped, 7 * DAY, 2048 << 20)]


def test_one_sentence_for_all_scans_that_went_for_one_reason():
    assert said(Dropped("a", "age", True, 10, 3 << 20), Dropped("b", "age", True, 1, 1 << 19)) == [
        (
            "dropped",
            "",
            "The pictures of 2 scans (11 images, 3.5 MiB) are no longer kept: they were older than 7 days.",
        )
    ]
    assert said(Dropped("a", "size", True, 1, 1 << 20)) == [
        (
            "dropped",
            "a",
            "The pictures of scan a (1 image, 1.0 MiB) are no longer kept: all pictures together had reached 2048 MiB.",
        )
    ]


def test_what_a_running_scan_lost_is_one_sentence_however_often_it_lost_some():
    parts = [Dropped("a", "size", False, 5, 1 << 20)] * 3
    assert said(*parts) == [
        (
            "dropped",
            "a",
            "The oldest pictures of scan a (15 images, 3.0 MiB) are no longer kept: "
            "all pictures together had reached 2048 MiB.",
        )
    ]
    (other,) = said(Dropped("a", "disk", False, 5, 1 << 20))
    assert other[2].endswith(
        "(5 images, 1.0 MiB) are no longer kept: the disk was nearly full, and the verdicts need the rest of it."
    )
    assert said() == []
