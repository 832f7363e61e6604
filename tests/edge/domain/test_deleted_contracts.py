"""The hub deletes a contract that charges at a site which was cut off: what it used is billed, nothing stays held."""

from __future__ import annotations

from decimal import Decimal

from edge.domain.events import Done
from protocols.charger.events import MeterValuesReported
from protocols.sync.down import DesiredAccounts
from tests.edge.domain.site_kit import Play, issued, new_site, number, register
from tests.edge.domain.wallet_kit import CUSTOMER, balances, prepaid


def told(play: Play, version: int, *contracts: object) -> DesiredAccounts:
    people = (CUSTOMER,) if contracts else ()
    spent = {"C-GOOD": Decimal("-100.00")} if contracts else {}
    return DesiredAccounts(version=version, customers=people, contracts=contracts, balances=spent, as_of=play.now)  # type: ignore[arg-type]


def test_a_contract_that_is_deleted_while_it_charges() -> None:
    play = Play(site=new_site())
    play.connect()
    play.tell(told(play, 1, prepaid()))
    begun = play.start(0)
    assert balances(play)["held:C-GOOD"] < 0
    play.after(10)
    assert isinstance(play.tell(told(play, 2)).reply, Done)
    samples = (register(2_000, play.now),)
    play.tell(MeterValuesReported(station_id="A", evse_id=1, charger_transaction_id=None, samples=samples))
    play.after(10)
    play.stop(number(begun), 4_000)
    assert issued(play).total_cost.incl_vat == Decimal("2.38")
    assert balances(play) == {
        "customer:C-GOOD": Decimal("2.38"),
        "revenue:charging": Decimal("-2.00"),
        "vat:19": Decimal("-0.38"),
    }
    assert play.site.accounts.wallets == {}
