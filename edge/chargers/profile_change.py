"""Raising a station's security profile (OCPP 2.0.1 A05; 1.6 security white paper, SecurityProfile).

Whoever gives a station a higher profile, by a command or a raw call, it is heard here when the station takes it. What
the station does then is its own affair: it may come back as it was (its new certificate may be missing). So nothing
changes until it has come with the new profile once; from then on none below it is good enough, whatever the station is
told, for a way back would be an attacker's, too. Staff can open it (`forget`).
"""

from __future__ import annotations

import asyncio
from typing import Any, Final, Literal

import structlog

from edge.chargers.credentials import Credentials
from edge.domain.events import Done, SecurityProfileChanged, SiteReply
from edge.ports import Inbox, Overloaded
from protocols.errors import BadText
from protocols.ocpp.security_profiles import profile_set, slots_chosen, slots_written

RETRY_S: Final = 1.0
MAX_SLOTS: Final = 20
"""Network profiles of a station that are kept in mind; nobody writes more."""


class ProfileChange:
    """Implements the port Profiles, and is the fleet's ProfileWatch.

    Which slot has which profile is only known for what was written since the agent began: who puts an older one in
    force sets `security_profile` of the station himself.
    """

    def __init__(self, credentials: Credentials, inbox: Inbox) -> None:
        self._credentials = credentials
        self._inbox = inbox
        self._slots: dict[str, dict[int, int]] = {}
        self._log = structlog.get_logger("edge.security_profiles")
        credentials.on_raised = self._raised

    async def forget(self, station_id: str) -> str:
        """See edge.ports.Profiles."""
        if not self._credentials.is_known(station_id):
            raise BadText(f"station {station_id} is not configured")
        configured = self._credentials.configured_profile(station_id)
        try:
            reply = await self._inbox.ask(self._event(station_id, "forgotten", configured))
        except Overloaded:
            raise BadText("the agent is too busy; try again") from None
        if not isinstance(reply, Done):
            raise BadText(f"the site did not take it: {reply}")
        self._credentials.forget_profile(station_id)
        return f"{station_id} may come with security profile {configured} again, as it is configured"

    def heard(self, station_id: str, action: str, payload: dict[str, Any], answer: dict[str, Any]) -> None:
        """The station has answered one of PROFILE_ACTIONS."""
        if not self._credentials.is_known(station_id):
            return
        if written := slots_written(action, payload, answer):
            kept = self._slots.get(station_id, {}) | written
            self._slots[station_id] = dict(list(kept.items())[-MAX_SLOTS:])
        profile = profile_set(action, payload, answer)
        if profile is None:
            known, chosen = self._slots.get(station_id, {}), slots_chosen(action, payload, answer)
            profile = next((known[slot] for slot in chosen if slot in known), None)
        if profile is not None:
            self._offer(station_id, profile)

    def _offer(self, station_id: str, profile: int) -> None:
        required = self._credentials.policy_of(station_id).security_profile
        if profile < required:
            self._log.warning("security_profile_not_lowered", station_id=station_id, security_profile=required)
            return
        self._credentials.offer_profile(station_id, profile)
        if profile > required:
            self._log.info("security_profile_offered", station_id=station_id, security_profile=profile)
            self._put(self._event(station_id, "offered", profile))

    def _raised(self, station_id: str, profile: int) -> None:
        """The station came with it. Until this is durable, the ledger has it as offered, and the station will again."""
        self._log.info("security_profile_raised", station_id=station_id, security_profile=profile)
        self._put(self._event(station_id, "adopted", profile))

    def _event(
        self, station_id: str, stage: Literal["offered", "adopted", "forgotten"], profile: int
    ) -> SecurityProfileChanged:
        return SecurityProfileChanged(
            station_id=station_id,
            stage=stage,
            security_profile=profile,
            instead_of=self._credentials.configured_profile(station_id),
        )

    def _put(self, event: SecurityProfileChanged) -> None:
        try:
            self._inbox.put(event, _ignore)
        except Overloaded:
            asyncio.get_running_loop().call_later(RETRY_S, self._put_again, event)

    def _put_again(self, event: SecurityProfileChanged) -> None:
        """Unless it was forgotten meanwhile, or something else is offered."""
        if self._credentials.least_or_offered(event.station_id) == event.security_profile:
            self._put(event)


def _ignore(_reply: SiteReply) -> None:
    """Nobody waits for it."""
