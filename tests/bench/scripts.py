"""What the stations say: OCPP conversations as generators that yield a request, a WebSocket frame ready to be sent, and
are sent its answer.

A script first brings its station to where the measured messages begin, yields None once, and then goes on for ever.
"""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from firmware_sim.load.websocket import frame
from protocols.timeline import Timeline

Script = Generator[bytes | None, bytes, None]

_TRANSACTION_ID: Final = re.compile(rb'"transactionId"\s*:\s*(\d+)')
_STAMP_AGE_NS: Final = 100_000_000
_ID_BYTES: Final = 36
"""Of a message id: as long as the UUIDs that chargers use."""


class Stamps:
    """The stations' clock, which all of them share: it shows site time and is read ten times a second."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._read_ns = 0
        self._stamp = b""

    def now(self) -> bytes:
        """Site time as chargers write it."""
        if time.monotonic_ns() - self._read_ns > _STAMP_AGE_NS:
            site_time = self._timeline.at(time.time())  # noqa: TID251 - a charger's clock
            self._stamp = f"{site_time:%Y-%m-%dT%H:%M:%S}.{site_time.microsecond // 1000:03}Z".encode()
            self._read_ns = time.monotonic_ns()
        return self._stamp


@dataclass(frozen=True, slots=True)
class Voice:
    """A station's number, its clock and its message ids."""

    number: int
    stamps: Stamps
    message_ids: Iterator[bytes]

    @property
    def token(self) -> bytes:
        return token_of(self.number).encode()


def voice(number: int, stamps: Stamps) -> Voice:
    tail = b"-0000-4000-8000-%012x" % number
    return Voice(number, stamps, (b"%08x" % count + tail for count in itertools.count()))


def station_id(number: int) -> str:
    return f"BENCH{number:06}"


def token_of(number: int) -> str:
    """The card that is used at this station; at most 20 characters (OCPP 1.6 IdToken)."""
    return f"04BE{number:010}"


# --- OCPP 1.6 ---

_METERED: Final = (
    (b"Energy.Active.Import.Register", b'"location":"Outlet",', b"Wh"),
    (b"Power.Active.Import", b'"location":"Outlet",', b"W"),
    (b"Current.Import", b'"phase":"L1",', b"A"),
    (b"Current.Import", b'"phase":"L2",', b"A"),
    (b"Current.Import", b'"phase":"L3",', b"A"),
    (b"Voltage", b'"phase":"L1-N",', b"V"),
    (b"SoC", b"", b"Percent"),
)
_METER_VALUES: Final = (
    b'[2,"%b","MeterValues",{"connectorId":1,"transactionId":%b,"meterValue":[{"timestamp":"%b","sampledValue":['
    + b",".join(
        b'{"value":"%%b","context":"Sample.Periodic",%b"measurand":"%b","unit":"%b"}' % (where, measurand, unit)
        for measurand, where, unit in _METERED
    )
    + b"]}]}]"
)


def meter_values_16(station: Voice, transaction_id: bytes, register_wh: int) -> bytes:
    """Seven measurands, as many stations send them."""
    current = b"%d.%03d" % (14 + register_wh % 3, register_wh % 1000)
    values = (b"%09d" % register_wh, b"%d" % (10_400 + register_wh % 700), current, current, current, b"229.97", b"56")
    return _METER_VALUES % (next(station.message_ids), transaction_id, station.stamps.now(), *values)


def _boot_16(station: Voice) -> Script:
    """OCPP 1.6 §4.2: BootNotification, then a StatusNotification per connector, 0 for the station itself."""
    about = b'"chargePointVendor":"Bench","chargePointModel":"B1"'
    yield frame(b'[2,"%b","BootNotification",{%b}]' % (next(station.message_ids), about))
    for connector in (0, 1):
        status = (next(station.message_ids), connector, station.stamps.now())
        yield frame(
            b'[2,"%b","StatusNotification",{"connectorId":%d,"errorCode":"NoError","status":"Available","timestamp":"%b"}]'
            % status
        )


def _start_16(station: Voice, register_wh: int) -> bytes:
    values = (next(station.message_ids), station.token, register_wh, station.stamps.now())
    return frame(
        b'[2,"%b","StartTransaction",{"connectorId":1,"idTag":"%b","meterStart":%d,"timestamp":"%b"}]' % values
    )


def _stop_16(station: Voice, transaction_id: bytes, register_wh: int) -> bytes:
    values = (next(station.message_ids), transaction_id, station.token, register_wh, station.stamps.now())
    return frame(
        b'[2,"%b","StopTransaction",{"transactionId":%b,"idTag":"%b","meterStop":%d,"timestamp":"%b"}]' % values
    )


def _heartbeats(station: Voice) -> Generator[bytes, None, None]:
    """All frames are the same but for the message id: it is put into the one frame that was made."""
    head, _, tail = frame(b'[2,"%b","Heartbeat",{}]' % (b"?" * _ID_BYTES)).partition(b"?" * _ID_BYTES)
    return (head + message_id + tail for message_id in station.message_ids)


