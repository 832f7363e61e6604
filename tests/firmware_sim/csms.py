"""A small CSMS for the tests, made of the `ocpp` package: it validates every frame with the package's schemas, keeps
all it was told, and misbehaves when asked to."""

from __future__ import annotations

import asyncio
import json
import logging
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import ocpp.messages
from ocpp.messages import Call
from ocpp.v16 import ChargePoint as ChargePoint16
from ocpp.v16 import call_result as result16
from ocpp.v21 import ChargePoint as ChargePoint21
from ocpp.v21 import call_result as result21
from ocpp.v201 import ChargePoint as ChargePoint201
from ocpp.v201 import call_result as result201
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

NOW = "2026-03-02T07:00:00Z"


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """One CALL that arrived, as it was on the wire."""

    station_id: str
    action: str
    payload: dict[str, Any]
    unique_id: str


@dataclass(slots=True)
class Csms:
    """What was heard, and how to behave. `silent` decides which calls get no answer at all."""

    url: str = ""
    heard: list[Heard] = field(default_factory=list)
    invalid: list[str] = field(default_factory=list)
    blocked: set[str] = field(default_factory=set)
    accepts_boot: bool = True
    silent: Callable[[Heard], bool] = lambda _: False
    fails: Callable[[Heard], bool] = lambda _: False
    transactions: dict[tuple[Any, ...], int] = field(default_factory=dict)
    peers: dict[str, Any] = field(default_factory=dict)
    authorizations: list[str | None] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    certificates: list[Any] = field(default_factory=list)
    closes: list[tuple[str, int | None]] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def of(self, *actions: str, station_id: str | None = None) -> list[Heard]:
        return [each for each in self.heard if each.action in actions and station_id in (None, each.station_id)]

    async def wait_for(self, condition: Callable[[Csms], bool], timeout_s: float = 10.0) -> None:
        async with asyncio.timeout(timeout_s):
            while not condition(self):
                await self.changed.wait()

    def notify(self) -> None:
        self.changed.set()
        self.changed = asyncio.Event()

    def status(self, id_token: str) -> str:
        return "Blocked" if id_token in self.blocked else "Accepted"


def _answer16(csms: Csms, heard: Heard) -> Any:
    payload = heard.payload
    match heard.action:
        case "BootNotification":
            status = "Accepted" if csms.accepts_boot else "Pending"
            return result16.BootNotification(current_time=NOW, interval=300, status=status)
        case "Heartbeat":
            return result16.Heartbeat(current_time=NOW)
        case "Authorize":
            return result16.Authorize(id_tag_info={"status": csms.status(payload["idTag"])})
        case "StartTransaction":
            key = (heard.station_id, *sorted(payload.items()))
            number = csms.transactions.setdefault(key, 1000 + len(csms.transactions))
            return result16.StartTransaction(
                transaction_id=number, id_tag_info={"status": csms.status(payload["idTag"])}
            )
        case "SignCertificate" | "DataTransfer":
            return getattr(result16, heard.action)(status="Accepted")
        case _:
            return getattr(result16, heard.action)()


def _answer201(csms: Csms, heard: Heard, result201: Any = result201) -> Any:
    payload = heard.payload
    match heard.action:
        case "BootNotification":
            status = "Accepted" if csms.accepts_boot else "Pending"
            return result201.BootNotification(current_time=NOW, interval=300, status=status)
        case "Heartbeat":
            return result201.Heartbeat(current_time=NOW)
        case "Authorize":
            return result201.Authorize(id_token_info={"status": csms.status(payload["idToken"]["idToken"])})
        case "TransactionEvent" if "idToken" in payload:
            return result201.TransactionEvent(id_token_info={"status": csms.status(payload["idToken"]["idToken"])})
        case "SignCertificate" | "DataTransfer" | "NotifyEVChargingNeeds" | "NotifyEVChargingSchedule":
            return getattr(result201, heard.action)(status="Accepted")
        case _:
            return getattr(result201, heard.action)()


def _answer21(csms: Csms, heard: Heard) -> Any:
    return _answer201(csms, heard, result21)


def _quiet() -> logging.Logger:
    logger = logging.getLogger("tests.csms")
    logger.setLevel(logging.CRITICAL)
    logger.propagate = False
    logger.addHandler(logging.NullHandler())
    return logger


def _peer_class(base: Any, answer: Callable[[Csms, Heard], Any]) -> Any:
    class Peer(base):  # type: ignore[misc]
        csms: Csms

        async def _handle_call(self, msg: Any) -> None:
            heard = Heard(
                station_id=self.id,
                action=msg.action,
                payload=json.loads(json.dumps(msg.payload)),
                unique_id=msg.unique_id,
            )
            try:
                ocpp.messages._validate_payload(Call(msg.unique_id, msg.action, msg.payload), self._ocpp_version)
            except Exception as error:
                self.csms.invalid.append(f"{msg.action}: {error!r} {msg.payload}")
            if self.csms.fails(heard):
                self.csms.heard.append(heard)
                self.csms.notify()
                await self._send(json.dumps([4, msg.unique_id, "InternalError", "", {}]))
                return
            is_silent = self.csms.silent(heard)
            self.csms.heard.append(heard)
            result = ocpp.charge_point.serialize_as_dict(answer(self.csms, heard))
            if not is_silent:
                payload = ocpp.charge_point.snake_to_camel_case(ocpp.charge_point.remove_nones(result))
                await self._send(msg.create_call_result(payload).to_json())
            self.csms.notify()

    return Peer


@asynccontextmanager
async def running(port: int = 0, tls: ssl.SSLContext | None = None) -> AsyncIterator[Csms]:
    """A CSMS on a free loopback port."""
    csms = Csms()
    peers = {
        "ocpp1.6": _peer_class(ChargePoint16, _answer16),
        "ocpp2.0.1": _peer_class(ChargePoint201, _answer201),
        "ocpp2.1": _peer_class(ChargePoint21, _answer21),
    }

    async def serve_one(socket: ServerConnection) -> None:
        assert socket.request is not None
        assert socket.subprotocol is not None
        csms.paths.append(socket.request.path)
        csms.certificates.append(socket.transport.get_extra_info("peercert"))
        station_id = unquote(socket.request.path.strip("/"))
        csms.authorizations.append(socket.request.headers.get("Authorization"))
        peer = peers[socket.subprotocol](station_id, socket, 5, _quiet())
        peer.csms = csms
        csms.peers[station_id] = peer
        csms.notify()
        try:
            await peer.start()
        except ConnectionClosed:
            pass
        finally:
            csms.closes.append((station_id, socket.close_code))
            if csms.peers.get(station_id) is peer:
                del csms.peers[station_id]
            csms.notify()

    async with serve(
        serve_one, "127.0.0.1", port, subprotocols=["ocpp1.6", "ocpp2.0.1", "ocpp2.1"], compression=None, ssl=tls
    ) as server:
        csms.url = f"ws{'' if tls is None else 's'}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield csms
