"""EVSEs out of service: at once, when their transaction ends, and after the station has forgotten."""

from __future__ import annotations

import pytest

from edge.domain.events import Ticked
from edge.domain.view import evse_view, stations
from protocols.charger.operations.availability import ChangeAvailability, ReserveNow
from protocols.charger.operations.transactions import StartTransaction
from protocols.sync.upkeep import AvailabilityChanged
from protocols.terms import ConnectorStatus, EvseRef
from tests.edge.domain.site_kit import Play
from tests.edge.domain.station_kit import boot, done, order, reply, why_not

OUT = ChangeAvailability(operational_status="Inoperative", evse_id=1)
BACK = ChangeAvailability(operational_status="Operative", evse_id=1)
WHOLE_OUT = ChangeAvailability(operational_status="Inoperative")
WHOLE_BACK = ChangeAvailability(operational_status="Operative")


@pytest.fixture
def play() -> Play:
    made = Play()
    made.connect()
    return made


def is_leaving(play: Play, evse: int = 1) -> bool:
    return evse_view(play.site, play.site.evses[EvseRef("A", evse)], play.now).is_leaving_service


def asked_of(play: Play, minutes: float = 1) -> list[ChangeAvailability]:
    play.after(minutes)
    commands = [command.operation for command in play.tell(Ticked()).commands]
    return [operation for operation in commands if isinstance(operation, ChangeAvailability)]


def test_out_of_service_and_back(play: Play) -> None:
    done(play, "A", OUT)
    assert "out of service" in why_not(play, "A", StartTransaction(evse_id=1, token_uid="GOOD"))
    wish = ReserveNow(token_uid="GOOD", evse_id=1, expires_at=play.after(0).replace(hour=9))
    assert "Unavailable" in why_not(play, "A", wish)
    done(play, "A", StartTransaction(evse_id=2, token_uid="GOOD"))
    assert stations(play.site, play.now)[0]["evses"][0]["out_of_service"]
    done(play, "A", BACK)
    assert play.site.out_of_service == {}
    assert [change.is_operative for change in play.found(AvailabilityChanged)] == [False, True]


def test_it_waits_for_the_transaction_and_says_so(play: Play) -> None:
    number = play.start().reply.charger_transaction_id  # type: ignore[union-attr]
    done(play, "A", OUT, detail="Scheduled")
    assert is_leaving(play)
    assert not is_leaving(play, evse=2)
    play.after(5)
    play.stop(number, 1500)
    play.status("A", 1, ConnectorStatus.UNAVAILABLE)
    assert not is_leaving(play)
    assert [change.is_scheduled for change in play.found(AvailabilityChanged)] == [True, False]


def test_a_station_that_forgot_what_was_scheduled_is_told_again(play: Play) -> None:
    number = play.start().reply.charger_transaction_id  # type: ignore[union-attr]
    play.status("A", 1, ConnectorStatus.OCCUPIED)
    done(play, "A", OUT, detail="Scheduled")
    play.stop(number, 1500)
    (asked,) = play.status("A", 1, ConnectorStatus.AVAILABLE).commands
    assert asked.operation == OUT
    reply(play, asked)
    assert not play.site.out_of_service[EvseRef("A", 1)].is_scheduled
    assert play.status("A", 1, ConnectorStatus.UNAVAILABLE).commands == []


def test_a_refusal_changes_nothing(play: Play) -> None:
    (asked,) = order(play, "A", OUT).commands
    reply(play, asked, is_accepted=False, detail="Rejected")
    assert play.site.out_of_service == {}


def test_the_whole_station_goes_and_comes_back_with_all_its_evses(play: Play) -> None:
    done(play, "A", OUT)
    done(play, "A", WHOLE_OUT)
    assert "out of service" in why_not(play, "A", StartTransaction(evse_id=2, token_uid="GOOD"))
    done(play, "A", WHOLE_BACK)
    assert play.site.out_of_service == {}


@pytest.mark.parametrize("wish", [OUT, WHOLE_OUT])
def test_a_station_that_forgot_in_a_boot_is_told_again(play: Play, wish: ChangeAvailability) -> None:
    done(play, "A", wish)
    boot(play, "A")
    for evse in (1, 2):
        play.status("A", evse, ConnectorStatus.AVAILABLE)
    assert asked_of(play) == [wish]
    assert asked_of(play) == []


@pytest.mark.parametrize("wish", [OUT, WHOLE_OUT])
def test_a_station_that_remembers_is_left_alone(play: Play, wish: ChangeAvailability) -> None:
    done(play, "A", wish)
    boot(play, "A")
    play.status("A", 0, ConnectorStatus.AVAILABLE if wish is OUT else ConnectorStatus.UNAVAILABLE)
    for evse in (1, 2):
        is_out = evse == 1 or wish is WHOLE_OUT
        play.status("A", evse, ConnectorStatus.UNAVAILABLE if is_out else ConnectorStatus.AVAILABLE)
    assert asked_of(play) == []
