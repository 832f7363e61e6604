"""Why a bus cannot be connected is said in words that a technician can act upon."""

from __future__ import annotations

import errno
import socket

import pytest

from edge.chargers.modbus.line import why_unreachable


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, "Connect call failed ('10.0.0.5', 502)"), "nothing listens"),
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "no host of this name"),
        (TimeoutError(), "no connection in time"),
        (OSError(errno.EHOSTUNREACH, "Connect call failed"), "no way to this host"),
        (PermissionError(errno.EACCES, "could not open port /dev/ttyUSB0"), "usually dialout"),
        (BlockingIOError(errno.EAGAIN, "could not exclusively lock port"), "another program uses"),
        (OSError("something else"), "something else"),
    ],
)
def test_reasons(error: Exception, words: str) -> None:
    assert words in why_unreachable(error)
