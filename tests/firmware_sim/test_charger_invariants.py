"""What holds of the charger model whatever happens to it."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_sim.charger import Charger
from firmware_sim.messages import (
    Answered,
    AvailabilityChanged,
    BootAnswer,
    BootMessage,
    ConnectorFaulted,
    Event,
    FaultCleared,
    Limited,
    LinkLost,
    LinkUp,
    Phase,
    Plugged,
    PowerCut,
    PowerRestored,
    Presented,
    RemoteStart,
    ResetRequested,
    Triggered,
    UnlockRequested,
    Unplugged,
)
from firmware_sim.settings import AfterPowerLoss, OfflineAuthorize
from firmware_sim.vehicle import UJ_PER_WH
from tests.firmware_sim.playbook import (
    CARD,
    OTHER_CARD,
    T0,
    at,
    car,
    charging,
    spec,
    steps,
)

anything = st.lists(
    st.tuples(
        st.floats(0, 2_000, allow_nan=False),
        st.sampled_from(
            (
                Plugged(evse_id=1, vehicle=car(75, energy_wh=3_000)),
                Plugged(evse_id=2, vehicle=car(60)),
                Unplugged(evse_id=1),
                Unplugged(evse_id=2),
                Presented(evse_id=1, id_token=CARD),
                Presented(evse_id=2, id_token=OTHER_CARD),
                PowerCut(),
                PowerRestored(),
                LinkUp(),
                LinkLost(),
                ConnectorFaulted(evse_id=1),
                FaultCleared(evse_id=1),
                Limited(evse_id=2, limit_w=30_000),
                RemoteStart(id_token=CARD),
                AvailabilityChanged(evse_id=0, operative=False),
                AvailabilityChanged(evse_id=0, operative=True),
                ResetRequested(hard=False, when_idle=True),
                UnlockRequested(evse_id=2),
                Triggered(what="MeterValues"),
            )
        ),
    ),
    max_size=30,
)


@settings(max_examples=150, deadline=None)
@given(anything, st.booleans())
def test_whatever_happens_meters_count_up_and_transactions_are_whole(
    script: list[tuple[float, Event]], resumes: bool
) -> None:
    rule = AfterPowerLoss.RESUME if resumes else AfterPowerLoss.STOP
    charger = Charger(spec(offline_authorize=OfflineAuthorize.ANY, after_power_loss=rule), T0)
    charger.handle(PowerRestored(), T0)
    passed_s = 0.0
    told = []
    registers = {1: 1_000 * UJ_PER_WH, 2: 2_000 * UJ_PER_WH}
    for wait_s, event in script:
        if isinstance(event, PowerRestored) and charger.powered:
            continue
        if isinstance(event, LinkUp) and (charger.connected or not charger.powered):
            continue
        passed_s += wait_s
        out = charger.handle(event, at(passed_s))
        for boot in [each for each in out if isinstance(each, BootMessage)]:
            out += charger.handle(
                Answered(message=boot, answer=BootAnswer(accepted=True, interval_s=300)), at(passed_s)
            )
        told += steps(out)
        for evse in charger.evses.values():
            grown_uj = evse.meter.register_uj - registers[evse.evse_id]
            assert 0 <= grown_uj <= evse.spec.max_power_w * (wait_s + 0.001) * 1e6
            registers[evse.evse_id] = evse.meter.register_uj
    for transaction_id, transaction in charger.transactions.items():
        own = [each for each in told if each.transaction_id == transaction_id]
        assert [each.seq_no for each in own] == list(range(len(own)))
        assert own[0].phase is Phase.STARTED
        wh = [each.reading.register_wh for each in own]
        assert wh == sorted(wh)
        times = [each.at for each in own]
        assert times == sorted(times)
        assert sum(each.phase is Phase.ENDED for each in own) == (transaction.ended_at is not None)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0.001, 700, allow_nan=False), min_size=1, max_size=40))
def test_how_often_one_asks_changes_nothing(waits: list[float]) -> None:
    """Asked in many steps or in one: the same messages with the same times and readings."""
    often, once = Charger(spec(), T0), Charger(spec(), T0)
    charging(often)
    charging(once)
    passed_s, told = 21.0, []
    for wait_s in waits:
        passed_s += wait_s
        told += often.advance(at(passed_s))
    assert told == once.advance(at(passed_s))
    assert often.evses[1].meter == once.evses[1].meter
