"""Reservations: made, honoured when somebody begins, used, cancelled, expired; and what they cost.

OCPP 1.6 §5.13, 2.0.1 H01 to H04. A reservation stands from the station's yes until it ends; it is `reserved` until it
expires. One that expired stands a while longer, for the start that used it may still be on its way.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from edge.domain.accounts import SUSPENSE_CONTRACT
from edge.domain.asking import ask, number
from edge.domain.authorization import judge, kind_of
from edge.domain.billing import bill_reservation
from edge.domain.decision import Decision
from edge.domain.events import Refused
from edge.domain.site import Site
from edge.domain.station import EvseStatus, Home, Station
from edge.domain.transaction import Transaction
from protocols.charger.events import ReservationStatusReported
from protocols.charger.operations.availability import ReserveNow
from protocols.charger.operations.fields import TokenKind
from protocols.ocpi.token import token_key
from protocols.sync.topics import Stream
from protocols.sync.upkeep import ReservationEnd, ReservationEnded, ReservationMade
from protocols.terms import AuthorizationStatus, ConnectorStatus, EvseRef

LATE: Final = timedelta(minutes=2)
"""How long a start may be on its way, after the expiry or after the station came back with its queue."""
GIVEN_UP_AFTER: Final = timedelta(days=1)
"""A station that is away so long after the expiry: nobody can tell whether it was used, and nobody pays."""
MAX_ID_TAG: Final = 20
"""OCPP 1.6 §7.28: a longer group is known here, and not to the station."""


# --- made ---


def prepare(site: Site, station: Station, reserve: ReserveNow, now: datetime) -> ReserveNow | Refused:
    """Whether the site lets somebody reserve, and the number that the station knows it by."""
    standing = site.reservations.of(station.station_id)
    if reserve.reservation_id is not None and reserve.reservation_id in standing:
        return Refused(reason=f"reservation {reserve.reservation_id} stands already: cancel it first")
    if reserve.expires_at <= now:
        return Refused(reason=f"it expired at {reserve.expires_at.isoformat()}")
    if reserve.expires_at - now > site.rules.max_reservation:
        hours = site.rules.max_reservation // timedelta(hours=1)
        return Refused(reason=f"an EVSE is reserved for {hours} h at most: see [reservations] max_hours")
    reason = _why_not_there(site, station, reserve.evse_id) or _why_not_for(site, station, reserve, now)
    if reason is not None:
        return Refused(reason=reason)
    group_id = _told_group(station, reserve.group_id or _group(site, reserve.token_uid))
    chosen = reserve.reservation_id
    return replace(
        reserve,
        reservation_id=number(site, now) if chosen is None else chosen,
        group_id=group_id,
        token_type=reserve.token_type or _kind(site, reserve.token_uid),
    )


def make(site: Site, decision: Decision, station: Station, reserve: ReserveNow, now: datetime) -> None:
    """The station took it. A charger that knows no reservations would have it made here at once, without being asked:
    all that follows is the site's own."""
    reservation_id = reserve.reservation_id
    if reservation_id is None or reservation_id in site.reservations.of(station.station_id):
        return
    token = site.tokens.find(reserve.token_uid)
    refs = site.refs_of(station.station_id)
    evse_id = reserve.evse_id
    evse = site.evses[EvseRef(station.station_id, evse_id) if evse_id is not None else refs[0]].evse
    made = ReservationMade(
        station_id=station.station_id,
        reservation_id=reservation_id,
        evse_id=evse_id,
        token_uid=reserve.token_uid,
        group_id=reserve.group_id or _group(site, reserve.token_uid),
        contract_id=token.contract_id if token else SUSPENSE_CONTRACT,
        made_at=now,
        expires_at=reserve.expires_at,
        session_id=f"{site.rules.edge_id}-{site.epoch[:8]}-r{site.last_seq[Stream.EVENT] + 1}",
        tariff=site.tariff_of(evse, now, token.group_id if token else None, token.contract_id if token else None),
    )
    decision.journal(site, now, made)
    site.reservations.keep(made)
    decision.shown.update(refs)


def make_room(site: Site, decision: Decision, station: Station, reserve: ReserveNow, now: datetime) -> str | None:
    """The station took a reservation that the site was not asked about: what stood in its place is no more there. Or
    why it is none."""
    refs = site.refs_of(station.station_id)
    ref = EvseRef(station.station_id, reserve.evse_id or 0)
    if not refs or (reserve.evse_id is not None and ref not in refs):
        return f"EVSE {ref} does not exist"
    if reserve.expires_at <= now:
        return f"it expired at {reserve.expires_at.isoformat()}"
    standing = site.reservations.of(station.station_id)
    before = (standing.get(reserve.reservation_id or 0), site.reservations.reserved.get(ref))
    for made in {made.reservation_id: made for made in before if made is not None}.values():
        _end(site, decision, made, ReservationEnd.REMOVED, now, now)
    return None


