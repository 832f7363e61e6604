"""Whatever is lost, doubled or out of order on its way, the edge's list becomes the hub's, and is never half of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.ingest.parted_lists import Sent, to_send
from edge.domain.events import Done
from edge.domain.list_events import TokensListed
from edge.domain.token_changes import token_digest
from edge.domain.view import birth
from edge.ledger.ledger import Ledger
from edge.ledger.restore import restore
from edge.ports import Commit
from edge.uplink.list_parts import ListParts, token_parts
from protocols.ocpi.token import Token
from protocols.sync import lists
from protocols.sync.codec import decode, encode
from protocols.sync.down import DesiredTokens
from protocols.sync.lists import TokensPart, cut, token_hash, total, written
from protocols.sync.up import AlarmRaised, DocumentApplied, TokensChanged
from tests.edge.domain.site_kit import Play, new_site


def token(uid: str, contract_id: str = "C") -> Token:
    return Token(uid=uid, contract_id=contract_id, visual_number="№ 1")


@dataclass
class Hub:
    """The hub's side as `cloud.ingest.parted_lists` has it, over a dictionary in place of a database."""

    tokens: dict[str, tuple[Token, int]] = field(default_factory=dict)
    gone: dict[str, int] = field(default_factory=dict)
    version: int = 0
    sent: Sent | None = None
    applied: int = 0
    refused: int | None = None
    history: dict[int, dict[str, Token]] = field(default_factory=dict)

    def change(self, uid: str, contract_id: str | None) -> None:
        self.version += 1
        if contract_id is None:
            self.tokens.pop(uid, None)
            self.gone[uid] = self.version
        else:
            self.tokens[uid] = (token(uid, contract_id), self.version)
            self.gone.pop(uid, None)
        self.history[self.version] = self.list

    @property
    def list(self) -> dict[str, Token]:
        return {uid: each for uid, (each, _) in self.tokens.items()}

    def flush(self, play: Play) -> list[TokensPart]:
        if self.applied >= self.version:
            return []
        wanted = to_send(self.sent, self.applied, self.refused, self.version, play.now)
        if wanted == "nothing":
            return []
        since = None if wanted == "whole" else self.applied
        self.sent = Sent(self.version, since is None, play.now)
        return self.parts(since)

    def parts(self, since: int | None) -> list[TokensPart]:
        digest = written(total(map(token_hash, self.list.values())))
        news = [each for each, changed in self.tokens.values() if changed > (since or 0)]
        gone = [uid for uid, at in self.gone.items() if since is not None and at > since]
        return cut(self.version, since, digest, news, gone)

    def hear(self, play: Play) -> None:
        """What the journal says."""
        for told in play.found(DocumentApplied):
            self.refused = None if told.problem is None else told.version
            if told.problem is None:
                self.applied = told.version


def deliver(
    play: Play, into: ListParts[TokensPart, TokensListed], parts: list[TokensPart], history: dict[int, dict[str, Token]]
) -> None:
    for part in parts:
        listed = into.take(decode(TokensPart, encode(part)))
        if listed is not None:
            before = dict(play.site.tokens.hub)
            play.tell(listed)
            assert token_digest(play.site) == written(total(map(token_hash, play.site.tokens.hub.values())))
            told = play.found(DocumentApplied)
            if told and told[-1].problem is None:
                assert play.site.tokens.hub == history[told[-1].version], "what is applied is the hub's"
            else:
                assert play.site.tokens.hub == before, "all of it or nothing"


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lists, "MAX_PART_BYTES", 300)


changes = st.tuples(st.just("change"), st.sampled_from("ABCDEFGH"), st.sampled_from(["1", "2", "3", None]))
ways = st.tuples(st.sampled_from(["whole", "lossy", "doubled", "mixed", "none"]), st.integers(0, 7), st.none())
breaks = st.tuples(st.sampled_from(["reconnect", "believe"]), st.none(), st.none())
steps = st.lists(st.one_of(changes, changes, ways, breaks), min_size=4, max_size=40)


def on_its_way(kind: str, place: int, parts: list[TokensPart]) -> Iterator[TokensPart]:
    """What a bad line makes of messages; parts of before may come again."""
    for number, part in enumerate(reversed(parts) if kind == "mixed" else parts):
        if kind == "lossy" and number % 8 == place:
            continue
        yield part
        if kind == "doubled":
            yield part


@settings(max_examples=120, deadline=None)
@given(steps=steps)
def test_the_edge_ends_with_the_hubs_list(steps: list[tuple[str, object, object]]) -> None:
    play, hub, parts = Play(), Hub(), token_parts()
    late: list[TokensPart] = []
    for kind, first, second in steps:
        play.after(1)
        if kind == "change":
            hub.change(str(first), None if second is None else str(second))
        elif kind == "believe":  # a hub that was restored, and takes the edge to be further than it is
            hub.change("A", str(hub.version))
            hub.applied, hub.refused = hub.version, None
            hub.change("B", str(hub.version))
        elif kind == "reconnect":
            parts.forget()
            hub.sent = None
            hub.hear(play)
        else:
            sent = hub.flush(play)
            if kind == "none":
                late += sent
            else:
                deliver(play, parts, [*on_its_way(kind, int(str(first)), sent), *late[: int(str(first))]], hub.history)
            hub.hear(play)
    deliver(play, parts, late, hub.history)
    for _ in range(3):  # the line is whole again
        play.now += timedelta(minutes=20)
        hub.applied = play.site.documents.get("tokens", 0)
        hub.hear(play)
        deliver(play, parts, hub.flush(play), hub.history)
    assert play.site.tokens.hub == hub.list
    assert play.site.documents.get("tokens", 0) == hub.version
    assert play.found(AlarmRaised) == [], "what mends itself is nobody's alarm"


