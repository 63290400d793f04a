"""The wire decoder: any bytes in any cuts, against ismrmrd's own serializer, and lies that cost nothing."""

import ctypes
import itertools
import struct

import ismrmrd
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ismrmrd.serialization import ConfigFile, ConfigText

from engine.acquisition import ACQUISITION_HEADER
from engine.errors import PeerError
from firmware.sources import mrd_codec as codec
from firmware.sources.mrd_codec import Decoder
from firmware.sources.mrd_session import KIND, TRANSITIONS, Session, State
from tests.appliance.mrd_client import CLOSE, acquisition, begin, frame, header, object_kspace, wire


def plain(event: codec.Event) -> list[tuple]:
    """An event as comparable values; batches are taken apart."""
    match event:
        case codec.Acquisitions(readouts=r):
            pairs = zip(r.head, r.data, strict=True)
            return [("acquisition", h.tobytes(), np.ascontiguousarray(d).tobytes()) for h, d in pairs]
        case codec.Waveform(raw=raw) | codec.Image(raw=raw):
            return [(type(event).__name__, bytes(raw))]
        case _:
            return [(event,)]


def decode(data: bytes, cuts: list[int] | None = None) -> tuple[list[tuple], str]:
    """All events, and the sentence that ended it."""
    decoder, out = Decoder(), []
    bounds = [0, *sorted(cut for cut in cuts or [] if cut < len(data)), len(data)]
    try:
        for first, last in itertools.pairwise(bounds):
            for event in decoder.feed(data[first:last]):
                out += plain(event)
    except PeerError as error:
        return out, str(error)
    return out, ""


def stream() -> bytes:
    kspace = object_kspace(lines=6)
    image = ismrmrd.Image.from_array(np.arange(12, dtype=np.float32).reshape(3, 4))
    image.attribute_string = "<ismrmrdMeta/>"
    waveform = ismrmrd.Waveform.from_array(np.arange(8, dtype=np.uint32).reshape(2, 4))
    wide = acquisition(object_kspace(samples=40)[:, 0], 1)
    return begin(header()) + wire("hello", *frame(kspace)[:4], waveform, wide, *frame(kspace)[4:], image) + CLOSE


STREAM = stream()


def test_the_header_type_is_ismrmrds() -> None:
    assert ctypes.sizeof(ismrmrd.AcquisitionHeader) == ACQUISITION_HEADER.itemsize
    theirs = {name: getattr(ismrmrd.AcquisitionHeader, name).offset for name, _ in ismrmrd.AcquisitionHeader._fields_}
    assert {name: ACQUISITION_HEADER.fields[name][1] for name in ACQUISITION_HEADER.names} == theirs


def test_what_ismrmrd_writes_is_read_value_by_value() -> None:
    kspace = object_kspace(lines=3)
    sent = frame(kspace, repetition=7)
    (batch,) = [event for event in Decoder().feed(wire(*sent)) if isinstance(event, codec.Acquisitions)]
    assert len(batch.readouts) == 3
    for n, one in enumerate(sent):
        assert batch.readouts.head[n].tobytes() == bytes(one.getHead())
        np.testing.assert_array_equal(batch.readouts.data[n], one.data)
    assert batch.readouts.data.base is not None, "a view of the buffer, not a copy"


def test_strings_with_and_without_nul() -> None:
    for text in (b"hello", b"hello\0"):
        assert decode(struct.pack("<HI", 5, len(text)) + text)[0] == [(codec.Text("hello"),)]
    assert decode(wire(ConfigText("x")))[0] == [(codec.ConfigText("x"),)]
    assert decode(wire(ConfigFile("scanside")))[0] == [(codec.ConfigFile("scanside"),)]


def test_the_whole_is_the_same_byte_by_byte() -> None:
    assert decode(STREAM) == decode(STREAM, list(range(len(STREAM))))
    assert decode(STREAM)[1] == ""
    assert decode(STREAM)[0][-1] == (codec.Close(),)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, len(STREAM) - 1), max_size=40))
