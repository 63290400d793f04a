"""Answers to a scanner: in order, whole, never waiting for a peer that does not read."""

import socket
from collections.abc import Iterator

import pytest

from firmware.sources.outbox import Outbox, OutboxLimits


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    theirs.settimeout(10)
    yield ours, theirs
    ours.close()
    theirs.close()


def read(sock: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        data += sock.recv(count - len(data))
    return data


def test_messages_arrive_whole_and_in_order(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    outbox = Outbox(ours)
    messages = [[bytes([n]) * 10, bytes([n + 100]) * 300_000] for n in range(8)]
    for message in messages:
        assert outbox.put(message)
    expected = b"".join(b"".join(message) for message in messages)
    assert read(theirs, len(expected)) == expected
    assert outbox.finish(5)
    assert outbox.dropped == 0


def test_a_peer_that_does_not_read_loses_images_but_not_returned_ones(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    ours, theirs = pair
    outbox = Outbox(ours, OutboxLimits(droppable=1_000_000, returned=8_000_000))
    image = b"i" * 300_000
    taken = [outbox.put([image]) for _ in range(20)]
    assert taken[0]
    assert not taken[-1]
    assert outbox.put([b"original"], returned=True)
    assert outbox.dropped == taken.count(False)
    expected = len(image) * taken.count(True) + len(b"original")
    assert read(theirs, expected).endswith(b"original")


def test_a_peer_that_is_gone_costs_nothing(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    theirs.close()
    outbox = Outbox(ours)
    outbox.put([b"x" * 100])
    assert not outbox.put([b"y"])
    assert not outbox.finish(5)


def test_finish_does_not_wait_for_ever(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, _ = pair
    outbox = Outbox(ours)
    outbox.put([b"x" * 4_000_000])
    assert not outbox.finish(0.05)
    assert not outbox.put([b"late"])
