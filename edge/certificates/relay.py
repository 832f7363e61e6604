"""The `Relay` port: what stations ask about certificates, answered by those who know.

Each inquiry ends within the time-out, whatever the other side does, and each on its own: a responder that hangs holds
up the one station that asked.
"""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, assert_never
from urllib.parse import urlsplit

import msgspec
import structlog
from cryptography import x509

from edge.certificates.contract_chain import check_chain
from edge.certificates.ocsp import MAX_RESPONSE_BYTES, Verdict, Verdicts, read_response, write_request
from edge.certificates.signing_requests import examine
from edge.ports import Clock
from protocols.charger.commands import CertificateStatusAnswer, ContractCertificateAnswer, Reply
from protocols.charger.events import CertificateRequest, ChargerEvent, SigningRequested
from protocols.charger.inquiries import (
    CertificateStatusWanted,
    ContractCertificateWanted,
    ContractPresented,
    HashedCertificate,
    Inquiry,
)
from protocols.errors import BadText

if TYPE_CHECKING:
    from edge.certificates.web import Web

MAX_OPEN: Final = 1_000
"""One for each of so many stations; what is asked beyond it is answered at once, with nothing."""
ASKED_AT_ONCE: Final = 128
"""So many questions are out on the web; signing requests, which are read here, do not wait for them."""
MAX_EXI_CHARACTERS: Final = 7_500
MAX_SERVICE_BYTES: Final = 16_384

