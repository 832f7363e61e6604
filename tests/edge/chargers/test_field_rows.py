"""Rows of the list of field quirks, from the frame to the bill: a conversation over a site that decides for itself.

Rows 1 and 3 as readings come, 8 repeated and unknown ends, 9 crossing calls, 10 no boot after a reconnect, 13 a queue
in one burst. What a single frame becomes is in tests/protocols/ocpp, what a meter does in tests/edge/domain.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

import orjson
import pytest
from prometheus_client import CollectorRegistry

from edge.chargers.charger_metrics import ChargerMetrics
from edge.chargers.conversation import Conversation
from edge.chargers.habits import Habits, Model
from edge.chargers.handshake import Admitted
from edge.chargers.station_socket import StationSocket
from edge.domain.events import SiteEvent
from edge.ports import OnReply
from protocols.charger.abilities import OCPP_16
from protocols.charger.events import StationConnected, StationDisconnected
from protocols.ocpp.version import Version
from protocols.sync.up import CdrIssued, CdrQuarantined, TransactionStarted, UnknownStopReceived
from protocols.sync.upkeep import DeviationSeen
from tests.edge.chargers.test_conversation import NoFleet, Wire
from tests.edge.domain.site_kit import Play


class Deciding:
    """The port Inbox over a play: what is put in is decided there and then."""

    def __init__(self, play: Play) -> None:
        self.play = play

    def put(self, event: SiteEvent, on_reply: OnReply | None = None, is_moot: Callable[[], bool] | None = None) -> None:
        decision = self.play.tell(event)
        if on_reply is not None:
            on_reply(decision.reply)

    async def ask(self, event: SiteEvent) -> Any:
        return self.play.tell(event).reply


class Station:
    """Station A on a socket of its own; `say` gives the payload of the CALLRESULT."""

    def __init__(self, play: Play) -> None:
        self.play = play
        inbox, metrics = Deciding(play), ChargerMetrics(CollectorRegistry())

        def model_of(station_id: str) -> Model:
            known = play.site.stations[station_id]
            return Model(known.vendor, known.model, known.firmware_version)

        habits = Habits(inbox, metrics, lambda raw: raw, model_of)
        admitted = Admitted(station_id="A", version=Version.V16, subprotocol="", is_known=True)
        loop = asyncio.get_running_loop()
        self.talk = Conversation(admitted, NoFleet(), inbox, lambda: play.now, metrics, loop, habits)
        play.tell(StationConnected(station_id="A", abilities=OCPP_16))
        self.wire = Wire()
        self.talk.begin(cast(StationSocket, self.wire))
        self._number = 0

    def say(self, action: str, payload: dict[str, Any], message_id: str | None = None) -> Any:
        self._number += 1
        frame = [2, message_id or f"m{self._number}", action, payload]
        self.talk.take(orjson.dumps(frame), self.talk.loop.time())
        kind, _, answer, *_ = orjson.loads(self.wire.said[-1])
        assert kind == 3, answer
        return answer

    def start(self, **more: Any) -> int:
        usual = {"connectorId": 1, "idTag": "GOOD", "meterStart": 1000, "timestamp": self.play.now.isoformat()}
        return int(self.say("StartTransaction", {**usual, **more})["transactionId"])

    def stop(self, transaction_id: int, meter_wh: int, **more: Any) -> Any:
        usual = {"transactionId": transaction_id, "meterStop": meter_wh, "timestamp": self.play.now.isoformat()}
        return self.say("StopTransaction", {**usual, **more})

    def values(self, register_wh: Any, **more: Any) -> None:
        sampled = [{"value": register_wh, "unit": "Wh"}, {"value": "31", "measurand": "Temperature", "unit": "Deg"}]
        value = {"timestamp": self.play.now.isoformat(), "sampledValue": sampled}
        self.say("MeterValues", {"connectorId": 1, "meterValue": [value], **more})


@pytest.fixture
def play() -> Play:
    return Play()


async def test_readings_with_a_bad_one_among_them_and_no_id_are_billed(play: Play) -> None:
    """Rows 1 and 3."""
    station = Station(play)
    transaction = station.start()
    unusable = ({}, {"transactionId": 0}, {"transactionId": -1}, {"transactionId": 2**63 - 1}, {"transactionId": None})
    for minutes, more in zip((5, 10, 15, 18, 20), unusable, strict=True):
        play.after(5)
        station.values(str(1000 + minutes * 100), **more)
    (running,) = play.site.transactions.values()
    assert running.last_wh == 3000
    play.after(1)
    station.stop(transaction, 3050)
    assert play.found(CdrIssued)[0].cdr.total_energy_wh == 2050
    assert {(seen.path, seen.problem) for seen in play.found(DeviationSeen)} == {
        ("/meterValue/sampledValue/unit", "no word of the standard"),
        ("/transactionId", "null"),
    }


async def test_deviations_are_put_down_to_the_model_that_booted(play: Play) -> None:
    station = Station(play)
    boot = {
        "chargePointVendor": "Schneider Electric",
        "chargePointModel": "EVlink",
        "chargePointSerialNumber": "3" * 26,
    }
    assert station.say("BootNotification", boot)["status"] == "Accepted"
    (seen,) = play.found(DeviationSeen)
    assert (seen.vendor, seen.model, seen.station_id) == ("Schneider Electric", "EVlink", "A")
    assert play.site.stations["A"].serial_number == "3" * 25


async def test_a_start_said_again_on_a_new_socket_is_one_transaction(play: Play) -> None:
    """Row 8, MicroOcpp#50."""
    payload = {"timestamp": play.now.isoformat()}
    first = Station(play).start(**payload)
    play.tell(StationDisconnected(station_id="A"))
    again = Station(play)
    play.after(2)
    assert again.start(**payload) == first
    assert len(play.found(TransactionStarted)) == 1
    play.after(30)
    again.stop(first, 5000)
    assert again.start(**payload) == first  # and once more after its end
    assert len(play.found(CdrIssued)) == 1


