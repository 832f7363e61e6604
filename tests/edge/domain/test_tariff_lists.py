"""Tariffs of the hub, and those that the staff brings in, stand beside those of the settings and win by id; one that is
wrong leaves the last good ones."""

from __future__ import annotations

from pathlib import Path

from msgspec import structs

from edge.domain.customer_events import CustomersImported
from edge.domain.events import Done, Refused, TariffsImported
from edge.ledger.ledger import Ledger
from edge.ledger.restore import restore
from edge.ports import Commit
from protocols.ocpi.customer import Billing, Contract, Customer
from protocols.ocpi.tariff import Tariff
from protocols.sync.down import DesiredTariffs
from protocols.sync.tariffs import TariffsChanged
from protocols.sync.up import AlarmCleared, AlarmRaised, CdrIssued, DocumentApplied
from tests.edge.domain.site_kit import ENERGY_TARIFF, Play, component, new_site, number, tariff

DEAR = tariff(component("ENERGY", "0.90", "19"))
NIGHT = tariff(component("ENERGY", "0.20", "19"), tariff_id="night")


def tell(play: Play, version: int, *tariffs: Tariff) -> object:
    return play.tell(DesiredTariffs(version=version, tariffs=tariffs)).reply


def bring(play: Play, *tariffs: Tariff, replaces_all: bool = False) -> object:
    return play.tell(TariffsImported(tariffs=tariffs, by="anna", replaces_all=replaces_all)).reply


def price_at(play: Play, contract_id: str | None = None) -> str:
    evse = play.site.rules.location.evses[0]
    chosen = play.site.tariff_of(evse, play.now, None, contract_id)
    return str(chosen.elements[0].price_components[0].price)


def test_the_hubs_tariff_wins_by_id_and_the_sites_come_back() -> None:
    play = Play()
    assert isinstance(tell(play, 1, DEAR, NIGHT), Done)
    assert price_at(play) == "0.90"
    assert set(play.site.tariffs) == {"standard", "time", "night"}
    assert isinstance(tell(play, 1), Done)
    assert price_at(play) == "0.90", "an old version changes nothing"
    tell(play, 2, DEAR, NIGHT)
    assert len(play.found(TariffsChanged)) == 2, "what is the same is not said again"
    tell(play, 3)
    assert price_at(play) == "0.50"
    assert [each.version for each in play.found(DocumentApplied)] == [1, 2, 3]


def test_what_runs_keeps_the_tariff_it_began_with() -> None:
    play = Play()
    play.connect()
    begun = number(play.start(1000))
    tell(play, 1, DEAR)
    play.after(30)
    play.stop(begun, 2000)
    (issued,) = play.found(CdrIssued)
    assert issued.cdr.tariff == ENERGY_TARIFF


def test_one_that_is_wrong_leaves_the_last_good_ones() -> None:
    play = Play()
    tell(play, 1, DEAR)
    wrong = structs.replace(NIGHT, elements=())
    for _ in range(2):  # it is retained, and comes with every connect
        assert isinstance(tell(play, 2, NIGHT, wrong), Refused)
    refused = play.found(DocumentApplied)[1:]
    assert [(each.version, each.problem) for each in refused] == [
        (2, "tariff night: there is no element; one with FLAT 0.00 is free of charge; tariff night is there 2 times")
    ]
    assert set(play.site.hub_tariffs) == {"standard"}
    assert [each.alarm_id for each in play.found(AlarmRaised)] == ["document_unreadable:tariffs"]
    tell(play, 3, NIGHT)
    assert [each.alarm_id for each in play.found(AlarmCleared)] == ["document_unreadable:tariffs"]
    assert set(play.site.hub_tariffs) == {"night"}


def test_tariffs_of_another_currency_are_for_other_sites() -> None:
    play = Play()
    assert isinstance(tell(play, 1, NIGHT, structs.replace(DEAR, currency="CNY")), Done)
    assert (set(play.site.hub_tariffs), price_at(play)) == ({"night"}, "0.50")


def test_a_contract_may_name_a_tariff_of_the_hub() -> None:
    play = Play()
    tell(play, 1, NIGHT)
    anna = Customer(id="A", name="Anna")
    terms = Contract(id="C-GOOD", customer_id="A", billing=Billing.POSTPAID, currency="EUR", tariff_id="night")
    reply = play.tell(CustomersImported(customers=(anna,), contracts=(terms,), tokens=(), by="anna")).reply
    assert isinstance(reply, Done)
    assert (price_at(play, "C-GOOD"), price_at(play)) == ("0.20", "0.50")


async def test_a_new_agent_on_the_same_ledger_knows_them(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    with Ledger(path, "edge-1") as ledger:
        play = Play()
        tell(play, 1, NIGHT)
        tell(play, 2, DEAR, structs.replace(NIGHT, id="later"))
        bring(play, NIGHT)
        await ledger.commit(Commit(entries=play.entries))
    with Ledger(path, "edge-1") as ledger:
        site = restore(ledger, new_site().rules)
    assert (site.site_tariffs, site.hub_tariffs) == (play.site.site_tariffs, play.site.hub_tariffs)
    assert site.tariffs == play.site.tariffs
    assert site.documents["tariffs"] == 2


def test_what_the_staff_brings_in_wins_over_the_settings_and_the_hub_over_that() -> None:
    play = Play()
    cheap = tariff(component("ENERGY", "0.30", "19"))
    assert bring(play, cheap) == Done(text="1 tariffs imported, 2 known in all")
    assert price_at(play) == "0.30"
    tell(play, 1, DEAR)
    assert price_at(play) == "0.90"
    assert bring(play, cheap) == Done(text="1 tariffs imported, 2 known in all; of standard the hub's holds")
    tell(play, 2)
    assert price_at(play) == "0.30"
    bring(play, NIGHT, replaces_all=True)
    assert (price_at(play), set(play.site.tariffs)) == ("0.50", {"standard", "time", "night"})
    assert [each.by for each in play.found(TariffsChanged) if each.source == "site"] == ["anna"] * 3


def test_all_that_the_staff_brings_in_or_none_of_it() -> None:
    play = Play()
    for wrong, why in (
        (structs.replace(NIGHT, currency="CNY"), "tariff night is in CNY, the site in EUR"),
        (structs.replace(NIGHT, elements=()), "tariff night: there is no element"),
    ):
        reply = bring(play, DEAR, wrong)
        assert isinstance(reply, Refused)
        assert why in reply.reason
    assert price_at(play) == "0.50"
    assert not play.found(TariffsChanged)
