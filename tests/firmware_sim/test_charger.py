"""The charger model as a playbook: events in, messages out."""

from __future__ import annotations

from datetime import timedelta

import pytest

from firmware_sim.charger import Charger
from firmware_sim.messages import (
    Answered,
    AuthorizeMessage,
    BootAnswer,
    BootMessage,
    BootReason,
    CallRefused,
    ConnectorFaulted,
    ConnectorState,
    Event,
    FaultCleared,
    HeartbeatMessage,
    IdleMeterMessage,
    Limited,
    LinkLost,
    LinkUp,
    Phase,
    PlainAnswer,
    Plugged,
    PowerCut,
    PowerRestored,
    Presented,
    StatusMessage,
    StopReason,
    TokenAnswer,
    Trigger,
    Unanswered,
    Unplugged,
)
from firmware_sim.settings import AfterPowerLoss, OfflineAuthorize
from firmware_sim.vehicle import UJ_PER_WH
from protocols.terms import ChargingState, ReadingContext
from tests.firmware_sim.playbook import (
    ACCEPTED,
    CARD,
    OTHER_CARD,
    T0,
    answer,
    at,
    car,
    charging,
    messages,
    online,
    spec,
    steps,
)

# --- boot ---


def test_says_nothing_before_power_and_boots_when_connected() -> None:
    charger = Charger(spec(), T0)
    assert messages(charger.handle(PowerRestored(), T0)) == []
    assert messages(charger.handle(LinkUp(), at(1))) == [BootMessage(reason=BootReason.POWER_UP)]


def test_tells_every_state_once_accepted_then_beats() -> None:
    charger = Charger(spec(), T0)
    told = messages(online(charger))
    assert [(each.evse_id, each.state) for each in told if isinstance(each, StatusMessage)] == [
        (0, ConnectorState.AVAILABLE),
        (1, ConnectorState.AVAILABLE),
        (2, ConnectorState.AVAILABLE),
    ]
    assert messages(charger.advance(at(299))) == []
    assert messages(charger.advance(at(601))) == [HeartbeatMessage(), HeartbeatMessage()]


def test_asks_again_when_the_boot_is_not_accepted() -> None:
    charger = Charger(spec(), T0)
    charger.handle(PowerRestored(), T0)
    told = charger.handle(LinkUp(), T0)
    answer(charger, told, BootMessage, BootAnswer(accepted=False, interval_s=30), T0)
    assert not charger.online
    assert messages(charger.advance(at(31))) == [BootMessage(reason=BootReason.POWER_UP)]


def test_does_not_boot_again_when_only_the_link_was_lost() -> None:
    charger = Charger(spec(), T0)
    online(charger)
    charger.handle(LinkLost(), at(10))
    told = messages(charger.handle(LinkUp(), at(20)))
    assert [type(each) for each in told] == [StatusMessage] * 3


# --- a session ---


def test_a_session_from_plug_to_unplug() -> None:
    charger = Charger(spec(), T0)
    online(charger)
    plugged = messages(charger.handle(Plugged(evse_id=1, vehicle=car()), at(10)))
    assert plugged == [
        StatusMessage(evse_id=1, state=ConnectorState.PREPARING, previous=ConnectorState.AVAILABLE, at=at(10))
    ]
    asked = charger.handle(Presented(evse_id=1, id_token=CARD), at(20))
    assert messages(asked) == [AuthorizeMessage(evse_id=1, id_token=CARD)]

    begun = answer(charger, asked, AuthorizeMessage, ACCEPTED, at(20))
    started, changed = steps(begun)
    assert (started.phase, started.trigger, started.seq_no, started.offline) == (
        Phase.STARTED,
        Trigger.AUTHORIZED,
        0,
        False,
    )
    assert (started.id_token, started.reading.register_wh, started.at) == (CARD, 1_000, at(20))
    assert started.reading.context is ReadingContext.TRANSACTION_BEGIN
    assert (changed.trigger, changed.charging_state) == (Trigger.CHARGING_STATE_CHANGED, ChargingState.CHARGING)
    assert charger.evses[1].state is ConnectorState.CHARGING

    samples = steps(charger.advance(at(20 + 150)))
    assert [each.at for each in samples] == [at(80), at(140)]
    assert [each.seq_no for each in samples] == [2, 3]
    assert [each.reading.power_w for each in samples] == [10_998, 10_998]  # 11 kW in whole watts per phase

    ended = steps(charger.handle(Presented(evse_id=1, id_token=CARD), at(20 + 3600)))[-1]
    assert (ended.phase, ended.trigger, ended.reason) == (Phase.ENDED, Trigger.STOP_AUTHORIZED, StopReason.LOCAL)
    assert ended.reading.register_wh == 1_000 + 10_998
    assert charger.evses[1].state is ConnectorState.FINISHING
    charger.handle(Unplugged(evse_id=1), at(4000))
    assert charger.evses[1].state is ConnectorState.AVAILABLE


