"""Drivers and their cards: who may begin, who is known already, and who presents a card only to stop."""

from __future__ import annotations

from datetime import datetime

from msgspec.structs import replace

from edge.domain import holds
from edge.domain.accounts import SUSPENSE_CONTRACT
from edge.domain.authorization import answer, judge
from edge.domain.credit import judge_contract as judge_money
from edge.domain.decision import Decision
from edge.domain.disk import inform
from edge.domain.disk_events import DiskLevel
from edge.domain.reservations import keeper_of, use
from edge.domain.rules import Admission
from edge.domain.running_cost import tell_price
from edge.domain.site import Site
from edge.domain.transaction import Transaction
from protocols.charger.commands import IdTokenAnswer, TransactionAnswer
from protocols.charger.events import TransactionBegan
from protocols.sync.up import IdTokenRefused
from protocols.terms import AuthorizationStatus, EvseRef


def present(
    site: Site, decision: Decision, station_id: str, token_uid: str, now: datetime, *, ref: EvseRef | None = None
) -> None:
    """An Authorize request. A card that charges here is presented to stop, so only other stations count. `ref`: where
    it can only be meant to begin, and the site alone keeps it from beginning."""
    mine = site.tokens.find(token_uid)
    charging = [running for running in site.by_token(token_uid) if site.stations[running.station_id].is_online]
    is_here = any(
        running is not None
        and running.token_uid is not None
        and (running in charging or (mine is not None and mine.group_id and running.group_id == mine.group_id))
        for running in (site.at_evse(ref) for ref in site.refs_of(station_id))
    )
    elsewhere = bool(charging) and not is_here
    verdict = decision.reply = _judge(
        site, decision, station_id, token_uid, now, elsewhere=elsewhere, ref=ref, begins=not is_here
    )
    if verdict.status is AuthorizationStatus.ACCEPTED and not is_here:
        tell_price(site, decision, site.station(station_id), token_uid, now)


def judge_contract(decision: Decision, certificate_status: str) -> None:
    """OCPP 2.0.1 C07: a good token whose contract certificate is not good may not charge."""
    if isinstance(decision.reply, IdTokenAnswer):
        is_bad = certificate_status != "Accepted" and decision.reply.status is AuthorizationStatus.ACCEPTED
        status = AuthorizationStatus.INVALID if is_bad else decision.reply.status
        decision.reply = replace(decision.reply, status=status, certificate_status=certificate_status)


def waive(decision: Decision) -> None:
    """OCPP 2.0.1 C02: whoever says that nobody need be authorised is answered that this is so. Nobody is named as the
    one who pays: the bill goes to the suspense account."""
    if isinstance(decision.reply, TransactionAnswer):
        decision.reply = replace(decision.reply, id_token=IdTokenAnswer(status=AuthorizationStatus.ACCEPTED))


def judge_start(
    site: Site, decision: Decision, event: TransactionBegan, ref: EvseRef | None, started_at: datetime, now: datetime
) -> IdTokenAnswer | None:
    """May the token of a start charge, there (None: nobody knows where) and then? None where the start names none."""
    if event.token_uid is None:
        return None
    elsewhere = _charges(site, event.token_uid)
    return _judge(site, decision, event.station_id, event.token_uid, now, elsewhere=elsewhere, ref=ref, at=started_at)


def identify(site: Site, decision: Decision, transaction: Transaction, token_uid: str, now: datetime) -> IdTokenAnswer:
    """Give a running transaction its driver, who pays for it whatever the verdict on the card is."""
    ref, at = None if transaction.is_evse_assumed else transaction.ref, transaction.started_at
    elsewhere = _charges(site, token_uid)
    verdict = _judge(site, decision, transaction.station_id, token_uid, now, elsewhere=elsewhere, ref=ref, at=at)
    token = site.tokens.find(token_uid)
    site.identify(
        transaction,
        token_uid,
        token.contract_id if token else SUSPENSE_CONTRACT,
        token.group_id if token else None,
    )
    if site.accounts:
        holds.begin(site, decision, transaction, now)
    if verdict.status is AuthorizationStatus.ACCEPTED:
        use(site, decision, transaction, None, now)
    return verdict


def known_token(site: Site, token_uid: str | None, now: datetime) -> IdTokenAnswer | None:
    """The answer for a token that is only named again: its own state, not whether it may begin something new."""
    if token_uid is None:
        return None
    token = site.tokens.find(token_uid)
    if token is None:
        return IdTokenAnswer(status=AuthorizationStatus.UNKNOWN)
    status = AuthorizationStatus.ACCEPTED
    if not token.valid:
        status = AuthorizationStatus.BLOCKED
    elif token.expires_at is not None and token.expires_at <= site.clock.believed(now):
        status = AuthorizationStatus.EXPIRED
    return answer(token, status)


def _judge(
    site: Site,
    decision: Decision,
    station_id: str,
    token_uid: str,
    now: datetime,
    *,
    elsewhere: bool,
    ref: EvseRef | None = None,
    at: datetime | None = None,
    begins: bool = True,
) -> IdTokenAnswer:
    """Where it is to begin at an EVSE `ref`, then not while that is kept for somebody else at `at`, nor while it is out
    of service, which a station of its own knows itself; and nothing `begins` on a full disk."""
    station = site.station(station_id)
    token = site.tokens.find(token_uid)
    believed_now = site.clock.believed(now)
    verdict = judge(token, believed_now, allowed_groups=station.rules.allowed_groups, is_charging_elsewhere=elsewhere)
    if verdict is AuthorizationStatus.ACCEPTED:
        if site.admission(station) is not Admission.ACCEPT:
            verdict = AuthorizationStatus.INVALID
        elif (begins and site.disk is DiskLevel.FULL) or (
            ref is not None
            and (
                keeper_of(site, ref, token_uid, at or now) is not None
                or (station_id in site.runs and site.is_out_of_service(ref))
            )
        ):
            verdict = AuthorizationStatus.NOT_AT_THIS_TIME
        elif token is not None and site.accounts:
            verdict = judge_money(site, token.contract_id, now)
    if verdict is not AuthorizationStatus.ACCEPTED:
        inform(site, decision, now, IdTokenRefused(station_id=station_id, token_uid=token_uid, status=str(verdict)))
    return answer(token, verdict)


def _charges(site: Site, token_uid: str) -> bool:
    """Whether a token charges at a station that can be reached: one that is cut off must not lock its driver out."""
    return any(site.stations[running.station_id].is_online for running in site.by_token(token_uid))