def test_a_missed_version_is_asked_for_and_comes_whole() -> None:
    play, hub, parts = Play(), Hub(), token_parts()
    for uid in "ABCDEF":
        hub.change(uid, "1")
    deliver(play, parts, hub.flush(play), hub.history)
    hub.hear(play)
    hub.change("A", "2")
    hub.flush(play)  # lost
    hub.applied = hub.version  # so a hub would think that lost what it knew of this edge
    hub.sent = None
    hub.change("B", "2")
    deliver(play, parts, hub.flush(play), hub.history)
    (told,) = play.found(DocumentApplied)[1:]
    assert "the whole list is wanted" in (told.problem or "")
    hub.hear(play)
    whole = hub.flush(play)
    assert {each.since for each in whole} == {None}
    assert len(whole) > 1
    deliver(play, parts, whole, hub.history)
    assert play.site.tokens.hub == hub.list


def test_another_list_under_the_same_version_is_found_by_its_digest() -> None:
    play, hub, parts = Play(), Hub(), token_parts()
    hub.change("A", "1")
    deliver(play, parts, hub.flush(play), hub.history)
    ours = birth(play.site, play.now)
    assert (ours.digests, ours.documents) == ({"tokens": written(token_hash(token("A", "1")))}, {"tokens": 1})
    hub.tokens["A"] = (token("A", "9"), 1)  # a hub that was restored, and counted on
    deliver(play, parts, hub.parts(None), {1: hub.list})
    assert play.site.tokens.hub == hub.list
    assert isinstance(play.tell(DesiredTokens(version=1, tokens=())).reply, Done), "what was retained before is past"
    assert play.site.tokens.hub == hub.list


def test_a_whole_list_that_is_not_what_it_says_leaves_the_last_good_one() -> None:
    play, hub, parts = Play(), Hub(), token_parts()
    hub.change("A", "1")
    deliver(play, parts, hub.flush(play), hub.history)
    hub.change("B", "1")
    (part,) = hub.parts(None)
    broken = parts.take(replace(part, tokens=part.tokens[:1]))
    assert broken is not None
    play.tell(broken)
    assert set(play.site.tokens.hub) == {"A"}
    assert play.found(DocumentApplied)[-1].problem == "the whole list does not come to its digest"
    assert [each.alarm for each in play.found(AlarmRaised)] == ["document_unreadable"]


async def test_what_changed_is_in_the_ledger_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    play, hub, parts = Play(), Hub(), token_parts()
    for uid in "ABCDEF":
        hub.change(uid, "1")
    deliver(play, parts, hub.flush(play), hub.history)
    hub.hear(play)
    hub.change("A", None)
    hub.change("G", "2")
    hub.change("B", "3")
    deliver(play, parts, hub.flush(play), hub.history)
    told = play.found(TokensChanged)[-2:]
    assert ([each.uid for each in told[0].tokens], told[1].removed) == (["B", "G"], ("A",))
    with Ledger(path, "edge-1") as ledger:
        await ledger.commit(Commit(entries=play.entries))
    with Ledger(path, "edge-1") as ledger:
        site = restore(ledger, new_site().rules)
    assert site.tokens.hub == play.site.tokens.hub == hub.list
    assert token_digest(site) == token_digest(play.site)


def test_a_hundred_thousand_tokens_and_then_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lists, "MAX_PART_BYTES", 256 * 1024)
    play, hub, parts = Play(), Hub(), token_parts()
    hub.version = 1
    hub.tokens = {f"{number:08X}": (token(f"{number:08X}", f"DE-OHM-C{number}"), 1) for number in range(100_000)}
    payloads = [encode(part) for part in hub.parts(None)]
    assert max(map(len, payloads)) < 256 * 1024
    for payload in payloads:
        if (listed := parts.take(decode(TokensPart, payload))) is not None:
            play.tell(listed)
    assert len(play.site.tokens.hub) == 100_000
    assert max(len(each.tokens) for each in play.found(TokensChanged)) == 100, "each entry fits into a batch"
    hub.applied = 1
    hub.change("00000007", "OTHER")
    (one,) = [encode(part) for part in hub.flush(play)]
    assert len(one) < 500
    listed = parts.take(decode(TokensPart, one))
    assert listed is not None
    before = len(play.entries)
    play.tell(listed)
    assert len(play.entries) == before + 2
    assert play.site.tokens.hub == hub.list
