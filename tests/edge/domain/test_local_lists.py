"""Local lists: whatever happens to tokens, stations and answers, the lists end up equal, and nobody is stormed."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.domain import local_lists
from edge.domain.events import Ticked, TokenBlocked, TokensImported
from edge.domain.list_book import ListRules
from edge.domain.rules import StationRules
from edge.domain.site import Site
from edge.domain.view import stations
from protocols.charger.commands import ChargerCommand
from protocols.charger.events import StationDisconnected
from protocols.charger.operations.availability import ClearCache, GetLocalListVersion, ListedToken, SendLocalList
from protocols.ocpi.token import Token
from protocols.sync.down import DesiredTokens
from protocols.sync.upkeep import LocalListSettled, VariableReading
from tests.edge.domain.site_kit import START, Play, new_site
from tests.edge.domain.station_kit import boot, order, reply, why_not


def keeping(site: Site, *station_ids: str, rules: ListRules | None = None) -> Site:
    """The site, with the local lists of some stations kept."""
    kept = {
        station_id: replace(each, keeps_local_list=station_id in station_ids)
        for station_id, each in site.rules.stations.items()
    }
    site.rules = replace(site.rules, stations=kept, local_lists=rules or ListRules())
    for station_id, each in kept.items():
        site.stations[station_id].rules = each
    return site


@dataclass
class ListStation:
    """The list of a station by the book: what it is sent, it has; what is out of order it refuses."""

    station_id: str
    version: int = 0
    tokens: dict[str, ListedToken] = field(default_factory=dict)
    asked: list[SendLocalList | GetLocalListVersion] = field(default_factory=list)
    largest: int = 0

    def take(self, operation: object) -> tuple[bool, str, dict[str, Any] | None]:
        match operation:
            case GetLocalListVersion():
                self.asked.append(operation)
                return True, "", {"version": self.version}
            case SendLocalList():
                self.asked.append(operation)
                self.largest = max(self.largest, len(operation.tokens))
                if operation.update_type == "Differential" and operation.version <= self.version:
                    return False, "VersionMismatch", None
                if operation.update_type == "Full":
                    self.tokens.clear()
                for token in operation.tokens:
                    if token.status is None:
                        self.tokens.pop(token.token_uid, None)
                    else:
                        self.tokens[token.token_uid] = token
                self.version = operation.version
                return True, "", None
            case _:
                return True, "", None

    def serve(self, play: Play, asked: list[ChargerCommand]) -> None:
        """Answer all that it is asked, and all that follows from that."""
        waiting = [each for each in asked if each.station_id == self.station_id]
        while waiting:
            command = waiting.pop(0)
            is_accepted, detail, result = self.take(command.operation)
            waiting += reply(play, command, is_accepted, detail, result).commands

    @property
    def kinds(self) -> list[str]:
        return [each.update_type if isinstance(each, SendLocalList) else "version" for each in self.asked]


@pytest.fixture
def play() -> Play:
    made = Play(keeping(new_site(), "A"))
    made.connect()
    return made


@pytest.fixture
def station(play: Play) -> ListStation:
    """Station A, with its list as it should be."""
    made = ListStation("A")
    made.serve(play, play.tell(Ticked()).commands)
    assert is_equal(play, made)
    made.asked.clear()
    return made


def is_equal(play: Play, station: ListStation) -> bool:
    """Token by token, and by what the site believes."""
    of = play.site.stations[station.station_id]
    goal = local_lists.goal_of(play.site, of, play.now)
    has = {uid.upper(): token for uid, token in station.tokens.items()}
    settled = play.site.lists.settled[station.station_id]
    return has == goal.tokens and settled.checksum == goal.checksum == local_lists.checksum_of(has)


def imported(*tokens: Token, replaces_all: bool = False) -> TokensImported:
    return TokensImported(tokens=tokens, replaces_all=replaces_all)


def new(uid: str, **more: Any) -> Token:
    return Token(uid=uid, contract_id=f"C-{uid}", **more)


def test_the_first_list_is_full_and_holds_who_may_charge(play: Play) -> None:
    station = ListStation("A")
    station.serve(play, play.tell(Ticked()).commands)
    assert station.kinds == ["version", "Full"]
    assert set(station.tokens) == {"FLEET1", "FLEET2", "GOOD", "OTHER"}
    assert station.tokens["FLEET1"].group_id == "FLEET"
    (settled,) = play.found(LocalListSettled)
    assert (settled.version, settled.tokens, settled.left_out) == (station.version, 4, 0)


def test_what_changed_is_sent_and_no_more(play: Play, station: ListStation) -> None:
    play.tell(imported(new("NEW", expires_at=START + timedelta(days=9))))
    play.tell(TokenBlocked(uid="OTHER", is_blocked=True))
    station.serve(play, play.tell(Ticked()).commands)
    (sent,) = station.asked
    assert isinstance(sent, SendLocalList)
    assert sent.update_type == "Differential"
    assert {token.token_uid: token.status for token in sent.tokens} == {"OTHER": None, "NEW": "Accepted"}
    assert is_equal(play, station)


def test_what_makes_no_difference_to_a_station_is_not_sent(play: Play, station: ListStation) -> None:
    play.tell(imported(new("BLOCKED2", valid=False), new("OLD2", expires_at=START - timedelta(days=1))))
    play.tell(DesiredTokens(version=1, tokens=(Token(uid="GOOD", contract_id="ANOTHER"),)))
    assert play.tell(Ticked()).commands == []
    assert stations(play.site, play.now)[0]["local_list"]["state"] == "equal"


def test_a_list_of_the_hub_counts_as_the_sites_own(play: Play, station: ListStation) -> None:
    play.tell(DesiredTokens(version=1, tokens=(new("HUB1"), new("HUB2"))))
    station.serve(play, play.tell(Ticked()).commands)
    play.tell(DesiredTokens(version=2, tokens=(new("HUB2", group_id="G"),)))
    station.serve(play, play.tell(Ticked()).commands)
    assert station.kinds == ["Differential", "Differential"]
    assert is_equal(play, station)


def test_an_expired_token_leaves_with_the_next_change(play: Play, station: ListStation) -> None:
    play.tell(imported(new("SHORT", expires_at=play.now + timedelta(hours=1))))
    station.serve(play, play.tell(Ticked()).commands)
    play.after(61)
    play.tell(imported(new("NEXT")))
    station.serve(play, play.tell(Ticked()).commands)
    assert "SHORT" not in station.tokens
    assert is_equal(play, station)


def test_the_list_is_split_as_the_station_takes_it_and_bounded() -> None:
    play = Play(keeping(new_site(), "A", rules=ListRules(max_tokens=25, tokens_per_message=10)))
    play.connect()
    play.tell(imported(*(new(f"T{number:03}") for number in range(40))))
    station = ListStation("A")
    station.serve(play, play.tell(Ticked()).commands)
    assert station.kinds == ["version", "Full", "Differential", "Differential"]
    assert (len(station.tokens), station.largest) == (25, 10)
    assert play.found(LocalListSettled)[0].left_out == 44 - 25
    told = VariableReading("", "LocalAuthListMaxLength", "100"), VariableReading("", "HeartbeatInterval", "7")
    local_lists.learn_limits(play.site, "A", told)
    station.serve(play, play.tell(Ticked()).commands)
    assert len(station.tokens) == 44
    assert is_equal(play, station)


def test_who_comes_in_where_one_goes_is_told_too() -> None:
    play = Play(keeping(new_site(), "A", rules=ListRules(max_tokens=3)))
    play.connect()
    station = ListStation("A")
    station.serve(play, play.tell(Ticked()).commands)
    play.tell(TokenBlocked(uid="FLEET1", is_blocked=True))
    station.serve(play, play.tell(Ticked()).commands)
    assert set(station.tokens) == {"FLEET2", "GOOD", "OTHER"}


def test_groups_and_lengths_differ_by_station() -> None:
    play = Play(keeping(new_site(b_groups=frozenset({"FLEET"})), "A", "B"))
    long = "X" * 30
    play.connect()
    play.tell(imported(new(long, group_id="FLEET")))
    both = ListStation("A"), ListStation("B")
    commands = play.tell(Ticked()).commands
    for station in both:
        station.serve(play, commands)
    assert set(both[0].tokens) == {"FLEET1", "FLEET2", "GOOD", "OTHER"}  # an idTag of 1.6 has 20 characters
    play.tell(imported(new("GROUPED", group_id="G" * 30)))
    both[0].serve(play, play.tell(Ticked()).commands)
    assert both[0].tokens["GROUPED"].group_id is None
    assert set(both[1].tokens) == {"FLEET1", "FLEET2", long}


@pytest.mark.parametrize("refusal", ["NotSupported", "NotImplemented: no such action", "OCPP 1.6 has no such thing"])
def test_a_station_without_lists_is_not_asked_again_before_other_firmware(play: Play, refusal: str) -> None:
    boot(play, "A", firmware="1")
    (asked,) = play.tell(Ticked()).commands
    reply(play, asked, is_accepted=False, detail=refusal)
    assert not play.found(LocalListSettled)[-1].is_supported
    assert stations(play.site, play.now)[0]["local_list"]["state"] == "unsupported"
    play.tell(imported(new("NEW")))
    boot(play, "A", firmware="1")
    assert GetLocalListVersion() not in asked_for_two_minutes(play)
    boot(play, "A", firmware="2")
    assert GetLocalListVersion() in asked_for_two_minutes(play)


def asked_for_two_minutes(play: Play) -> list[object]:
    commands = []
    for _ in range(2):
        play.after(1)
        commands += play.tell(Ticked()).commands
    return [command.operation for command in commands]


@pytest.mark.parametrize("refusal", ["VersionMismatch", "Failed", "Timeout: no answer within 30 s"])
def test_a_refused_update_is_asked_about_and_sent_in_full(play: Play, station: ListStation, refusal: str) -> None:
    play.tell(imported(new("NEW")))
    (asked,) = play.tell(Ticked()).commands
    reply(play, asked, is_accepted=False, detail=refusal)
    assert play.tell(Ticked()).commands == []
    play.after(2)
    station.serve(play, play.tell(Ticked()).commands)
    assert station.kinds == ["version", "Full"]
    assert is_equal(play, station)


def test_a_station_that_never_takes_it_is_given_up_with_an_alarm(play: Play) -> None:
    for _ in range(5):
        for asked in play.tell(Ticked()).commands:
            reply(play, asked, is_accepted=False, detail="Failed")
        play.after(30)
    assert [alarm.alarm for alarm in play.site.alarms.values()] == ["local_list_failed"]
    assert stations(play.site, play.now)[0]["local_list"]["state"] == "failed"
    play.tell(imported(new("NEW")))
    ListStation("A").serve(play, play.tell(Ticked()).commands)
    assert play.site.alarms == {}


def test_a_station_that_lost_its_list_is_found_out_when_it_boots(play: Play, station: ListStation) -> None:
    station.version, station.tokens = 0, {}
    boot(play, "A")
    play.status("A", 1, play.site.evses[next(iter(play.site.evses))].status)  # type: ignore[arg-type]
    play.after(1)
    for _ in range(2):
        station.serve(play, play.tell(Ticked()).commands)
    assert station.kinds == ["version", "Full"]
    assert is_equal(play, station)


def test_a_station_that_has_its_list_still_is_left_alone_when_it_boots(play: Play, station: ListStation) -> None:
    boot(play, "A")
    play.after(1)
    for _ in range(2):
        station.serve(play, play.tell(Ticked()).commands)
    assert station.kinds == ["version"]


def test_a_few_stations_at_a_time() -> None:
    site = new_site()
    for number in range(30):
        station_id = f"S{number:02}"
        site.rules.stations[station_id] = StationRules(station_id=station_id)
        site.station(station_id)
    play = Play(keeping(site, *site.rules.stations, rules=ListRules(stations_at_once=10)))
    play.connect(*site.rules.stations)
    all_stations = [ListStation(station_id) for station_id in site.rules.stations]
    at_once = []
    for _ in range(6):
        commands = play.tell(Ticked()).commands
        at_once.append(len(commands))
        assert len(play.site.lists.sending) <= 10
        for station in all_stations:
            station.serve(play, commands)
    assert at_once == [10, 10, 10, 2, 0, 0]
    assert all(is_equal(play, station) for station in all_stations)


def test_the_staff_cannot_write_over_a_list_that_is_kept(play: Play) -> None:
    assert "[local_lists]" in why_not(play, "A", SendLocalList(version=1))
    assert order(play, "B", SendLocalList(version=1)).commands


def test_caches_are_cleared_when_a_token_may_not_charge_any_more() -> None:
    play = Play(keeping(new_site(), rules=ListRules(clears_caches=True)))
    play.connect()
    play.tell(imported(new("NEW")))
    assert play.tell(Ticked()).commands == []
    play.tell(TokenBlocked(uid="NEW", is_blocked=True))
    one, other = play.tell(Ticked()).commands
    assert {one.operation, other.operation} == {ClearCache()}
    reply(play, one, is_accepted=False, detail="Rejected")
    play.tell(imported(new("GOOD", valid=False)))
    assert [each.station_id for each in play.tell(Ticked()).commands] == [other.station_id]


def test_nothing_is_sent_where_no_list_is_kept() -> None:
    play = Play(new_site())
    play.connect()
    play.tell(imported(new("NEW")))
    assert play.tell(Ticked()).commands == []
    assert stations(play.site, play.now)[0]["local_list"] is None


UIDS = ("GOOD", "OTHER", "FLEET1", "a", "b", "c", "d", "e")
MOVES = st.one_of(
    st.tuples(st.just("import"), st.sampled_from(UIDS), st.sampled_from([None, "FLEET"]), st.integers(-1, 3)),
    st.tuples(st.just("block"), st.sampled_from(UIDS), st.booleans(), st.none()),
    st.tuples(st.just("hub"), st.sets(st.sampled_from(UIDS)), st.none(), st.none()),
    st.tuples(st.just("replace"), st.sets(st.sampled_from(UIDS)), st.none(), st.none()),
    st.tuples(
        st.sampled_from(["serve", "lose", "unheard", "refuse", "wipe", "away", "back"]), st.none(), st.none(), st.none()
    ),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(MOVES, max_size=30), st.integers(1, 9), st.integers(1, 4))
def test_any_changes_and_losses_end_with_equal_lists(moves: list[Any], max_tokens: int, per_message: int) -> None:
    """Answers lost before and after the station took what it was sent, lists lost with a boot, stations that come and
    go, and tokens that change all the while."""
    rules = ListRules(max_tokens=max_tokens, tokens_per_message=per_message)
    play = Play(keeping(new_site(), "A", rules=rules))
    play.connect()
    station = ListStation("A")
    version = 0
    for kind, what, more, days in moves:
        play.after(1)
        match kind:
            case "import":
                expires_at = START + timedelta(days=days, minutes=5) if days else None
                play.tell(imported(new(what, group_id=more, expires_at=expires_at)))
            case "block":
                play.tell(TokenBlocked(uid=what, is_blocked=more))
            case "replace":
                play.tell(imported(*map(new, sorted(what)), replaces_all=True))
            case "hub":
                version += 1
                play.tell(DesiredTokens(version=version, tokens=tuple(map(new, sorted(what)))))
            case "serve":
                station.serve(play, play.tell(Ticked()).commands)
            case "lose":
                play.tell(Ticked())
            case "unheard" | "refuse":
                for asked in play.tell(Ticked()).commands:
                    if kind == "unheard":
                        station.take(asked.operation)
                    reply(play, asked, is_accepted=False, detail="Timeout" if kind == "unheard" else "Failed")
            case "wipe":
                station.version, station.tokens = 0, {}
                boot(play, "A")
            case "away":
                play.tell(StationDisconnected(station_id="A"))
            case "back":
                play.connect("A")
    play.connect("A")
    play.tell(imported(new("LAST")))
    for _ in range(4):
        play.after(20)
        station.serve(play, play.tell(Ticked()).commands)
    assert is_equal(play, station)
    assert station.largest <= per_message
    assert len(station.tokens) <= max_tokens