def test_card_first_then_cable() -> None:
    charger = Charger(spec(), T0)
    online(charger)
    asked = charger.handle(Presented(evse_id=1, id_token=CARD), at(5))
    answer(charger, asked, AuthorizeMessage, ACCEPTED, at(6))
    assert charger.evses[1].state is ConnectorState.PREPARING
    started = steps(charger.handle(Plugged(evse_id=1, vehicle=car()), at(30)))[0]
    assert started.trigger is Trigger.CABLE_PLUGGED_IN


def test_a_permit_lapses_when_no_cable_comes() -> None:
    charger = Charger(spec(), T0)
    online(charger)
    asked = charger.handle(Presented(evse_id=1, id_token=CARD), at(5))
    answer(charger, asked, AuthorizeMessage, ACCEPTED, at(6))
    charger.advance(at(67))
    assert charger.evses[1].state is ConnectorState.AVAILABLE
    assert steps(charger.handle(Plugged(evse_id=1, vehicle=car()), at(70))) == []


def test_a_refused_card_starts_nothing() -> None:
    charger = Charger(spec(), T0)
    online(charger)
    charger.handle(Plugged(evse_id=1, vehicle=car()), at(1))
    asked = charger.handle(Presented(evse_id=1, id_token=CARD), at(2))
    told = answer(charger, asked, AuthorizeMessage, TokenAnswer(status="Blocked"), at(3))
    assert steps(told) == []
    assert CARD not in charger.accepted


def test_another_card_does_not_end_the_session() -> None:
    charger = Charger(spec(), T0)
    charging(charger)
    assert messages(charger.handle(Presented(evse_id=1, id_token=OTHER_CARD), at(30))) == []
    assert charger.evses[1].transaction_id is not None


def test_full_vehicle_suspends_at_its_own_instant_and_with_its_own_energy() -> None:
    charger = Charger(spec(), T0)
    online(charger)
    charger.handle(Plugged(evse_id=1, vehicle=car(40, energy_wh=1_000)), at(10))
    asked = charger.handle(Presented(evse_id=1, id_token=CARD), at(20))
    answer(charger, asked, AuthorizeMessage, ACCEPTED, at(20))
    told = charger.advance(at(7200))
    suspended = next(each for each in steps(told) if each.charging_state is ChargingState.SUSPENDED_EV)
    exact_s = 1_000 * 3600 / 10_998
    assert abs((suspended.at - at(20)).total_seconds() - exact_s) < 1e-5
    assert charger.evses[1].meter.register_wh == 2_000
    assert charger.evses[1].full_at == suspended.at


def test_pulling_the_plug_ends_with_ev_disconnected() -> None:
    charger = Charger(spec(), T0)
    charging(charger)
    ended = steps(charger.handle(Unplugged(evse_id=1), at(100)))[-1]
    assert (ended.reason, ended.trigger, ended.charging_state) == (
        StopReason.EV_DISCONNECTED,
        Trigger.EV_COMMUNICATION_LOST,
        ChargingState.IDLE,
    )