def test_the_whole_is_the_same_in_any_cuts(cuts: list[int]) -> None:
    assert decode(STREAM, cuts) == decode(STREAM)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=3000), st.lists(st.integers(1, 3000), max_size=8))
def test_any_bytes_give_events_or_a_peer_error(data: bytes, cuts: list[int]) -> None:
    assert decode(data, cuts) == decode(data)


@settings(max_examples=300, deadline=None)
@given(st.integers(0, len(STREAM) - 1), st.binary(min_size=1, max_size=8))
def test_damaged_streams_give_events_or_a_peer_error(at: int, damage: bytes) -> None:
    decode(STREAM[:at] + damage + STREAM[at + len(damage) :])


LIES = {
    "text of 4 GiB": struct.pack("<HI", 5, 2**32 - 1),
    "header of 2 GiB": struct.pack("<HI", 3, 2**31),
    "image of 65535^4": struct.pack("<HHHQI3H3fH", 1022, 1, 8, 0, 0, 65535, 65535, 65535, 1, 1, 1, 65535) + bytes(200),
    "image attributes of 2^63": wire(ismrmrd.Image.from_array(np.ones((2, 2), np.float32)))[:200]
    + struct.pack("<Q", 2**63),
    "waveform of 17 GB": struct.pack("<HHxxxxxxQIIIHHfHxx", 1026, 1, 0, 0, 0, 0, 65535, 65535, 1.0, 0),
    "NDARRAY": struct.pack("<HHHH", 1030, 1, 1, 65535),
    "image type 99": struct.pack("<HHH", 1022, 1, 99) + bytes(300),
    "image of no size": struct.pack("<HHH", 1022, 1, 5) + bytes(300),
}


@pytest.mark.parametrize("lie", LIES)
def test_lies_about_length_are_refused_and_cost_no_memory(lie: str) -> None:
    decoder = Decoder()
    with pytest.raises(PeerError):
        list(decoder.feed(LIES[lie]))
    assert decoder.capacity <= 2 << 20


def test_a_large_legal_message_is_only_held_as_it_arrives() -> None:
    head = ismrmrd.AcquisitionHeader()
    head.version, head.number_of_samples, head.active_channels = 1, 60_000, 100
    decoder = Decoder()
    assert not list(decoder.feed(struct.pack("<H", 1008) + bytes(head) + bytes(100_000)))
    assert decoder.capacity <= 2 << 20
    assert decoder.inside_message


def test_a_large_message_arrives_whole() -> None:
    data = np.arange(64 * 20_000, dtype=np.float32).astype(np.complex64).reshape(64, 20_000)
    (event,) = Decoder().feed(wire(acquisition(data, 3)))
    np.testing.assert_array_equal(event.readouts.data[0], data)


def test_empty_buffers_of_large_messages_are_given_back() -> None:
    decoder = Decoder()
    data = np.zeros((64, 30_000), np.complex64)
    list(decoder.feed(wire(acquisition(data, 3))))
    assert decoder.capacity > 8 << 20
    decoder.writable()
    assert decoder.capacity == 1 << 20


def test_the_session_table_is_complete_and_closed_is_final() -> None:
    assert set(TRANSITIONS) == set(itertools.product(State, set(KIND.values())))
    for (state, _), following in TRANSITIONS.items():
        if state is State.CLOSED:
            assert not isinstance(following, State)


@given(st.lists(st.sampled_from(list(KIND)), max_size=12))
def test_sessions_follow_the_table(kinds: list[type]) -> None:
    session = Session()
    for kind in kinds:
        event = object.__new__(kind)
        wanted = TRANSITIONS[session.state, KIND[kind]]
        if isinstance(wanted, State):
            session.take(event)
            assert session.state is wanted
        else:
            with pytest.raises(PeerError):
                session.take(event)
            return