@pytest.mark.parametrize("transaction_id", [0, -1, 4711, 2**31])
async def test_an_end_that_nobody_knows_is_answered_kept_and_ends_nothing(play: Play, transaction_id: int) -> None:
    """Row 8, steve#1141."""
    station = Station(play)
    station.start()
    for _ in range(3):
        assert station.stop(transaction_id, 9_999_999) == {}
    assert [kept.charger_transaction_id for kept in play.found(UnknownStopReceived)] == [str(transaction_id)]
    assert len(play.site.transactions) == 1
    assert play.found(CdrIssued) == play.found(CdrQuarantined) == []


async def test_calls_that_cross_hold_nobody_up(play: Play) -> None:
    """Row 9: ours is unanswered, theirs is answered; then ours is."""
    station = Station(play)
    ours = asyncio.ensure_future(station.talk.calls.call("GetLocalListVersion", {}, 5))  # noqa: TID251 - a test's task
    await asyncio.sleep(0)
    kind, message_id, action, _ = orjson.loads(station.wire.said[-1])
    assert (kind, action) == (2, "GetLocalListVersion")
    assert station.say("Heartbeat", {})["currentTime"]
    station.talk.take(orjson.dumps([3, message_id, {"listVersion": 7}]), 0.0)
    assert await ours == {"listVersion": 7}


async def test_what_is_known_of_a_station_outlives_its_socket(play: Play) -> None:
    """Row 10, evcc#15671: it comes back without a boot, in the middle of a transaction."""
    station = Station(play)
    station.say(
        "BootNotification", {"chargePointVendor": "OpenEVSE", "chargePointModel": "W", "firmwareVersion": "4.2.2"}
    )
    transaction = station.start(meterStart=361)
    play.tell(StationDisconnected(station_id="A"))
    play.after(30)
    back = Station(play)
    assert back.talk.quirks.id == "openevse_kwh"
    back.values("365")
    (running,) = play.site.transactions.values()
    assert (running.meter_start_wh, running.last_wh) == (361_000, 365_000)
    back.stop(transaction, 366)
    assert play.found(CdrIssued)[0].cdr.total_energy_wh == 5000


async def test_a_queue_of_hundreds_in_one_burst_is_taken_in_order_and_none_is_refused(play: Play) -> None:
    """Row 13."""
    station = Station(play)
    begun = play.now
    play.after(24 * 60)
    ended = []
    for session in range(100):
        at = begun.timestamp() + session * 600
        stamp = play.now.fromtimestamp(at, play.now.tzinfo).isoformat()
        later = play.now.fromtimestamp(at + 300, play.now.tzinfo).isoformat()
        transaction = station.start(meterStart=session * 500, timestamp=stamp)
        value = {"timestamp": later, "sampledValue": [{"value": str(session * 500 + 400)}]}
        station.say("MeterValues", {"connectorId": 1, "transactionId": transaction, "meterValue": [value]})
        station.stop(transaction, session * 500 + 500, timestamp=later)
        ended.append(transaction)
    assert len(set(ended)) == 100
    bills = [found.cdr for found in play.found(CdrIssued)]
    assert [bill.total_energy_wh for bill in bills] == [500] * 100
    assert [bill.total_time_s for bill in bills] == [300] * 100
    assert play.found(CdrQuarantined) == []