OnAnswer = Callable[[Reply | ChargerEvent], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class RelaySettings:
    """`exi_url` None: no contract certificates. `asks_responders` False: no OCSP. Seconds are the machine's."""

    exi_url: str | None = None
    exi_token: str | None = None
    asks_responders: bool = False
    known_hosts: tuple[str, ...] = ()
    roots: tuple[x509.Certificate, ...] = field(default=())
    timeout_s: float = 15.0


class CertificateService(msgspec.Struct):
    """What a contract certificate service answers, by the names of Get15118EVCertificateResponse."""

    status: str
    exiResponse: str = ""


class CertificateRelay:
    """Answers while `run` runs; what is asked before or in between waits."""

    def __init__(self, settings: RelaySettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._waiting: asyncio.Queue[tuple[Inquiry, OnAnswer, float]] = asyncio.Queue(MAX_OPEN)
        self._open = 0
        self._asking = asyncio.Semaphore(ASKED_AT_ONCE)
        self._verdicts = Verdicts()
        self._log = structlog.get_logger("edge.certificates")

    def ask(self, inquiry: Inquiry, on_answer: OnAnswer) -> None:
        """See edge.ports.Relay."""
        if self._open >= MAX_OPEN:
            on_answer(_unanswered(inquiry, "too many ask at once"))
            return
        self._open += 1
        ends_s = asyncio.get_running_loop().time() + self._settings.timeout_s
        self._waiting.put_nowait((inquiry, on_answer, ends_s))

    async def run(self) -> None:
        """Until cancelled; then all that were being answered are told that they will not be."""
        web = self._open_web()
        try:
            with ThreadPoolExecutor(1, thread_name_prefix="certificates") as thread:
                async with asyncio.TaskGroup() as tasks:
                    while True:
                        inquiry, on_answer, ends_s = await self._waiting.get()
                        tasks.create_task(self._answer(inquiry, on_answer, ends_s, web, thread))
        finally:
            if web is not None:
                await web.close()

    async def _answer(
        self, inquiry: Inquiry, on_answer: OnAnswer, ends_s: float, web: Web | None, thread: ThreadPoolExecutor
    ) -> None:
        found: Reply | ChargerEvent = _unanswered(inquiry, "the agent stops")
        try:
            async with asyncio.timeout_at(ends_s):
                found = await self._find(inquiry, web, thread)
        except (BadText, TimeoutError, OSError, ValueError) as error:
            found = _unanswered(inquiry, str(error) or type(error).__name__)
            self._tell(inquiry, str(error) or type(error).__name__)
        except Exception:  # nobody else's inquiry shall fail with this one
            found = _unanswered(inquiry, "internal error")
            self._log.exception("inquiry_failed", station_id=_station_of(inquiry), inquiry=type(inquiry).__name__)
        finally:
            self._open -= 1
            on_answer(found)

    async def _find(self, inquiry: Inquiry, web: Web | None, thread: ThreadPoolExecutor) -> Reply | ChargerEvent:
        match inquiry:
            case SigningRequested():
                facts = await asyncio.get_running_loop().run_in_executor(thread, examine, inquiry.csr)
                return msgspec.structs.replace(inquiry, request=facts)
            case ContractCertificateWanted():
                async with self._asking:
                    return await self._contract_certificate(inquiry, web)
            case CertificateStatusWanted():
                async with self._asking:
                    verdict = await self._verdict(inquiry.certificate, web)
                return CertificateStatusAnswer(ocsp_result=b64encode(verdict.response).decode())
            case ContractPresented():
                async with self._asking:
                    status = await self._contract_status(inquiry, web, thread)
                return msgspec.structs.replace(inquiry.presented, certificate_status=status)
            case _:
                assert_never(inquiry)

    def _open_web(self) -> Web | None:
        """The HTTP client takes 15 MB: it is only loaded for who uses it."""
        if self._settings.exi_url is None and not self._settings.asks_responders:
            return None
        from edge.certificates.web import Web

        return Web((*self._settings.known_hosts, *_host_of(self._settings.exi_url)))

    # --- M01, M02 ---

    async def _contract_certificate(
        self, wanted: ContractCertificateWanted, web: Web | None
    ) -> ContractCertificateAnswer:
        """Told on, whole and unread: only the service and the vehicle understand the EXI."""
        if self._settings.exi_url is None or web is None:
            raise BadText("no contract certificate service is configured: [iso15118] exi_url")
        document = {
            "stationId": wanted.station_id,
            "iso15118SchemaVersion": wanted.schema_version,
            "action": wanted.action,
            "exiRequest": wanted.exi_request,
        }
        received = await web.post(
            self._settings.exi_url,
            msgspec.json.encode(document),
            "application/json",
            max_bytes=MAX_SERVICE_BYTES,
            token=self._settings.exi_token,
        )
        answer = msgspec.json.decode(received, type=CertificateService)
        if len(answer.exiResponse) > MAX_EXI_CHARACTERS:
            raise BadText(f"the service's exiResponse has more than {MAX_EXI_CHARACTERS} characters")
        is_accepted = answer.status == "Accepted" and bool(answer.exiResponse)
        return ContractCertificateAnswer(
            is_accepted=is_accepted,
            exi_response=answer.exiResponse,
            reason="" if is_accepted else f"the service says {answer.status[:50]}",
        )

    # --- M06 ---

    async def _verdict(
        self, certificate: HashedCertificate, web: Web | None, issuers: Sequence[x509.Certificate] = ()
    ) -> Verdict:
        """From what is fresh, or from the responder. Raises BadText and what the web raises."""
        if not self._settings.asks_responders or web is None:
            raise BadText("responders are not asked: [iso15118] ocsp")
        now = self._clock()
        known = self._verdicts.get(certificate, now)
        if known is not None and (known.is_proven or not issuers):
            return known
        received = await web.post(
            certificate.responder_url,
            write_request(certificate),
            "application/ocsp-request",
            max_bytes=MAX_RESPONSE_BYTES,
        )
        verdict = read_response(certificate, received, self._clock(), (*self._settings.roots, *issuers))
        self._verdicts.put(certificate, verdict)
        return verdict

    # --- C07 ---

    async def _contract_status(self, contract: ContractPresented, web: Web | None, thread: ThreadPoolExecutor) -> str:
        """AuthorizeCertificateStatusEnumType: the chain, where there is one, then every responder's word."""
        to_ask, issuers = contract.certificates, tuple[x509.Certificate, ...]()
        if contract.chain_pem is not None:
            chain = await asyncio.get_running_loop().run_in_executor(
                thread,
                check_chain,
                contract.chain_pem,
                contract.presented.token_uid,
                self._settings.roots,
                self._clock(),
            )
            if chain.status != "Accepted":
                return chain.status
            to_ask, issuers = to_ask or chain.to_ask, chain.certificates
        if not to_ask and contract.chain_pem is None:
            return "NoCertificateAvailable"
        for certificate in to_ask:
            status = await self._responder_says(certificate, web, issuers)
            if status != "Accepted":
                return status
        return "Accepted"

    async def _responder_says(
        self, certificate: HashedCertificate, web: Web | None, issuers: Sequence[x509.Certificate]
    ) -> str:
        """A word that is neither signed by a known issuer nor told over TLS is anybody's."""
        try:
            verdict = await self._verdict(certificate, web, issuers)
        except (BadText, OSError) as error:
            self._log.warning("responder_failed", problem=str(error))
            return "NoCertificateAvailable"
        if verdict.is_revoked:
            return "CertificateRevoked"
        is_believed = verdict.is_proven or certificate.responder_url.startswith("https://")
        return "Accepted" if verdict.is_known and is_believed else "CertChainError"

    def _tell(self, inquiry: Inquiry, problem: str) -> None:
        self._log.warning(
            "inquiry_unanswered", station_id=_station_of(inquiry), inquiry=type(inquiry).__name__, problem=problem
        )


def _unanswered(inquiry: Inquiry, reason: str) -> Reply | ChargerEvent:
    """What the station, or the site, is told without an answer."""
    match inquiry:
        case SigningRequested():
            return msgspec.structs.replace(inquiry, request=CertificateRequest(problem=reason))
        case ContractCertificateWanted():
            return ContractCertificateAnswer(is_accepted=False, reason=reason)
        case CertificateStatusWanted():
            return CertificateStatusAnswer(reason=reason)
        case ContractPresented():
            return msgspec.structs.replace(inquiry.presented, certificate_status="NoCertificateAvailable")
        case _:
            assert_never(inquiry)


def _station_of(inquiry: Inquiry) -> str:
    return inquiry.presented.station_id if isinstance(inquiry, ContractPresented) else inquiry.station_id


def _host_of(url: str | None) -> tuple[str, ...]:
    """The operator's own service may be anywhere."""
    host = urlsplit(url).hostname if url else None
    return (host,) if host else ()
