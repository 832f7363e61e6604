"""Errands: what is signed comes back as an event, one after the other, and a flood is dropped rather than kept."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

from cryptography import x509

from edge.certificates.authority import Authority, create
from edge.certificates.notary import MAX_WAITING, Notary
from edge.domain.errands import DistrustCertificate, SignCertificate
from edge.domain.events import CertificateSigned, SigningFailed
from tests.edge.certificates.pki import NOW, csr_of
from tests.edge.chargers.scripted import ScriptedInbox
from tests.kit import wait_until


def errand(csr: str) -> SignCertificate:
    return SignCertificate(
        station_id="CS-1", csr=csr, certificate_type="ChargingStationCertificate", common_name="CS-1"
    )


def notary_of(authority: Authority | None, inbox: ScriptedInbox, distrusted: list[tuple[str, str]]) -> Notary:
    return Notary(
        authority,
        timedelta(days=30),
        inbox,
        lambda: NOW,
        lambda *serial_and_station: distrusted.append(serial_and_station),
    )


@asynccontextmanager
async def running(authority: Authority | None) -> AsyncIterator[tuple[Notary, ScriptedInbox, list[tuple[str, str]]]]:
    inbox, distrusted = ScriptedInbox(), list[tuple[str, str]]()
    notary = notary_of(authority, inbox, distrusted)
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(notary.run())
        yield notary, inbox, distrusted
        task.cancel()


async def test_a_request_becomes_a_certificate(tmp_path: Path) -> None:
    async with running(create(tmp_path / "ca", "Site", NOW)) as (notary, inbox, _):
        notary.do(errand(csr_of("CS-1")))
        await wait_until(lambda: inbox.events)
        (made,) = inbox.of(CertificateSigned)
        assert (made.station_id, made.common_name, made.not_after) == ("CS-1", "CS-1", NOW + timedelta(days=30))
        leaf, issuing = x509.load_pem_x509_certificates(made.chain.encode())
        leaf.verify_directly_issued_by(issuing)
        assert made.certificate in made.chain
        assert "PRIVATE" not in made.chain


async def test_what_cannot_be_signed_says_so_and_stops_nothing(tmp_path: Path) -> None:
    async with running(create(tmp_path / "ca", "Site", NOW)) as (notary, inbox, _):
        notary.do(errand("nonsense"))
        notary.do(errand(csr_of("CS-1")))
        await wait_until(lambda: len(inbox.events) == 2)
        assert inbox.kinds() == ["SigningFailed", "CertificateSigned"]
    async with running(None) as (notary, inbox, _):
        notary.do(errand(csr_of("CS-1")))
        await wait_until(lambda: inbox.events)
        assert inbox.of(SigningFailed)[0].reason == "this site has no CA"


async def test_a_revoked_certificate_is_told_on() -> None:
    distrusted: list[tuple[str, str]] = []
    notary_of(None, ScriptedInbox(), distrusted).do(DistrustCertificate(station_id="CS-1", serial_number="0A"))
    assert distrusted == [("0A", "CS-1")]


async def test_more_than_can_wait_is_dropped() -> None:
    notary = notary_of(None, ScriptedInbox(), [])
    for _ in range(MAX_WAITING + 10):
        notary.do(errand("x"))
