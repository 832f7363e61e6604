"""Frames against pymodbus's, in any pieces, and through noise."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymodbus.framer import FramerRTU, FramerSocket
from pymodbus.pdu import DecodePDU
from pymodbus.pdu.bit_message import ReadCoilsRequest, WriteMultipleCoilsRequest, WriteSingleCoilRequest
from pymodbus.pdu.register_message import (
    ReadHoldingRegistersRequest,
    WriteMultipleRegistersRequest,
    WriteSingleRegisterRequest,
)

from edge.chargers.modbus.frames import (
    Frame,
    Garbled,
    RtuStream,
    TcpStream,
    check_sum,
    read_request,
    write_request,
)
from protocols.modbus.register import Table
from protocols.modbus.setpoint import Write


def write(function: int, *words: int, table: Table = Table.HOLDING) -> Write:
    return Write(name="x", unit_id=7, table=table, address=260, function=function, words=words)


@given(st.binary(min_size=1, max_size=250))
def test_the_check_sum_is_pymodbus_s(data: bytes) -> None:
    assert int.from_bytes(check_sum(data), "big") == FramerRTU.compute_CRC(data)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (read_request(7, Table.HOLDING, 260, 3), ReadHoldingRegistersRequest(address=260, count=3, dev_id=7)),
        (read_request(7, Table.COIL, 260, 11), ReadCoilsRequest(address=260, count=11, dev_id=7)),
        (write_request(write(6, 0xABCD)), WriteSingleRegisterRequest(address=260, registers=[0xABCD], dev_id=7)),
        (write_request(write(16, 1, 2)), WriteMultipleRegistersRequest(address=260, registers=[1, 2], dev_id=7)),
        (write_request(write(5, 1, table=Table.COIL)), WriteSingleCoilRequest(address=260, bits=[True], dev_id=7)),
        (
            write_request(write(15, 1, 0, 1, table=Table.COIL)),
            WriteMultipleCoilsRequest(address=260, bits=[True, False, True], dev_id=7),
        ),
    ],
    ids=["read", "coils", "write one", "write many", "write coil", "write coils"],
)
def test_requests_are_those_of_pymodbus(ours, theirs) -> None:
    theirs.transaction_id = 77
    assert TcpStream().wrap(ours, 77) == FramerSocket(DecodePDU(False)).buildFrame(theirs)
    assert RtuStream().wrap(ours, 77) == FramerRTU(DecodePDU(False)).buildFrame(theirs)


PDUS = st.one_of(
    st.integers(1, 125).flatmap(
        lambda count: st.binary(min_size=2 * count, max_size=2 * count).map(lambda d: bytes((3, len(d))) + d)
    ),
    st.binary(min_size=4, max_size=4).map(lambda d: b"\x06" + d),
    st.integers(1, 11).map(lambda code: bytes((0x83, code))),
)


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    at = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[a:b] for a, b in pairwise(at)]


@given(st.lists(st.tuples(st.integers(1, 247), PDUS), min_size=1, max_size=4), st.lists(st.integers(0, 2000)))
def test_frames_come_in_any_pieces(sent: list[tuple[int, bytes]], cuts: list[int]) -> None:
    rtu = b"".join(bytes((unit,)) + pdu + check_sum(bytes((unit,)) + pdu) for unit, pdu in sent)
    tcp = b"".join(
        n.to_bytes(2, "big") + b"\0\0" + (len(pdu) + 1).to_bytes(2, "big") + bytes((unit,)) + pdu
        for n, (unit, pdu) in enumerate(sent)
    )
    stream, tcp_stream = RtuStream(), TcpStream()
    came = [frame for piece in pieces(rtu, cuts) for frame in stream.take(piece)]
    came_tcp = [frame for piece in pieces(tcp, cuts) for frame in tcp_stream.take(piece)]
    assert came_tcp == [Frame(n, unit, pdu) for n, (unit, pdu) in enumerate(sent)]
    if len(rtu) < 1000:  # more than ever waits at once
        assert came == [Frame(None, unit, pdu) for unit, pdu in sent]


def test_noise_before_an_rtu_frame_is_passed_over() -> None:
    frame = b"\x07\x03\x02\x00\x05"
    assert RtuStream().take(b"\x00\xff\x07" + frame + check_sum(frame)) == [Frame(None, 7, frame[1:])]


def test_a_wrong_check_sum_is_no_frame() -> None:
    frame = b"\x07\x03\x02\x00\x05"
    assert RtuStream().take(frame + b"\0\0") == []


def test_what_is_no_header_ends_a_tcp_stream() -> None:
    with pytest.raises(Garbled):
        TcpStream().take(b"HTTP/1.1 400 Bad Request\r\n")


@pytest.mark.parametrize(
    ("frame", "is_answer"),
    [
        (Frame(None, 7, b"\x03\x04\0\1\0\2"), True),
        (Frame(None, 7, b"\x83\x02"), True),
        (Frame(None, 8, b"\x03\x04\0\1\0\2"), False),
        (Frame(None, 7, b"\x04\x04\0\1\0\2"), False),
        (Frame(None, 7, b"\x03\x02\0\1"), False),
        (Frame(None, 7, b"\x03\x04\0\1"), False),
        (Frame(None, 7, b"\x84\x02"), False),
    ],
)
def test_an_answer_is_told_by_unit_function_and_length(frame: Frame, is_answer: bool) -> None:
    assert read_request(7, Table.HOLDING, 0, 2).is_answered_by(frame) is is_answer


def test_a_write_is_answered_by_its_echo_alone() -> None:
    request = write_request(write(6, 160))
    assert request.is_answered_by(Frame(None, 7, b"\x06\x01\x04\x00\xa0"))
    assert not request.is_answered_by(Frame(None, 7, b"\x06\x01\x04\x00\xa1"))