def test_csms_that_refuses_the_start_gets_a_deauthorized_stop() -> None:
    charger = Charger(spec(), T0)
    online(charger)
    charger.handle(Plugged(evse_id=1, vehicle=car()), at(1))
    asked = charger.handle(Presented(evse_id=1, id_token=CARD), at(2))
    started = steps(answer(charger, asked, AuthorizeMessage, ACCEPTED, at(3)))[0]
    told = charger.handle(Answered(message=started, answer=TokenAnswer(status="ConcurrentTx", csms_id=9)), at(4))
    assert steps(told)[-1].reason is StopReason.DEAUTHORIZED
    transaction = charger.transactions[started.transaction_id]
    assert (transaction.csms_id, transaction.acknowledged_start) == (9, True)


def test_a_limit_suspends_the_evse() -> None:
    charger = Charger(spec(), T0)
    charging(charger)
    charger.handle(Limited(evse_id=1, limit_w=0), at(50))
    assert charger.evses[1].state is ConnectorState.SUSPENDED_EVSE
    charger.handle(Limited(evse_id=1, limit_w=6_900), at(60))
    assert charger.evses[1].power_w == 6_900
    charger.handle(Limited(evse_id=1, limit_w=None), at(70))
    assert charger.evses[1].power_w == 10_998


def test_a_fault_ends_the_session_and_shows() -> None:
    charger = Charger(spec(), T0)
    charging(charger)
    ended = steps(charger.handle(ConnectorFaulted(evse_id=1), at(50)))[-1]
    assert ended.reason is StopReason.OTHER
    assert charger.evses[1].state is ConnectorState.FAULTED
    charger.handle(FaultCleared(evse_id=1), at(60))
    assert charger.evses[1].state is ConnectorState.FINISHING


# --- offline ---


def test_offline_only_known_cards_charge() -> None:
    charger = Charger(spec(), T0)
    charging(charger)
    charger.handle(Presented(evse_id=1, id_token=CARD), at(30))
    charger.handle(LinkLost(), at(40))
    charger.handle(Plugged(evse_id=2, vehicle=car()), at(50))
    assert steps(charger.handle(Presented(evse_id=2, id_token=OTHER_CARD), at(60))) == []
    started = steps(charger.handle(Presented(evse_id=2, id_token=CARD), at(70)))[0]
    assert (started.offline, started.at, started.phase) == (True, at(70), Phase.STARTED)


@pytest.mark.parametrize(("rule", "starts"), [(OfflineAuthorize.ANY, True), (OfflineAuthorize.NONE, False)])
def test_offline_rule_decides(rule: OfflineAuthorize, starts: bool) -> None:
    charger = Charger(spec(offline_authorize=rule), T0)
    charging(charger)
    charger.handle(Unplugged(evse_id=1), at(30))
    charger.handle(LinkLost(), at(40))
    charger.handle(Plugged(evse_id=1, vehicle=car()), at(50))
    told = charger.handle(Presented(evse_id=1, id_token=CARD), at(60))
    assert bool(steps(told)) is starts


def test_offline_steps_are_marked_and_numbered() -> None:
    charger = Charger(spec(), T0)
    charging(charger)
    charger.handle(LinkLost(), at(30))
    told = steps(charger.advance(at(200))) + steps(charger.handle(Presented(evse_id=1, id_token=CARD), at(210)))
    assert [each.offline for each in told] == [True] * len(told)
    assert [each.seq_no for each in told] == list(range(2, 2 + len(told)))


@pytest.mark.parametrize("lost", [LinkLost(), "unanswered"])
def test_an_unanswered_authorize_is_decided_locally(lost: LinkLost | str) -> None:
    charger = Charger(spec(offline_authorize=OfflineAuthorize.ANY), T0)
    online(charger)
    charger.handle(Plugged(evse_id=1, vehicle=car()), at(1))
    asked = messages(charger.handle(Presented(evse_id=1, id_token=CARD), at(2)))
    event: Event = lost if isinstance(lost, LinkLost) else Unanswered(message=asked[0])
    assert steps(charger.handle(event, at(40)))[0].phase is Phase.STARTED


