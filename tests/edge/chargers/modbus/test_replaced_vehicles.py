"""A vehicle that goes and another one that comes between two readings: what registers can tell of it, and who pays.

The table goes the whole way: registers, snapshots, events, decisions, bills.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.chargers.modbus.snapshots import SnapshotMaker
from edge.chargers.modbus.translate import Translator
from protocols.charger.events import VehicleReplaced
from protocols.charger.snapshot import DeviceFound, DeviceLost, EvseChanged
from protocols.modbus import catalogue
from protocols.modbus.codec import Decoded
from protocols.ocpi.token import Token
from tests.edge.domain.bay import Bay

ANNA, BEN = "GOOD", "OTHER"


@dataclass
class Reader:
    """A charger's registers on their way into a site; `show` is a round of reading, a second after the one before."""

    profile_id: str
    bay: Bay = field(default_factory=Bay)
    shown: dict[str, Any] = field(default_factory=dict)
    replaced: int = 0

    def __post_init__(self) -> None:
        for uid in (ANNA, BEN):
            card = uid.encode().hex().upper()
            self.bay.site.tokens.site[card] = Token(uid=card, contract_id=f"C-{uid}")
        self.maker = SnapshotMaker("A", catalogue.load(self.profile_id), 1)
        self.translator = Translator("A", {1: 1})
        self.find()

    def find(self, *, was_here: bool = False) -> None:
        found = DeviceFound(
            device_id="A", profile_id=self.profile_id, variant=None, evse_ids=(1,), facts={}, was_here=was_here
        )
        self._pass_on(found)

    def lose(self) -> None:
        self._pass_on(DeviceLost(device_id="A", reason="silent"))

    def show(self, seconds: float = 1, **registers: Any) -> None:
        self.bay.after(seconds / 60)
        self.shown |= registers
        values = {(1, name, 0): Decoded(value, None) for name, value in self.shown.items()}
        changes = self.maker.take(values, self.bay.now)
        self._pass_on(EvseChanged(snapshot=self.maker.snapshot, changes=changes))

    def _pass_on(self, event: Any) -> None:
        for each in self.translator.translate(event):
            self.replaced += isinstance(each, VehicleReplaced)
            self.bay.tell(each)

    def billed(self) -> list[tuple[str | None, int]]:
        """By whom, and how much."""
        return [(cdr.contract_id.removeprefix("C-"), cdr.total_energy_wh) for cdr in self.bay.bills()]


CHARX = "phoenix_charx"
"""It has a reader, and registers for the total, the session and its time."""
GONE = {"status": "A1", "power": 0, "rfid": ""}
HERE = {"status": "C2", "power": 11_000}


def card(uid: str) -> str:
    return uid.encode().hex().upper()


