"""What stations do in their own way: told of once, treated as their model needs it."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from prometheus_client import CollectorRegistry, generate_latest

from edge.chargers import habits as module
from edge.chargers.charger_metrics import ChargerMetrics
from edge.chargers.frame_masking import Masker
from edge.chargers.habits import Habits, Model
from protocols.charger.events import BootReported, DeviationNoticed, MeterValuesReported, TransactionBegan
from protocols.ocpp.salvage import Deviation, Remedy
from protocols.ocpp.version import Version
from protocols.ocpp.vocabulary import words
from tests.edge.chargers.scripted import PASSWORD, ScriptedInbox, basic, exchange, http_get, running_server
from tests.edge.chargers.test_conversation import ask, conversation, metrics_of
from tests.kit import wait_until

BAD_UNIT = {
    "connectorId": 1,
    "meterValue": [
        {"timestamp": "2026-03-02T06:00:00Z", "sampledValue": [{"value": "5"}, {"value": "6", "unit": "Bogus"}]}
    ],
}
OPENEVSE = Model("OpenEVSE", "OpenEVSE", "4.2.2")


def told(inbox: ScriptedInbox) -> list[DeviationNoticed]:
    return inbox.of(DeviationNoticed)


def deviation(number: int) -> Deviation:
    return Deviation(action="MeterValues", path=f"/{number}", problem="bad", remedy=Remedy.FIELD_LEFT_OUT)


def made(**options: Any) -> tuple[Habits, ScriptedInbox]:
    inbox = ScriptedInbox()
    return Habits(inbox, ChargerMetrics(CollectorRegistry()), lambda raw: raw, **options), inbox


# --- deviations ---


async def test_a_bad_reading_is_passed_over_answered_and_told_of_once_with_its_frame() -> None:
    inbox = ScriptedInbox()
    talk = conversation(Version.V16, inbox)
    for number in range(5):
        assert (await ask(talk, 2, f"m{number}", "MeterValues", BAD_UNIT))[:1] == [3]
    assert [len(event.samples) for event in inbox.of(MeterValuesReported)] == [1] * 5
    (event,) = told(inbox)
    assert (event.path, event.remedy, event.count) == ("/meterValue/sampledValue/unit", "entry left out", 1)
    assert orjson.loads(event.frame or "") == [2, "m0", "MeterValues", BAD_UNIT]
    assert metrics_of(talk).deviations["MeterValues", "entry left out"] == 5
    assert metrics_of(talk).messages["MeterValues", "answered"] == 5


async def test_the_site_hears_of_the_model_before_it_hears_what_the_model_does_wrong() -> None:
    inbox = ScriptedInbox()
    talk = conversation(Version.V16, inbox)
    await ask(talk, 2, "m", "BootNotification", {"chargePointVendor": "V", "chargePointModel": "M" * 30})
    assert inbox.kinds() == ["BootReported", "DeviationNoticed"]


async def test_what_cannot_be_mended_is_refused_with_the_schemas_own_words_and_not_told_of() -> None:
    inbox = ScriptedInbox()
    talk = conversation(Version.V16, inbox)
    answer = await ask(talk, 2, "m", "StopTransaction", {"meterStop": None, "timestamp": "", "transactionId": 1})
    assert answer[2:4] == ["TypeConstraintViolation", '/meterStop: the value is not of type "integer"']
    assert inbox.events == []


def test_it_is_told_again_after_an_hour_with_the_count() -> None:
    habits, inbox = made()
    for second in (0.0, 10.0, 3_599.0, 3_600.0, 3_601.0):
        habits.note("CS-1", [deviation(1)], b"frame", second)
    assert [(event.count, event.frame) for event in told(inbox)] == [(1, "frame"), (3, None)]


def test_what_was_not_seen_again_is_told_an_hour_later() -> None:
    habits, inbox = made()
    for second in (0.0, 1.0, 2.0):
        habits.note("CS-1", [deviation(1)], b"frame", second)
    for second in (10.0, 1_800.0, 3_599.0, 3_700.0, 3_800.0, 9_999.0):
        habits.tell_late(second)
    assert [(event.count, event.frame, event.station_id) for event in told(inbox)] == [
        (1, "frame", "CS-1"),
        (2, None, "CS-1"),
    ]


def test_stations_of_one_model_are_told_of_as_one_and_others_apart() -> None:
    models = {"CS-1": Model("V", "M", "1"), "CS-2": Model("V", "M", "1"), "CS-3": Model("V", "M", "2")}
    habits, inbox = made(model_of=models.__getitem__)
    for station_id in ("CS-1", "CS-2", "CS-3"):
        habits.note(station_id, [deviation(1)], b"", 0.0)
    assert [event.station_id for event in told(inbox)] == ["CS-1", "CS-3"]


def test_a_flood_of_kinds_is_told_slowly_and_remembered_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_KINDS", 200)
    habits, inbox = made()
    for number in range(1_000):
        habits.note("CS-1", [deviation(number)], b"", 0.0)
    assert len(told(inbox)) == module.MAX_TOLD_AT_ONCE
    assert len(habits._seen) == 200
    habits.note("CS-1", [deviation(999)], b"", 10.0)
    assert told(inbox)[-1].count == 2


def test_a_site_that_has_no_time_is_told_later() -> None:
    habits, inbox = made()
    inbox.is_full = lambda _event: True
    habits.note("CS-1", [deviation(1)], b"first", 0.0)
    inbox.is_full = lambda _event: False
    habits.note("CS-1", [deviation(1)], b"second", 1.0)
    assert (told(inbox)[-1].count, told(inbox)[-1].frame) == (2, "second")


def test_no_token_is_in_the_frame_that_is_kept_and_it_is_bounded() -> None:
    inbox = ScriptedInbox()
    habits = Habits(inbox, ChargerMetrics(CollectorRegistry()), Masker(words, b"key").mask)
    frame = orjson.dumps([2, "m", "Authorize", {"idTag": "04A2B3C4D5E6F7" * 3, "more": ["x" * 9] * 2_000}])
    habits.note("CS-1", [deviation(1)], frame, 0.0)
    (event,) = told(inbox)
    assert event.frame is not None
    assert "04A2B3C4" not in event.frame
    assert len(event.frame) <= module.MAX_FRAME_BYTES


async def test_they_are_in_the_metrics() -> None:
    async with running_server() as server, server.connect() as station:
        await exchange(station, 2, "1", "MeterValues", BAD_UNIT)
        text = generate_latest(server.registry).decode()
        line = 'ohmstead_ocpp_deviations_total{action="MeterValues",remedy="entry left out"} 1.0'
        assert line in text


# --- models ---


async def test_a_register_that_counts_kwh_is_put_right_after_the_boot() -> None:
    inbox = ScriptedInbox()
    talk = conversation(Version.V16, inbox)
    boot = {"chargePointVendor": "OpenEVSE", "chargePointModel": "OpenEVSE", "firmwareVersion": "4.2.2"}
    values = {
        "connectorId": 1,
        "meterValue": [{"timestamp": "2026-03-02T06:00:00Z", "sampledValue": [{"value": "361"}]}],
    }
    start = {"connectorId": 1, "idTag": "A", "meterStart": 361, "timestamp": "2026-03-02T06:00:00Z"}
    await ask(talk, 2, "1", "MeterValues", values)
    await ask(talk, 2, "2", "BootNotification", boot)
    await ask(talk, 2, "3", "MeterValues", values)
    await ask(talk, 2, "4", "StartTransaction", start)
    before, after = inbox.of(MeterValuesReported)
    assert (before.samples[0].value, after.samples[0].value) == (361, 361_000)
    assert inbox.of(TransactionBegan)[0].meter_start_wh == 361_000
    assert inbox.of(BootReported)


async def test_a_station_that_comes_back_without_a_boot_is_known() -> None:
    talk = conversation(Version.V16, ScriptedInbox(), model_of=lambda _id: OPENEVSE)
    assert talk.quirks.id == "openevse_kwh"


async def test_who_does_not_answer_pings_is_sent_none() -> None:
    pinged, spared = Model("Any", "Any", None), Model("EN+", "AC7000-AE-25", None)
    models = {"CS-1": pinged, "CS-2": spared}
    async with (
        running_server(model_of=models.__getitem__, ping_interval_s=0.2, ping_timeout_s=5) as server,
        server.connect("CS-1") as one,
        server.connect("CS-2") as other,
    ):
        sockets = {talk.station_id: talk.socket for talk in server.fleet.conversations()}
        await wait_until(lambda: sockets["CS-1"] is not None and sockets["CS-1"].has_ponged)
        assert sockets["CS-2"] is not None
        assert sockets["CS-2"].last_ping_s == 0.0
        assert (await exchange(other, 2, "1", "Heartbeat", {}))[0] == 3
        assert (await exchange(one, 2, "1", "Heartbeat", {}))[0] == 3


def test_the_settings_of_a_station_say_more_than_its_model() -> None:
    habits, _ = made(model_of=lambda _id: Model("EN+", "AC7000", None), pings={"CS-1": True})
    assert habits.is_pinged("CS-1", habits.quirks_of("CS-1"))
    assert not habits.is_pinged("CS-2", habits.quirks_of("CS-2"))


# --- row 6: the handshake ---


@pytest.mark.parametrize(
    ("offered", "echoed"),
    [(None, None), ("", None), ("ocpp1.6J", "ocpp1.6J"), ("ocpp1.5, soap", "ocpp1.5"), ("x y", None)],
)
async def test_a_station_that_names_no_known_subprotocol_speaks_its_default(
    offered: str | None, echoed: str | None
) -> None:
    """lbbrhzn/ocpp#442, steve#1109."""
    async with running_server(default_versions={"CS-1": Version.V16}) as server:
        more = {} if offered is None else {"Sec-WebSocket-Protocol": offered}
        status, headers, _ = await http_get(server.port, "/CS-1", {**basic("CS-1", PASSWORD), **more})
        assert (status, headers.get("sec-websocket-protocol")) == (101, echoed)
        status, _, text = await http_get(server.port, "/CS-2", {**basic("CS-2", PASSWORD), **more})
        assert (status, "ocpp1.6" in text, "ocpp2.0.1" in text) == (400, True, True)


async def test_a_default_does_not_outdo_what_a_station_names() -> None:
    async with running_server(default_versions={"CS-1": Version.V16}) as server:
        headers = {**basic("CS-1", PASSWORD), "Sec-WebSocket-Protocol": "ocpp2.0.1"}
        _, answered, _ = await http_get(server.port, "/ocpp/CS-1/", headers)
        assert answered["sec-websocket-protocol"] == "ocpp2.0.1"