# --- power ---


def test_power_failure_ends_the_session_where_the_power_went() -> None:
    charger = Charger(spec(), T0)
    charging(charger)
    charger.advance(at(620))
    assert messages(charger.handle(PowerCut(), at(620))) == []
    register_uj = charger.evses[1].meter.register_uj
    assert messages(charger.advance(at(1000))) == []
    ended = steps(charger.handle(PowerRestored(), at(1200)))[-1]
    assert (ended.reason, ended.at, ended.offline) == (StopReason.POWER_LOSS, at(620), True)
    assert charger.evses[1].meter.register_uj == register_uj
    assert ended.reading.register_wh == register_uj // UJ_PER_WH
    assert messages(charger.handle(LinkUp(), at(1201))) == [BootMessage(reason=BootReason.POWER_UP)]


def test_power_failure_may_be_survived() -> None:
    charger = Charger(spec(after_power_loss=AfterPowerLoss.RESUME), T0)
    charging(charger)
    charger.handle(PowerCut(), at(620))
    resumed = steps(charger.handle(PowerRestored(), at(1200)))
    assert resumed[0].reading.context is ReadingContext.INTERRUPTION_END
    ended = steps(charger.handle(Presented(evse_id=1, id_token=CARD), at(1800)))[-1]
    assert ended.reading.register_wh == 1_000 + 10_998 * 1_200 // 3_600


def test_a_car_taken_away_in_the_dark() -> None:
    charger = Charger(spec(after_power_loss=AfterPowerLoss.RESUME), T0)
    charging(charger)
    charger.handle(PowerCut(), at(620))
    charger.handle(Unplugged(evse_id=1), at(700))
    ended = steps(charger.handle(PowerRestored(), at(1200)))[-1]
    assert (ended.reason, ended.at) == (StopReason.POWER_LOSS, at(620))
    assert charger.evses[1].state is ConnectorState.AVAILABLE


def test_a_charger_that_was_killed_remembers() -> None:
    charger = Charger(spec(), T0)
    charging(charger)
    charger.advance(at(320))
    again = Charger(spec(), at(900), charger.remembered())
    ended = steps(again.handle(PowerRestored(), at(900)))[-1]
    assert (ended.reason, ended.at) == (StopReason.POWER_LOSS, at(320))
    assert ended.reading.register_wh == 1_000 + 10_998 * 300 // 3_600
    assert again.transactions[ended.transaction_id].csms_id == 7
    assert CARD in again.accepted


# --- samples ---


def test_clock_aligned_values_fall_on_the_clock() -> None:
    charger = Charger(spec(clock_aligned_s=900), T0 + timedelta(seconds=100))
    online(charger, T0 + timedelta(seconds=100))
    told = [each for each in messages(charger.advance(at(1900))) if isinstance(each, IdleMeterMessage)]
    assert [(each.evse_id, each.reading.at) for each in told] == [
        (1, at(900)),
        (2, at(900)),
        (1, at(1800)),
        (2, at(1800)),
    ]


def test_a_dc_reading_tells_the_state_of_charge() -> None:
    charger = Charger(spec(), T0)
    charging(charger, evse_id=2)
    reading = steps(charger.advance(at(81)))[-1].reading
    assert (reading.phases, len(reading.current_ma), reading.power_w) == (0, 1, 120_000)
    assert reading.soc_percent == 43
    assert abs(reading.current_ma[0] / 1000 * reading.voltage_v[0] - reading.power_w) < reading.voltage_v[0]


def test_a_refused_message_is_discarded_and_told() -> None:
    charger = Charger(spec(), T0)
    charging(charger)
    ended = steps(charger.handle(Unplugged(evse_id=1), at(30)))[-1]
    charger.handle(Answered(message=ended, answer=CallRefused(code="InternalError")), at(31))
    assert not charger.transactions[ended.transaction_id].acknowledged_stop
    charger.handle(Answered(message=ended, answer=PlainAnswer()), at(32))
    assert charger.transactions[ended.transaction_id].acknowledged_stop
