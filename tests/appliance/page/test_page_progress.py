"""How far a scan is, when it should end, and that it stands still."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from tests.appliance.page.made_up import MadeUpPage, frame, now, series

pytestmark = pytest.mark.appliance


def test_the_estimate_is_the_pace_of_the_last_images(made_up: MadeUpPage) -> None:
    left = made_up.page.evaluate(
        """async ([series, frames]) => (await import("/static/progress.js")).secondsLeft(
        JSON.parse(series), JSON.parse(frames), Date.parse("2026-11-25T14:05:10.000Z"))""",
        [msgspec.json.encode(series()).decode(), msgspec.json.encode([frame(0), frame(1), frame(3)]).decode()],
    )
    assert left == 16 * 3 - 1


@pytest.mark.parametrize(
    ("images", "received", "second", "late"),
    [
        (4, 4, 19, None),  # the last image came at 9 s, the pace is 3 s
        (4, 4, 20, 11),
        (1, 1, 10, None),
        (1, 1, 11, 11),
        (2, 2, 14, 11),
        (0, 0, -290, None),  # the scan began five minutes before
        (0, 0, 0, 300),
        (0, 4, 0, None),
        (4, 20, 59, None),
    ],
)
def test_a_scan_that_stands_still_is_said(
    images: int, received: int, second: int, late: int | None, made_up: MadeUpPage
) -> None:
    frames, one = [frame(number) for number in range(images)], series(frames=received)
    time = datetime(2026, 11, 25, 14, 5, tzinfo=UTC) + timedelta(seconds=second)
    counted = made_up.page.evaluate(
        """async ([series, frames, now]) => (await import("/static/progress.js")).secondsLate(
        JSON.parse(series), JSON.parse(frames), now)""",
        [msgspec.json.encode(one).decode(), msgspec.json.encode(frames).decode(), 1000 * time.timestamp()],
    )
    assert counted == late


def test_a_scan_that_stands_still_is_not_told_when_it_will_end(made_up: MadeUpPage) -> None:
    made_up.say("now", now(series(), frames={"s1": [frame(0)]}))
    assert "no image for 1 min" in made_up.page.inner_text(".progress")
    made_up.say("now", now(series(), frames={"s1": [frame(number) for number in range(4)]}))
    assert "no image for" in made_up.page.inner_text(".progress")
    assert "left" not in made_up.page.inner_text(".progress")
    made_up.say("now", now(series(frames=20), frames={"s1": [frame(number) for number in range(20)]}))
    assert made_up.page.inner_text(".progress").strip() == "20 of 20 images"
