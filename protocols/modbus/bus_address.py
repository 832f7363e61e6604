"""How a bus is reached, as a person writes it: tcp://host:port, rtu+tcp://host:port, rtu:///dev/ttyS0?baud=19200."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qs, urlsplit

from protocols.errors import BadText
from protocols.modbus.profile import Transport

PORT: Final = 502
_EXPECTED: Final = "tcp://HOST[:PORT], rtu+tcp://HOST:PORT or rtu:///dev/ttyX?baud=19200&parity=E&stop=1 is expected"
_RTU_KEYS: Final = {"baud", "parity", "stop", "bits"}


@dataclass(frozen=True, slots=True, kw_only=True)
class BusAddress:
    """A TCP end (`host`) or a serial line (`line`, a device file). `parity` is N, E or O."""

    transport: Transport
    host: str = ""
    port: int = PORT
    line: str = ""
    baud: int = 9600
    bits: int = 8
    parity: str = "N"
    stop: int = 1

    @property
    def place(self) -> str:
        """The port or the line itself, however it is spoken on."""
        return self.line if self.transport is Transport.RTU else f"{self.host}:{self.port}"

    @property
    def manner(self) -> str:
        """How it is spoken on: 19200 8E1, tcp or rtu+tcp."""
        if self.transport is Transport.RTU:
            return f"{self.baud} {self.bits}{self.parity}{self.stop}"
        return "tcp" if self.transport is Transport.TCP else "rtu+tcp"

    @property
    def character_s(self) -> float:
        """What one byte takes on the line; 0 where the line is not ours."""
        if self.transport is not Transport.RTU:
            return 0.0
        return (1 + self.bits + (self.parity != "N") + self.stop) / self.baud

    def __str__(self) -> str:
        match self.transport:
            case Transport.RTU:
                return f"rtu://{self.line}?baud={self.baud}&parity={self.parity}&stop={self.stop}"
            case Transport.TCP:
                return f"tcp://{self.host}:{self.port}"
            case _:
                return f"rtu+tcp://{self.host}:{self.port}"


def parse_address(text: str) -> BusAddress:
    """Raises BadText."""
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError as error:
        raise BadText(f"{text!r}: {error}; {_EXPECTED}") from None
    if url.scheme in ("tcp", "rtu+tcp") and url.hostname and not url.path.strip("/") and not url.query:
        transport = Transport.TCP if url.scheme == "tcp" else Transport.RTU_OVER_TCP
        return BusAddress(transport=transport, host=url.hostname, port=port or PORT)
    if url.scheme == "rtu" and not url.netloc and url.path.startswith("/"):
        return _serial(text, url.path, {key: values[-1] for key, values in parse_qs(url.query).items()})
    raise BadText(f"{text!r} is no bus: {_EXPECTED}")


def _serial(text: str, line: str, query: dict[str, str]) -> BusAddress:
    if unknown := query.keys() - _RTU_KEYS:
        raise BadText(f"{text!r}: {', '.join(sorted(unknown))} is not known; {_EXPECTED}")
    try:
        baud, bits = int(query.get("baud", "9600")), int(query.get("bits", "8"))
        stop, parity = int(query.get("stop", "1")), query.get("parity", "N").upper()
    except ValueError:
        raise BadText(f"{text!r}: baud, bits and stop are numbers; {_EXPECTED}") from None
    if not 300 <= baud <= 4_000_000 or bits not in (7, 8) or stop not in (1, 2) or parity not in ("N", "E", "O"):
        raise BadText(f"{text!r}: baud 300 to 4000000, bits 7 or 8, stop 1 or 2, parity N, E or O")
    return BusAddress(transport=Transport.RTU, line=line, baud=baud, bits=bits, parity=parity, stop=stop)
