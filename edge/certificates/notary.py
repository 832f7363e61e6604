"""The `Errands` port: signs for the site CA in a thread of its own, and tells the site what came of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Final, assert_never

import structlog

from edge.certificates.authority import Authority, Purpose
from edge.certificates.signing_requests import read_csr
from edge.domain.errands import CertificateErrand, DistrustCertificate, SignCertificate
from edge.domain.events import CertificateSigned, SigningFailed
from edge.ports import Clock, Inbox, Overloaded
from protocols.errors import BadText

MAX_WAITING: Final = 1_000
RETRY_S: Final = 1.0


class Notary:
    """Without an authority nothing is signed; `v2g_authority` signs what stations show to vehicles. `distrust` is told
    a serial number and whose certificate it is."""

    def __init__(
        self,
        authority: Authority | None,
        life: timedelta,
        inbox: Inbox,
        clock: Clock,
        distrust: Callable[[str, str], None],
        v2g_authority: Authority | None = None,
    ) -> None:
        self._authorities = {Purpose.STATION: authority, Purpose.SECC: v2g_authority}
        self._life = life
        self._inbox = inbox
        self._clock = clock
        self._distrust = distrust
        self._waiting: asyncio.Queue[SignCertificate] = asyncio.Queue(MAX_WAITING)
        self._log = structlog.get_logger("edge.certificates")

    def do(self, errand: CertificateErrand) -> None:
        """See edge.ports.Errands."""
        match errand:
            case SignCertificate():
                try:
                    self._waiting.put_nowait(errand)
                except asyncio.QueueFull:  # the station asks again when nothing comes (A02.FR.17)
                    self._log.error("signing_dropped", station_id=errand.station_id)
            case DistrustCertificate():
                self._distrust(errand.serial_number, errand.station_id)
            case _:
                assert_never(errand)

    async def run(self) -> None:
        """Sign until cancelled, one after the other."""
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(1, thread_name_prefix="notary") as thread:
            while True:
                wanted = await self._waiting.get()
                await self._tell(await loop.run_in_executor(thread, self._sign, wanted))

    def _sign(self, wanted: SignCertificate) -> CertificateSigned | SigningFailed:
        try:
            purpose = Purpose(wanted.certificate_type)
            authority = self._authorities[purpose]
            if authority is None:
                raise BadText("this site has no CA")
            signed = authority.sign(read_csr(wanted.csr), wanted.common_name, self._clock(), self._life, purpose)
        except (BadText, ValueError) as error:
            return SigningFailed(station_id=wanted.station_id, reason=str(error))
        return CertificateSigned(
            station_id=wanted.station_id,
            certificate_type=wanted.certificate_type,
            serial_number=signed.serial_number,
            common_name=signed.common_name,
            fingerprint=signed.fingerprint,
            not_before=signed.not_before,
            not_after=signed.not_after,
            certificate=signed.certificate,
            chain=signed.chain,
        )

    async def _tell(self, event: CertificateSigned | SigningFailed) -> None:
        self._log.info(
            "certificate_signed" if isinstance(event, CertificateSigned) else "signing_failed",
            station_id=event.station_id,
        )
        while True:
            try:
                await self._inbox.ask(event)
                return
            except Overloaded:
                await asyncio.sleep(RETRY_S)