def charging(energy_wh: int = 6000) -> Reader:
    """Anna charges, and has drawn so much."""
    reader = Reader(CHARX)
    reader.show(energy_total=100_000, session_energy=0, **GONE)
    reader.show(session_energy=0, **HERE | {"rfid": card(ANNA)})
    (transaction,) = reader.bay.site.transactions.values()
    assert transaction.contract_id == f"C-{ANNA}"
    for each in range(1, 5):
        reader.show(600, energy_total=100_000 + energy_wh * each // 4, session_energy=energy_wh * each // 4)
    return reader


def gone_at_last(reader: Reader) -> None:
    reader.show(**GONE)
    reader.show(60)
    reader.show()


@pytest.mark.parametrize(
    ("name", "rounds", "billed"),
    [
        (
            "another card and another session, in one round",
            [
                {"energy_total": 106_030, "session_energy": 20, "rfid": card(BEN)},
                {"energy_total": 109_030, "session_energy": 3020},
            ],
            [("GOOD", 6000), ("OTHER", 3000)],
        ),
        (
            "the card was read before, the session after it began",
            [
                {"energy_total": 106_010, "session_energy": 6010, "rfid": card(BEN)},
                {"energy_total": 106_030, "session_energy": 20},
                {"energy_total": 109_030, "session_energy": 3020},
            ],
            [("GOOD", 6010), ("OTHER", 3000)],
        ),
        (
            "the session was read after it began, the card before",
            [
                {"energy_total": 106_030, "session_energy": 20},
                {"energy_total": 106_040, "session_energy": 30, "rfid": card(BEN)},
                {"energy_total": 109_040, "session_energy": 3030},
            ],
            [("GOOD", 6000), ("OTHER", 3000)],
        ),
        (
            "the reader shows what it showed: nobody has said that he pays",
            [{"energy_total": 106_030, "session_energy": 20}, {"energy_total": 106_031, "session_energy": 21}],
            [("GOOD", 6000)],
        ),
        (
            "another card, and the session goes on: somebody held it there in vain",
            [{"energy_total": 106_030, "session_energy": 6030, "rfid": card(BEN)}],
            [("GOOD", 6030)],
        ),
        (
            "nothing but the same card again: the session goes on",
            [{"energy_total": 106_030, "session_energy": 6030, "rfid": card(ANNA)}],
            [("GOOD", 6030)],
        ),
    ],
)
def test_who_pays_for_what(name: str, rounds: list[dict[str, Any]], billed: list[tuple[str, int]]) -> None:
    reader = charging()
    for registers in rounds:
        reader.show(**registers)
    gone_at_last(reader)
    assert reader.billed() == billed, name
    assert not reader.bay.site.transactions


def test_nothing_flows_for_a_vehicle_that_nobody_pays_for() -> None:
    reader = charging()
    reader.show(session_energy=20, energy_total=106_030)
    assert reader.replaced == 1
    assert reader.bay.limits[-1] == 0


def test_a_power_cut_begins_the_session_anew_and_ends_nothing() -> None:
    reader = charging()
    reader.lose()
    reader.find(was_here=True)
    reader.show(120, session_energy=20, energy_total=106_020)
    assert reader.replaced == 0
    gone_at_last(reader)
    assert reader.billed() == [("GOOD", 6020)]


def test_a_silence_after_which_another_card_and_session_are_there_ends_it() -> None:
    reader = charging()
    reader.lose()
    reader.find(was_here=True)
    reader.show(120, session_energy=20, energy_total=106_020, rfid=card(BEN))
    reader.show(600, session_energy=2020, energy_total=108_020)
    gone_at_last(reader)
    assert reader.billed() == [("GOOD", 6000), ("OTHER", 2000)]


def test_a_card_that_came_with_the_unplugging_waits_for_its_vehicle() -> None:
    reader = charging()
    reader.show(**GONE | {"rfid": card(BEN)})
    reader.show(10)
    assert reader.billed() == [("GOOD", 6000)]
    reader.show(session_energy=0, **HERE)
    reader.show(600, session_energy=1000, energy_total=107_000)
    gone_at_last(reader)
    assert reader.billed() == [("GOOD", 6000), ("OTHER", 1000)]


def test_who_stops_with_his_own_card_leaves_nothing_to_the_next() -> None:
    reader = charging()
    reader.show(rfid=card(BEN))
    reader.show(rfid=card(ANNA))
    reader.show(power=0, status="B2")
    reader.show(2)
    assert reader.billed() == [("GOOD", 6000)]
    assert not reader.bay.site.transactions


def test_a_session_without_energy_is_told_by_its_time() -> None:
    reader = Reader("phoenix_ev_cc_eth")
    reader.show(status="A", energy_total=5000, charge_time=0, power=0, rfid=b"")
    reader.show(status="C", power=11_000, rfid=bytes.fromhex(card(ANNA)))
    reader.show(600, energy_total=7000, charge_time=600)
    reader.show(60, energy_total=7010, charge_time=30)
    assert reader.replaced == 1
    assert reader.billed()[0][1] == 2000


def test_a_time_that_begins_anew_after_a_pause_is_the_same_session() -> None:
    reader = Reader("phoenix_ev_cc_eth")
    reader.show(status="C", energy_total=5000, charge_time=600, power=11_000)
    reader.show(status="B", power=0)
    reader.show(status="C", charge_time=0, power=11_000)
    assert reader.replaced == 0


def test_the_card_of_a_session_tells_of_another_one() -> None:
    reader = Reader("bender_cc612")
    known = next(block.register for block in catalogue.load("bender_cc612").status)
    states = {code: word for block in catalogue.load("bender_cc612").status for code, word in block.codes.items()}
    here = next(int(code) for code, word in states.items() if word.startswith("C"))
    reader.show(**{known: here, "energy_total": 5000, "user_id": card(ANNA)})
    reader.show(energy_total=6000, user_id=card(BEN))
    assert reader.replaced == 1


@settings(max_examples=200, deadline=None)
@given(
    steps=st.lists(
        st.tuples(st.sampled_from((ANNA, BEN)), st.sampled_from(("charge", "charge", "exchange", "torn", "leave"))),
        max_size=25,
    )
)
def test_nobody_pays_for_more_than_his_own_vehicle_drew(steps: list[tuple[str, str]]) -> None:
    """Vehicles come and go between two readings, with a card each, the session and the card read in either order."""
    reader = Reader(CHARX)
    total, session, owner = 100_000, 0, ""
    drawn = {ANNA: 0, BEN: 0}
    reader.show(energy_total=total, session_energy=0, **GONE)
    for who, what in steps:
        if what == "charge" and owner:
            if reader.bay.limits[-1] > 0:
                total, session = total + 500, session + 500
                drawn[owner] += 500
            reader.show(200, energy_total=total, session_energy=session)
        elif what == "leave" and owner:
            reader.show(energy_total=total, session_energy=session, **GONE)
            reader.show(2)
            owner = ""
        elif not owner:
            owner, session = who, 0
            reader.show(session_energy=session, **HERE | {"rfid": card(who)})
        elif who != owner and session:
            if what == "torn":
                reader.show(rfid=card(who))
            owner, session = who, 0
            reader.show(energy_total=total, session_energy=session, rfid=card(who))
    gone_at_last(reader)
    for who in (ANNA, BEN):
        assert sum(energy_wh for payer, energy_wh in reader.billed() if payer == who) <= drawn[who]
    assert not reader.bay.site.transactions