def _transaction_id(answer: bytes) -> bytes:
    found = _TRANSACTION_ID.search(answer)
    if found is None:
        raise ValueError(f"no transactionId in {answer!r}")
    return found[1]


def beating(station: Voice) -> Script:
    """Heartbeats."""
    yield from _boot_16(station)
    yield None
    yield from _heartbeats(station)


def metering(station: Voice) -> Script:
    """MeterValues of a running transaction."""
    yield from _boot_16(station)
    transaction_id = _transaction_id((yield _start_16(station, 0)))
    yield None
    for register_wh in itertools.count(1):
        yield frame(meter_values_16(station, transaction_id, register_wh))


def beating_and_metering(station: Voice) -> Script:
    """Heartbeats and MeterValues of a running transaction, in turn; every other station begins with the other."""
    yield from _boot_16(station)
    transaction_id = _transaction_id((yield _start_16(station, 0)))
    yield None
    heartbeats = _heartbeats(station)
    for count in itertools.count(station.number):
        yield frame(meter_values_16(station, transaction_id, count)) if count % 2 else next(heartbeats)


def pairing(station: Voice) -> Script:
    """StartTransaction, StopTransaction, over and over. Every other station begins in the middle of a pair: at a given
    rate starts and stops are then mixed, as they are where drivers come and go, and not all of one kind in turns."""
    yield from _boot_16(station)
    is_charging = station.number % 2 == 1
    if not is_charging:
        yield None
    for register_wh in itertools.count(0, 200):
        transaction_id = _transaction_id((yield _start_16(station, register_wh)))
        if is_charging:
            yield None
            is_charging = False
        yield _stop_16(station, transaction_id, register_wh + 200)


# --- OCPP 2.0.1 ---

_SAMPLED: Final = (
    (b"Energy.Active.Import.Register", b"", b"Wh"),
    (b"Power.Active.Import", b"", b"W"),
    (b"Current.Import", b'"phase":"L1",', b"A"),
    (b"Current.Import", b'"phase":"L2",', b"A"),
    (b"Current.Import", b'"phase":"L3",', b"A"),
    (b"Voltage", b'"phase":"L1-N",', b"V"),
)
_TRANSACTION_EVENT: Final = (
    b'[2,"%b","TransactionEvent",{"eventType":"%b","timestamp":"%b","triggerReason":"%b","seqNo":%d,"offline":false,'
    b'"transactionInfo":{"transactionId":"%b","chargingState":"Charging","timeSpentCharging":900},'
    b'"evse":{"id":1,"connectorId":1},%b"meterValue":[{"timestamp":"%b","sampledValue":['
    + b",".join(
        b'{"value":%%b,"context":"Sample.Periodic",%b"measurand":"%b","location":"Outlet",'
        b'"unitOfMeasure":{"unit":"%b"}}' % (phase, measurand, unit)
        for measurand, phase, unit in _SAMPLED
    )
    + b"]}]}]"
)


def transaction_event(station: Voice, seq_no: int, register_wh: int) -> bytes:
    """Started with seq_no 0, then Updated; six samples."""
    kind, trigger = (b"Updated", b"MeterValuePeriodic") if seq_no else (b"Started", b"Authorized")
    token = b"" if seq_no else b'"idToken":{"idToken":"%b","type":"ISO14443"},' % station.token
    current = b"%d.%02d" % (14 + register_wh % 3, register_wh % 100)
    values = (b"1%08d" % register_wh, b"%d" % (10_400 + register_wh % 700), current, current, current, b"229.9")
    stamp = station.stamps.now()
    transaction_id = b"5e0f7c1a-0000-4000-8000-%012d" % station.number
    head = (next(station.message_ids), kind, stamp, trigger, seq_no, transaction_id, token, stamp)
    return _TRANSACTION_EVENT % (*head, *values)


def updating(station: Voice) -> Script:
    """TransactionEvents (Updated, with samples) of a running transaction."""
    yield frame(
        b'[2,"%b","BootNotification",{"reason":"PowerUp","chargingStation":{"vendorName":"Bench","model":"B2"}}]'
        % next(station.message_ids)
    )
    yield frame(
        b'[2,"%b","StatusNotification",{"timestamp":"%b","connectorStatus":"Occupied","evseId":1,"connectorId":1}]'
        % (next(station.message_ids), station.stamps.now())
    )
    yield frame(transaction_event(station, 0, 0))
    yield None
    for seq_no in itertools.count(1):
        yield frame(transaction_event(station, seq_no, seq_no))


SCRIPTS: Final = MappingProxyType[str, Callable[[Voice], Script]](
    {
        "beating": beating,
        "metering": metering,
        "beating_and_metering": beating_and_metering,
        "pairing": pairing,
        "updating": updating,
    }
)
SUBPROTOCOLS: Final = MappingProxyType({name: "ocpp2.0.1" if name == "updating" else "ocpp1.6" for name in SCRIPTS})