def _why_not_there(site: Site, station: Station, evse_id: int | None) -> str | None:
    if evse_id is None:
        anywhere = sum(each.evse_id is None for each in site.reservations.of(station.station_id).values())
        if len(_free(site, station.station_id)) <= anywhere:
            return f"no EVSE of {station.station_id} is free and not reserved"
        return None
    ref = EvseRef(station.station_id, evse_id)
    status = site.evses.get(ref)
    if status is None:
        return f"EVSE {ref} does not exist"
    if site.at_evse(ref) is not None:
        return f"EVSE {ref} has a running transaction"
    if ref in site.reservations.reserved:
        return f"EVSE {ref} is reserved until {site.reservations.reserved[ref].expires_at.isoformat()}"
    if not _is_usable(site, status) or status.status is ConnectorStatus.OCCUPIED:
        said = status.status if status.status is not ConnectorStatus.AVAILABLE else station.status
        return f"EVSE {ref} is {said or ConnectorStatus.UNAVAILABLE}"
    return None


def _why_not_for(site: Site, station: Station, reserve: ReserveNow, now: datetime) -> str | None:
    """Known by the token or, where that is a stranger's, by the group."""
    token = site.tokens.find(reserve.token_uid)
    if token is None and reserve.group_id is not None:
        members = (*site.tokens.hub.values(), *site.tokens.site.values())
        if not any(each.group_id == reserve.group_id and each.valid for each in members):
            return "neither the token nor its group is known"
        if station.rules.allowed_groups and reserve.group_id not in station.rules.allowed_groups:
            return f"the group may not charge: {AuthorizationStatus.NOT_AT_THIS_LOCATION}"
        return None
    groups = station.rules.allowed_groups
    verdict = judge(token, site.clock.believed(now), allowed_groups=groups, is_charging_elsewhere=False)
    if verdict is not AuthorizationStatus.ACCEPTED:
        return f"the token may not charge: {verdict}"
    others = {token_key(made.token_uid) for made in site.reservations.all()}
    if token is not None and not token.concurrent and token.key in others:
        return "the token has a reservation already"
    return None


# --- honoured ---


def keeper_of(site: Site, ref: EvseRef, token_uid: str, at: datetime) -> ReservationMade | None:
    """The reservation by which an EVSE was kept for somebody else at that time, if any."""
    standing = site.reservations.of(ref.station_id)
    if not standing:
        return None
    here = site.reservations.reserved.get(ref)
    if here is not None:
        return here if _is_current(here, at) and not _is_for(site, here, token_uid) else None
    anywhere = [each for each in standing.values() if each.evse_id is None and _is_current(each, at)]
    if not anywhere or any(_is_for(site, each, token_uid) for each in anywhere):
        return None
    left = [status for status in _free(site, ref.station_id) if status.ref != ref]
    return anywhere[0] if len(left) < len(anywhere) else None


def use(site: Site, decision: Decision, transaction: Transaction, reservation_id: int | None, now: datetime) -> None:
    """A transaction whose token may charge begins: it uses the reservation that the station names, or its driver's."""
    standing = site.reservations.of(transaction.station_id)
    token_uid = transaction.token_uid
    if not standing or token_uid is None or transaction.reservation_id is not None:
        return
    named = standing.get(reservation_id) if reservation_id is not None else None
    if named is not None and not _is_for(site, named, token_uid):
        _end(site, decision, named, ReservationEnd.REMOVED, now, now)  # the station gave it to somebody else
        return
    at = transaction.started_at
    used = named or next(
        (
            each
            for each in sorted(standing.values(), key=lambda each: each.evse_id is None)
            if each.evse_id in (None, transaction.evse_id) and _is_current(each, at) and _is_for(site, each, token_uid)
        ),
        None,
    )
    if used is not None:
        transaction.reservation_id, transaction.reserved_at = used.reservation_id, used.made_at
        transaction.tariff = used.tariff
        _end(site, decision, used, ReservationEnd.USED, max(at, used.made_at), now, transaction.transaction_id)


# --- ended ---


def cancel(
    site: Site, decision: Decision, station: Station, reservation_id: int, *, is_known_there: bool, now: datetime
) -> None:
    """The station cancelled it; or it has none of that number, and then nothing is kept there any more."""
    made = site.reservations.of(station.station_id).get(reservation_id)
    if made is not None:
        reason = ReservationEnd.CANCELLED if is_known_there else ReservationEnd.REMOVED
        _end(site, decision, made, reason, min(now, made.expires_at), now)


