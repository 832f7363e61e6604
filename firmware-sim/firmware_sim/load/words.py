"""What the stations of a fleet say, as bytes: payloads of OCPP 1.6 and 2.0.1 requests, made by filling in templates."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Protocol

from firmware_sim.load.plan import V201

_TRANSACTION_ID: Final = re.compile(rb'"transactionId"\s*:\s*(-?\d+)')
_STATUS: Final = re.compile(rb'"status"\s*:\s*"(\w+)"')
VOLTAGE_V: Final = 230


@dataclass(slots=True, kw_only=True)
class Session:
    """A transaction as its station knows it; `transaction_id` is empty until a 1.6 server has given one."""

    transaction_id: bytes
    token: bytes
    started_ms: int
    start_wh: int
    power_w: int
    seq_no: int = 0
    is_offline: bool = False
    is_start_acknowledged: bool = False
    ended_ms: int = 0
    stop_wh: int = 0
    reason: str = "Local"


class Words(Protocol):
    """The requests of one version: each is the action's name and its payload. `stamp` is a time as on the wire."""

    def boot(self) -> tuple[str, bytes]: ...
    def status(self, evse: int, is_occupied: bool, stamp: bytes) -> tuple[str, bytes]: ...
    def start(self, session: Session, stamp: bytes) -> tuple[str, bytes]: ...
    def sample(self, session: Session, register_wh: int, stamp: bytes) -> tuple[str, bytes]: ...
    def stop(self, session: Session, stamp: bytes) -> tuple[str, bytes]: ...
    def take_start(self, session: Session, answer: bytes) -> None:
        """Note what the answer to `start` gave."""


def heartbeat() -> tuple[str, bytes]:
    """The same in both versions."""
    return "Heartbeat", b"{}"


def status_in(answer: bytes) -> str:
    """The first `status` of an answer, of the boot or of the IdToken; empty where there is none."""
    found = _STATUS.search(answer)
    return found[1].decode() if found else ""


def words_of(version: str) -> Words:
    return Words201() if version == V201 else Words16()


_METERED_16: Final = (
    (b"Energy.Active.Import.Register", b'"location":"Outlet",', b"Wh"),
    (b"Power.Active.Import", b'"location":"Outlet",', b"W"),
    (b"Current.Import", b'"phase":"L1",', b"A"),
    (b"Current.Import", b'"phase":"L2",', b"A"),
    (b"Current.Import", b'"phase":"L3",', b"A"),
    (b"Voltage", b'"phase":"L1-N",', b"V"),
    (b"SoC", b"", b"Percent"),
)
_METER_VALUES_16: Final = (
    b'{"connectorId":1,"transactionId":%b,"meterValue":[{"timestamp":"%b","sampledValue":['
    + b",".join(
        b'{"value":"%%b","context":"Sample.Periodic",%b"measurand":"%b","unit":"%b"}' % (where, measurand, unit)
        for measurand, where, unit in _METERED_16
    )
    + b"]}]}"
)


class Words16:
    """OCPP 1.6J."""

    def boot(self) -> tuple[str, bytes]:
        return "BootNotification", b'{"chargePointVendor":"Ohmstead","chargePointModel":"Fleet-16"}'

    def status(self, evse: int, is_occupied: bool, stamp: bytes) -> tuple[str, bytes]:
        state = b"Charging" if is_occupied else b"Available"
        values = (evse, state, stamp)
        return (
            "StatusNotification",
            b'{"connectorId":%d,"errorCode":"NoError","status":"%b","timestamp":"%b"}' % values,
        )

    def start(self, session: Session, stamp: bytes) -> tuple[str, bytes]:
        values = (session.token, session.start_wh, stamp)
        return "StartTransaction", b'{"connectorId":1,"idTag":"%b","meterStart":%d,"timestamp":"%b"}' % values

    def take_start(self, session: Session, answer: bytes) -> None:
        found = _TRANSACTION_ID.search(answer)
        if found is not None:
            session.transaction_id = found[1]

    def sample(self, session: Session, register_wh: int, stamp: bytes) -> tuple[str, bytes]:
        current = b"%.3f" % (session.power_w / 3 / VOLTAGE_V)
        values = (b"%d" % register_wh, b"%d" % session.power_w, current, current, current, b"%d" % VOLTAGE_V, b"56")
        return "MeterValues", _METER_VALUES_16 % (session.transaction_id, stamp, *values)

    def stop(self, session: Session, stamp: bytes) -> tuple[str, bytes]:
        values = (session.transaction_id, session.token, session.stop_wh, stamp, session.reason.encode())
        return (
            "StopTransaction",
            b'{"transactionId":%b,"idTag":"%b","meterStop":%d,"timestamp":"%b","reason":"%b"}' % values,
        )


