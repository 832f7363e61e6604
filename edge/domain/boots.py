"""Who is let in when it boots, and what a station is asked when it has booted (OCPP 2.0.1 B01 to B03, 1.6 §4.2).

A station that is pending or rejected is heard: what it reports of transactions is taken and billed. It is given no
answer that lets somebody begin.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import islice
from typing import Final

from edge.domain import availability, local_lists, open_transactions, reservations
from edge.domain.asking import ask
from edge.domain.decision import Decision
from edge.domain.events import Done, Refused, StationLetIn
from edge.domain.rules import Admission
from edge.domain.site import Site
from edge.domain.station import Booted, Home, Station
from protocols.charger.commands import BootAnswer
from protocols.charger.operations.variables import TriggerMessage
from protocols.sync.upkeep import StationAccepted
from protocols.terms import EvseRef

RETRY_S: Final = 60
"""How long a station that is not let in waits before it asks again."""
SETTLED_AFTER: Final = timedelta(seconds=30)
"""A station that booted has so long to say how it is before it is asked."""
LOOKED_AT: Final = 2_000
ASKED_AT_ONCE: Final = 50
"""Stations that are looked at, and questions, in a tick: those of a whole site boot together after a power cut."""


def answer(site: Site, station: Station, now: datetime) -> BootAnswer:
    """What a station is told that booted."""
    match site.admission(station):
        case Admission.ACCEPT:
            site.booted.pop(station.station_id, None)  # the longest first
            site.booted[station.station_id] = Booted(at=now, silent=set(station.evse_ids))
            return BootAnswer(at=now, heartbeat_interval_s=site.rules.heartbeat_interval_s)
        case Admission.PENDING:
            return BootAnswer(at=now, heartbeat_interval_s=RETRY_S, status="Pending")
        case Admission.REJECT:
            return BootAnswer(at=now, heartbeat_interval_s=RETRY_S, status="Rejected")


def let_in(site: Site, decision: Decision, event: StationLetIn, now: datetime) -> None:
    """The staff accepts a pending station; it hears of it when it boots again, for which it is asked."""
    station = site.stations.get(event.station_id)
    if station is None:
        decision.reply = Refused(reason=f"there is no station {event.station_id}")
        return
    match site.admission(station):
        case Admission.ACCEPT:
            decision.reply = Done(text=f"{event.station_id} is accepted already")
            return
        case Admission.REJECT:
            decision.reply = Refused(reason=f"the configuration rejects {event.station_id}: change `boot` there first")
            return
        case Admission.PENDING:
            pass
    site.accepted_stations.add(event.station_id)
    decision.journal(site, now, StationAccepted(station_id=event.station_id))
    if station.is_online and _may_trigger(site, station):
        ask(site, decision, event.station_id, TriggerMessage(requested_message="BootNotification"), now)
        decision.reply = Done(text=f"{event.station_id} is accepted, and asked to boot again")
    else:
        decision.reply = Done(text=f"{event.station_id} is accepted from its next BootNotification on")


def ask_the_booted(site: Site, decision: Decision, now: datetime) -> None:
    """What the site wants of stations that booted a while ago, the first of them first."""
    if not site.booted:
        return
    asked = len(decision.commands)
    for station_id, booted in list(islice(site.booted.items(), LOOKED_AT)):
        if len(decision.commands) - asked >= ASKED_AT_ONCE:
            return
        if now - booted.at < SETTLED_AFTER:
            continue
        del site.booted[station_id]
        station = site.station(station_id)
        if not station.is_online or site.home_of(station_id) is not Home.HERE:
            continue
        if _may_trigger(site, station):
            for evse_id in sorted(booted.silent):
                connector_id = site.evses[EvseRef(station_id, evse_id)].connector_id
                question = TriggerMessage(
                    requested_message="StatusNotification", evse_id=evse_id, connector_id=connector_id
                )
                ask(site, decision, station_id, question, now)
        open_transactions.ask_about_open(site, decision, station, now)
        reservations.renew(site, decision, station, now)
        availability.say_again(site, decision, station, now)
        local_lists.look_at(site, station, is_unchecked=True)


def _may_trigger(site: Site, station: Station) -> bool:
    """Some models take harm from being triggered (field quirk 10)."""
    return site.rules.may_trigger(station.vendor, station.model, station.firmware_version)