def report(site: Site, decision: Decision, event: ReservationStatusReported, now: datetime) -> None:
    """OCPP 2.0.1 H04."""
    made = site.reservations.of(event.station_id).get(event.reservation_id)
    if made is not None:
        reason = ReservationEnd.EXPIRED if event.status == "Expired" else ReservationEnd.REMOVED
        _end(site, decision, made, reason, min(now, made.expires_at), now)


def settle(site: Site, decision: Decision, now: datetime) -> None:
    """By the clock: what expired is not kept free any more, and is billed when no start can be on its way."""
    for made in site.reservations.all():
        if now < made.expires_at:
            continue
        station_id = made.station_id
        if site.reservations.free(made):
            decision.shown.update(site.refs_of(station_id))
        if site.station(station_id).is_online and site.home_of(station_id) is Home.HERE:
            if now >= max(made.expires_at, site.reservations.back_at.get(station_id, made.expires_at)) + LATE:
                _end(site, decision, made, ReservationEnd.EXPIRED, made.expires_at, now)
        elif now >= made.expires_at + GIVEN_UP_AFTER:
            _end(site, decision, made, ReservationEnd.REMOVED, made.expires_at, now)


def let_go(site: Site, decision: Decision, station_id: str, now: datetime) -> None:
    """The station is another agent's: whether it is used there cannot be told here, so nobody pays."""
    for made in list(site.reservations.of(station_id).values()):
        _end(site, decision, made, ReservationEnd.REMOVED, min(now, made.expires_at), now)


def note_back(site: Site, station_id: str, now: datetime) -> None:
    """The station connected: what happened while it was away comes now."""
    if site.reservations.of(station_id):
        site.reservations.back_at[station_id] = now


def renew(site: Site, decision: Decision, station: Station, now: datetime) -> None:
    """After a boot: a station may have lost what it promised, and one that has not replaces it by the same (§5.13)."""
    for made in site.reservations.of(station.station_id).values():
        if now < made.expires_at:
            again = ReserveNow(
                token_uid=made.token_uid,
                expires_at=made.expires_at,
                evse_id=made.evse_id,
                group_id=_told_group(station, made.group_id),
                reservation_id=made.reservation_id,
                token_type=_kind(site, made.token_uid),
            )
            ask(site, decision, station.station_id, again, now)


def _end(
    site: Site,
    decision: Decision,
    made: ReservationMade,
    reason: ReservationEnd,
    ended_at: datetime,
    now: datetime,
    transaction_id: str | None = None,
) -> None:
    ended = ReservationEnded(
        station_id=made.station_id,
        reservation_id=made.reservation_id,
        session_id=made.session_id,
        reason=reason,
        ended_at=ended_at,
        transaction_id=transaction_id,
    )
    decision.journal(site, now, ended)
    site.reservations.forget(made)
    decision.shown.update(site.refs_of(made.station_id))
    if reason in (ReservationEnd.CANCELLED, ReservationEnd.EXPIRED):
        bill_reservation(site, decision, made, reason, ended_at, now)


# --- words for the above ---


def _is_current(made: ReservationMade, at: datetime) -> bool:
    return made.made_at <= at < made.expires_at


def _is_for(site: Site, made: ReservationMade, token_uid: str) -> bool:
    """The token itself, or another one of its group."""
    if token_key(made.token_uid) == token_key(token_uid):
        return True
    return made.group_id is not None and _group(site, token_uid) == made.group_id


def _kind(site: Site, token_uid: str) -> TokenKind | None:
    token = site.tokens.find(token_uid)
    return kind_of(token) if token is not None else None


def _told_group(station: Station, group_id: str | None) -> str | None:
    """As far as the station can be told: an idTag of 1.6 is shorter than what 2.0.1 takes."""
    is_16 = station.abilities is not None and station.abilities.ocpp_version == "1.6"
    return None if is_16 and len(group_id or "") > MAX_ID_TAG else group_id


def _group(site: Site, token_uid: str) -> str | None:
    token = site.tokens.find(token_uid)
    return token.group_id if token is not None else None


def _free(site: Site, station_id: str) -> list[EvseStatus]:
    """The EVSEs where somebody could begin, and that are not reserved by number."""
    statuses = [site.evses[ref] for ref in site.refs_of(station_id) if ref not in site.reservations.reserved]
    return [status for status in statuses if status.transaction_id is None and _is_usable(site, status)]


def _is_usable(site: Site, status: EvseStatus) -> bool:
    out_of_order = (ConnectorStatus.FAULTED, ConnectorStatus.UNAVAILABLE)
    is_out = site.stations[status.evse.station_id].status in out_of_order or status.status in out_of_order
    return not is_out and not site.is_out_of_service(status.ref)