_SAMPLED_201: Final = (
    (b"Power.Active.Import", b"", b"W"),
    (b"Current.Import", b'"phase":"L1",', b"A"),
    (b"Current.Import", b'"phase":"L2",', b"A"),
    (b"Current.Import", b'"phase":"L3",', b"A"),
    (b"Voltage", b'"phase":"L1-N",', b"V"),
)
_REGISTER_201: Final = (
    b'{"value":%d,"context":"%b","measurand":"Energy.Active.Import.Register","location":"Outlet",'
    b'"unitOfMeasure":{"unit":"Wh"}}'
)
_MORE_201: Final = b"".join(
    b',{"value":%%b,"context":"Sample.Periodic",%b"measurand":"%b","location":"Outlet","unitOfMeasure":{"unit":"%b"}}'
    % (phase, measurand, unit)
    for measurand, phase, unit in _SAMPLED_201
)
_EVENT_201: Final = (
    b'{"eventType":"%b","timestamp":"%b","triggerReason":"%b","seqNo":%d,"offline":%b,'
    b'"transactionInfo":{"transactionId":"%b",%b},"evse":{"id":1,"connectorId":1},%b'
    b'"meterValue":[{"timestamp":"%b","sampledValue":[%b]}]}'
)


class Words201:
    """OCPP 2.0.1; transactions are named by their station."""

    def boot(self) -> tuple[str, bytes]:
        station = b'{"vendorName":"Ohmstead","model":"Fleet-201"}'
        return "BootNotification", b'{"reason":"PowerUp","chargingStation":%b}' % station

    def status(self, evse: int, is_occupied: bool, stamp: bytes) -> tuple[str, bytes]:
        values = (stamp, b"Occupied" if is_occupied else b"Available", evse)
        return (
            "StatusNotification",
            b'{"timestamp":"%b","connectorStatus":"%b","evseId":%d,"connectorId":1}' % values,
        )

    def start(self, session: Session, stamp: bytes) -> tuple[str, bytes]:
        register = _REGISTER_201 % (session.start_wh, b"Transaction.Begin")
        return _event(session, b"Started", b"Authorized", b'"chargingState":"Charging"', register, stamp)

    def take_start(self, session: Session, answer: bytes) -> None:
        """The answer gives nothing: the station has named the transaction."""

    def sample(self, session: Session, register_wh: int, stamp: bytes) -> tuple[str, bytes]:
        current = b"%.2f" % (session.power_w / 3 / VOLTAGE_V)
        more = _MORE_201 % (b"%d" % session.power_w, current, current, current, b"%d" % VOLTAGE_V)
        samples = _REGISTER_201 % (register_wh, b"Sample.Periodic") + more
        return _event(session, b"Updated", b"MeterValuePeriodic", b'"chargingState":"Charging"', samples, stamp)

    def stop(self, session: Session, stamp: bytes) -> tuple[str, bytes]:
        register = _REGISTER_201 % (session.stop_wh, b"Transaction.End")
        info = b'"chargingState":"Idle","stoppedReason":"%b"' % session.reason.encode()
        return _event(session, b"Ended", b"StopAuthorized", info, register, stamp)


def _event(
    session: Session, kind: bytes, trigger: bytes, info: bytes, samples: bytes, stamp: bytes
) -> tuple[str, bytes]:
    """The action's name carries the event's type: a Started is another thing to a server than an Updated."""
    token = b"" if kind == b"Updated" else b'"idToken":{"idToken":"%b","type":"ISO14443"},' % session.token
    offline = b"true" if session.is_offline else b"false"
    head = (kind, stamp, trigger, session.seq_no, offline, session.transaction_id, info, token, stamp, samples)
    session.seq_no += 1
    return f"TransactionEvent {kind.decode()}", _EVENT_201 % head
