"""Stations' local lists, kept equal to the edge's tokens (OCPP 1.6 §5.15, 2.0.1 D01, D02), and their caches (C11).

The edge's tokens have a version that rises with each change, and a station's list one that rises with each message. A
list that the station took is known by a checksum: what it should be has one, too, and where the two are alike nothing
is sent. Otherwise it is sent what changed, or all, split as the station takes it. Whatever comes in between (an answer
that is lost, a station that lost its list, an agent that was killed) shows in the version that the station is asked
for first, and ends in a full list.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import blake2b
from itertools import islice
from types import MappingProxyType
from typing import Final, TypeGuard

from edge.domain.asking import ask
from edge.domain.authorization import kind_of
from edge.domain.credit import is_closed
from edge.domain.decision import Decision
from edge.domain.list_book import ListGoal, Sending
from edge.domain.rules import Admission
from edge.domain.site import Site
from edge.domain.station import Home, Station
from protocols.charger.events import CommandAnswered
from protocols.charger.operations.availability import ClearCache, GetLocalListVersion, ListedToken, SendLocalList
from protocols.ocpi.token import Token
from protocols.sync.up import Severity
from protocols.sync.upkeep import LOCAL_LIST_FAILED, LocalListSettled, VariableReading

ANSWERED_WITHIN: Final = timedelta(minutes=5)
RETRY_AFTER: Final = timedelta(minutes=1)
"""Doubled with each failure; after MAX_FAILURES the next boot or change of tokens is awaited."""
MAX_FAILURES: Final = 3
LOOKED_AT: Final = 2_000
"""Stations in a tick whose list is compared with what it should be; most are found equal."""
MAX_ID_TAG: Final = 20
MAX_ID_TOKEN: Final = 36
"""A longer uid cannot be put on a list (OCPP 1.6 §7.28, 2.0.1 IdTokenType)."""
LIMITS: Final = MappingProxyType(
    {
        ("", "LocalAuthListMaxLength"): "max_tokens",  # OCPP 1.6 §9.3.2, which has no other word for it
        ("LocalAuthListCtrlr", "ItemsPerMessage"): "tokens_per_message",  # and SendLocalListMaxLength
    }
)
"""The variables by which a station tells how much it takes."""
MAX_TOKENS: Final = 100_000
_UNSUPPORTED: Final = ("NotSupported", "NotImplemented", "OCPP")
"""How the refusal begins of a station that has no local list (the last: its version of OCPP has none)."""
_CHECKSUM_BYTES: Final = 16


# --- what changes ---


def note_change(site: Site, before: Mapping[str, Token], after: Mapping[str, Token], seq: int, now: datetime) -> None:
    """The edge's tokens changed with entry `seq` of the journal; both are of one source, and may leave out what is the
    same. Cheap where no list is kept."""
    book = site.lists
    book.tokens_version, book.changed_at = seq, now
    book.wanted.clear()
    for station in site.stations.values() if site.rules.keeps_lists else ():
        if station.is_online and keeps_list(station):
            book.due[station.station_id] = None
    if site.rules.local_lists.clears_caches and any(
        token.valid and not (key in after and after[key].valid) for key, token in before.items()
    ):
        online = (each.station_id for each in site.stations.values() if each.is_online)
        book.caches_due.update(dict.fromkeys(each for each in online if each not in book.cacheless))


def look_at(site: Site, station: Station, *, is_unchecked: bool = False) -> None:
    """A station connected or booted: is its list as it should be? The first time since the agent began, and after a
    boot, it is asked for its version: it may have taken what it could not answer, or lost all."""
    book = site.lists
    station_id = station.station_id
    if is_unchecked:
        book.cacheless.discard(station_id)
    if not keeps_list(station):
        return
    if is_unchecked or station_id not in book.checked:
        book.unchecked.add(station_id)
        book.failures.pop(station_id, None)
    book.due[station_id] = None


def learn_limits(site: Site, station_id: str, readings: Iterable[VariableReading]) -> None:
    """The station tells its variables, among them how many tokens it takes on its list and in a message."""
    if not site.rules.keeps_lists:
        return
    told = {LIMITS[key]: int(each.value) for each in readings if (key := each[:2]) in LIMITS and _is_count(each.value)}
    if not told:
        return
    book, station = site.lists, site.station(station_id)
    limits = {**book.limits.get(station_id, {}), **told}
    if book.limits.get(station_id) != limits:
        book.limits[station_id] = limits
        if station.is_online and keeps_list(station):
            book.due[station_id] = None


def doubt(site: Site, station: Station) -> None:
    """Somebody else sent the station a list: only a full one of ours will do."""
    if keeps_list(station):
        book = site.lists
        book.sending.pop(station.station_id, None)
        book.failures.setdefault(station.station_id, 1)
        book.due[station.station_id] = None


def keeps_list(station: Station) -> bool:
    return station.rules.keeps_local_list if station.is_known else False


def state_of(site: Site, station: Station) -> str:
    """How its list stands, in a word: equal, unsupported, failed, sending or waiting."""
    book, station_id = site.lists, station.station_id
    settled = book.settled.get(station_id)
    if settled is not None and not settled.is_supported and settled.firmware_version == station.firmware_version:
        return "unsupported"
    if station_id in book.sending:
        return "sending"
    if station_id in book.failures and station_id not in book.due and station_id not in book.later:
        return "failed"
    is_known = settled is not None and station_id not in book.unchecked and station_id not in book.failures
    is_equal = is_known and settled is not None and settled.tokens_version == book.tokens_version
    return "equal" if is_equal else "waiting"


# --- what is done about it ---


def keep_equal(site: Site, decision: Decision, now: datetime) -> None:
    """With every tick: so many stations at a time."""
    book = site.lists
    for station_id in [each for each, sending in book.sending.items() if now - sending.since > ANSWERED_WITHIN]:
        _fail(site, decision, station_id, "the station did not answer", now)
    for station_id in [each for each, at in book.later.items() if at <= now]:
        del book.later[station_id]
        book.due[station_id] = None
    for station_id in list(islice(book.due, LOOKED_AT)):
        if len(book.sending) >= site.rules.local_lists.stations_at_once:
            break
        del book.due[station_id]
        _begin(site, decision, site.station(station_id), now)
    for station_id in list(islice(book.caches_due, site.rules.local_lists.stations_at_once)):
        del book.caches_due[station_id]
        if site.station(station_id).is_online:
            ask(site, decision, station_id, ClearCache(), now)


def _begin(site: Site, decision: Decision, station: Station, now: datetime) -> None:
    book = site.lists
    station_id = station.station_id
    if station_id in book.sending or not station.is_online or site.home_of(station_id) is not Home.HERE:
        return
    if site.admission(station) is Admission.REJECT:
        return
    settled = book.settled.get(station_id)
    if settled is not None and not settled.is_supported and settled.firmware_version == station.firmware_version:
        return
    if settled is None or station_id in book.unchecked or station_id in book.failures:
        book.sending[station_id] = Sending(since=now)
        ask(site, decision, station_id, GetLocalListVersion(), now)
        return
    _send_what_differs(site, decision, station, settled, settled.version, now)


def note_version(site: Site, decision: Decision, station: Station, answer: CommandAnswered, now: datetime) -> None:
    """OCPP 1.6 §5.10, 2.0.1 D02. Another version than the one that it took: its list is not the one we know."""
    book = site.lists
    station_id = station.station_id
    sending = book.sending.get(station_id)
    if sending is None or sending.goal is not None:
        return
    version = answer.result.get("version") if answer.is_accepted and answer.result is not None else None
    if version == -1 or (not answer.is_accepted and answer.detail.startswith(_UNSUPPORTED)):
        _settle(site, decision, _unsupported(station), now)
        return
    if not isinstance(version, int):
        _fail(site, decision, station_id, answer.detail or "it told no version of its list", now)
        return
    settled = book.settled.get(station_id)
    is_ours = settled is not None and settled.version == version and station_id not in book.failures
    del book.sending[station_id]
    book.unchecked.discard(station_id)
    book.checked.add(station_id)
    newest = max(version, settled.version if settled is not None else 0)
    _send_what_differs(site, decision, station, settled if is_ours else None, newest, now)


def _send_what_differs(
    site: Site, decision: Decision, station: Station, settled: LocalListSettled | None, newest: int, now: datetime
) -> None:
    """`settled` is what the station has; None: nobody knows, and `newest` is the highest version it may have."""
    goal = goal_of(site, station, now)
    if settled is not None and settled.checksum == goal.checksum:
        site.lists.settled[station.station_id] = replace(settled, tokens_version=goal.tokens_version)
        return
    tokens = tuple(goal.tokens.values())
    changes = _changes(site, settled, goal)
    is_full = changes is None or len(changes) > len(tokens)
    listed = tokens if is_full or changes is None else changes
    _, per_message = _limits(site, station)
    parts = [listed[first : first + per_message] for first in range(0, len(listed), per_message)] or [()]
    version = max(newest + 1, goal.tokens_version)
    site.lists.sending[station.station_id] = Sending(since=now, goal=goal, version=version, rest=parts[1:])
    send = SendLocalList(version=version, update_type="Full" if is_full else "Differential", tokens=parts[0])
    ask(site, decision, station.station_id, send, now)


def _changes(site: Site, settled: LocalListSettled | None, goal: ListGoal) -> tuple[ListedToken, ...] | None:
    """What makes the list that is wanted of the one that the station has; None where that one is not held."""
    had = site.lists.held.get(settled.checksum) if settled is not None else None
    if had is None:
        return None
    gone = [replace(token, status=None) for key, token in had.tokens.items() if key not in goal.tokens]
    return (*gone, *(token for key, token in goal.tokens.items() if had.tokens.get(key) != token))


def note_sent(
    site: Site, decision: Decision, station: Station, send: SendLocalList, answer: CommandAnswered, now: datetime
) -> None:
    """The station took a part of its list, or did not."""
    book = site.lists
    station_id = station.station_id
    sending = book.sending.get(station_id)
    if sending is None or sending.goal is None or sending.version != send.version:
        return
    if not answer.is_accepted:
        if answer.detail.startswith(_UNSUPPORTED):
            _settle(site, decision, _unsupported(station), now)
        else:
            _fail(site, decision, station_id, answer.detail, now)
        return
    if sending.rest:
        sending.since, sending.version = now, sending.version + 1
        more = SendLocalList(version=sending.version, update_type="Differential", tokens=sending.rest.pop(0))
        ask(site, decision, station_id, more, now)
        return
    goal = sending.goal
    settled = LocalListSettled(
        station_id=station_id,
        firmware_version=station.firmware_version,
        version=send.version,
        tokens_version=goal.tokens_version,
        checksum=goal.checksum,
        tokens=len(goal.tokens),
        left_out=goal.left_out,
    )
    _settle(site, decision, settled, now)
    if goal.tokens_version != book.tokens_version:
        book.due[station_id] = None


def note_cache_cleared(site: Site, station: Station, answer: CommandAnswered) -> None:
    """Not asked again before the next boot where the station has no cache."""
    if not answer.is_accepted and answer.detail.startswith((*_UNSUPPORTED, "Rejected")):
        site.lists.cacheless.add(station.station_id)


def _settle(site: Site, decision: Decision, settled: LocalListSettled, now: datetime) -> None:
    book = site.lists
    station_id = settled.station_id
    book.sending.pop(station_id, None)
    book.failures.pop(station_id, None)
    book.unchecked.discard(station_id)
    book.checked.add(station_id)
    if book.settled.get(station_id) != settled:
        book.settled[station_id] = settled
        decision.journal(site, now, settled)
    decision.clear_alarm(site, now, LOCAL_LIST_FAILED, station_id)


def _fail(site: Site, decision: Decision, station_id: str, reason: str, now: datetime) -> None:
    """Nobody knows now what the station has."""
    book = site.lists
    book.sending.pop(station_id, None)
    if not site.station(station_id).is_online:
        book.unchecked.add(station_id)
        return
    failures = book.failures[station_id] = book.failures.get(station_id, 0) + 1
    if failures < MAX_FAILURES:
        book.later[station_id] = now + RETRY_AFTER * 2 ** (failures - 1)
    else:
        text = f"{station_id} does not take its local list: {reason}. It is tried again when it boots or tokens change"
        decision.raise_alarm(site, now, LOCAL_LIST_FAILED, Severity.WARNING, text, station_id)


# --- what a list should be ---


def goal_of(site: Site, station: Station, now: datetime) -> ListGoal:
    """The tokens that may charge at the station, made once for all stations that are alike."""
    book = site.lists
    max_tokens, _ = _limits(site, station)
    kind = (station.rules.allowed_groups, max_tokens, _longest_uid(station))
    goal = book.wanted.get(kind)
    if goal is None:
        goal = book.wanted[kind] = _make_goal(site, *kind, book.changed_at or now)
        book.hold(goal)
    return goal


def _make_goal(site: Site, groups: Collection[str], max_tokens: int, longest_uid: int, as_of: datetime) -> ListGoal:
    tokens: dict[str, ListedToken] = {}
    left_out = 0
    for key in sorted(site.tokens.hub.keys() | site.tokens.site.keys()):
        token = site.tokens.find(key)
        if token is None or not token.valid or (site.accounts and is_closed(site, token.contract_id, as_of)):
            continue
        if (token.expires_at is not None and token.expires_at <= as_of) or (groups and token.group_id not in groups):
            continue
        if len(tokens) == max_tokens or len(token.uid) > longest_uid:
            left_out += 1
        else:
            group_id = token.group_id if len(token.group_id or "") <= longest_uid else None
            tokens[key] = ListedToken(
                token_uid=token.uid, group_id=group_id, expires_at=token.expires_at, token_type=kind_of(token)
            )
    return ListGoal(
        tokens_version=site.lists.tokens_version, tokens=tokens, checksum=checksum_of(tokens), left_out=left_out
    )


def checksum_of(tokens: Mapping[str, ListedToken]) -> str:
    """BLAKE2b of a JSON array of [key, uid, status, group, expiry], ordered by key, in hexadecimal."""
    rows = [
        [key, each.token_uid, each.status, each.group_id, each.expires_at.isoformat() if each.expires_at else None]
        for key, each in sorted(tokens.items())
    ]
    written = json.dumps(rows, separators=(",", ":"), ensure_ascii=True).encode()
    return blake2b(written, digest_size=_CHECKSUM_BYTES).hexdigest()


def _limits(site: Site, station: Station) -> tuple[int, int]:
    """Tokens on its list, tokens in a message."""
    rules, told = site.rules.local_lists, site.lists.limits.get(station.station_id, {})
    return told.get("max_tokens", rules.max_tokens), told.get("tokens_per_message", rules.tokens_per_message)


def _is_count(value: str | None) -> TypeGuard[str]:
    return value is not None and value.isdecimal() and 0 < int(value) <= MAX_TOKENS


def _longest_uid(station: Station) -> int:
    is_16 = station.abilities is not None and station.abilities.ocpp_version == "1.6"
    return MAX_ID_TAG if is_16 else MAX_ID_TOKEN


def _unsupported(station: Station) -> LocalListSettled:
    firmware_version = station.firmware_version
    return LocalListSettled(station_id=station.station_id, firmware_version=firmware_version, is_supported=False)
