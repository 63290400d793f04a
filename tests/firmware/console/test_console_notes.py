"""What people say: recorded by the loop, answered from the record."""

import json

import pytest

from tests.firmware.console.desk import HERE, TOKEN
from tests.firmware.console.record_cases import scan_record


def say(desk, body):
    given = {"Origin": HERE, "X-Scanside-Token": TOKEN, "Content-Type": "application/json"}
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return desk.client.request("POST", "/api/v1/notes", content=content, headers=given)


def test_a_note_is_recorded_and_answered_from_the_record(desk):
    desk.record(scan=scan_record())
    answer = say(desk, {"kind": "acknowledge", "scan": "s1-1", "finding": "f1"})
    assert answer.status_code == 200, answer.text
    assert answer.json()["finding"] == "f1"
    assert answer.json()["time"] == "2027-01-15T08:01:40.000Z"
    assert [note.finding for note in desk.console.reader.notes_of("s1-1")] == ["f1"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"kind": "acknowledge", "scan": "s1-1"}, 400),
        ({"kind": "opinion", "scan": "s1-1", "opinion": ""}, 400),
        ({"kind": "new_exam", "scan": "s1-1"}, 400),
        ({"kind": "dropped"}, 400),
        ({"kind": "opinion", "scan": "nope", "opinion": "fine"}, 404),
        ({"kind": "new_exam", "more": 1}, 400),
        (b"{", 400),
        (b'{"kind": "new_exam", "scan": "' + b"x" * 5000 + b'"}', 413),
    ],
)
def test_notes_that_are_none_are_refused(desk, body, status):
    desk.record(scan=scan_record())
    assert say(desk, body).status_code == status


def test_a_loop_that_refuses_or_is_busy_is_said(desk):
    desk.loop.refuse = "there is no finding f1"
    assert say(desk, {"kind": "new_exam"}).json()["what"] == "there is no finding f1"
    desk.loop.busy = True
    assert say(desk, {"kind": "new_exam"}).status_code == 503
