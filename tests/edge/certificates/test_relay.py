"""What stations ask of others, over real HTTP to servers on loopback, with real OCSP answers."""

from __future__ import annotations

import asyncio
from base64 import b64decode
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest
from aiohttp import web
from cryptography.x509 import ocsp

from edge.certificates.ocsp import named, read_response, write_request
from edge.certificates.relay import MAX_OPEN, CertificateRelay, RelaySettings
from protocols.charger.commands import CertificateStatusAnswer, ContractCertificateAnswer, Reply
from protocols.charger.events import ChargerEvent, IdTokenPresented, SigningRequested
from protocols.charger.inquiries import (
    CertificateStatusWanted,
    ContractCertificateWanted,
    ContractPresented,
    HashedCertificate,
    Inquiry,
)
from protocols.errors import BadText
from tests.edge.certificates.pki import NOW, Issued, csr_of, issue, respond
from tests.kit import free_port, wait_until

EMAID = "DE-OHM-C00000001-X"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class World:
    """A contract PKI and its responder, whose answers a test may change."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.root = issue("Root", is_ca=True)
        self.sub = issue("Sub", self.root, is_ca=True)
        self.contract = issue(EMAID.replace("-", ""), self.sub, responder=f"{self.url}/ocsp")
        self.now = NOW
        self.asked: list[bytes] = []
        self.options: dict[str, Any] = {}
        self.hook: Handler | None = None

    @property
    def hashed(self) -> HashedCertificate:
        return named(self.contract.certificate, self.sub.certificate, f"{self.url}/ocsp")

    def presented(self, chain: bool = False) -> ContractPresented:
        pem = self.contract.pem + self.sub.pem if chain else None
        token = IdTokenPresented(station_id="CS-1", token_uid=EMAID)
        return ContractPresented(presented=token, chain_pem=pem, certificates=() if chain else (self.hashed,))

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if self.hook is not None:
            return await self.hook(request)
        body = await request.read()
        self.asked.append(body)
        if request.path == "/ocsp":
            return web.Response(body=respond(body, self.sub, **self.options), content_type="application/ocsp-response")
        document = msgspec.json.decode(body)
        is_known = request.headers.get("Authorization") == "Bearer secret"
        exi = document["exiRequest"][::-1]
        return web.json_response({"status": "Accepted" if is_known else "Failed", "exiResponse": exi})


@asynccontextmanager
async def world(**settings: Any) -> AsyncIterator[tuple[World, Callable[[Inquiry], Awaitable[Reply | ChargerEvent]]]]:
    port = free_port()
    there = World(port)
    application = web.Application()
    application.router.add_route("POST", "/{path:.*}", there.answer)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    usual = RelaySettings(
        exi_url=f"{there.url}/exi",
        exi_token="secret",
        asks_responders=True,
        known_hosts=("127.0.0.1",),
        roots=(there.root.certificate, there.sub.certificate),
        timeout_s=2.0,
    )

    def clock() -> datetime:
        return there.now

    relay = CertificateRelay(replace(usual, **settings), clock)

    async def ask(inquiry: Inquiry) -> Reply | ChargerEvent:
        found: asyncio.Future[Reply | ChargerEvent] = asyncio.get_running_loop().create_future()
        relay.ask(inquiry, found.set_result)
        async with asyncio.timeout(10):
            return await found

    try:
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(relay.run())
            yield there, ask
            running.cancel()
    finally:
        await runner.cleanup()


def wanted(certificate: HashedCertificate) -> CertificateStatusWanted:
    return CertificateStatusWanted(station_id="CS-1", certificate=certificate)


CONTRACT = ContractCertificateWanted(
    station_id="CS-1", schema_version="urn:iso:15118:2:2013:MsgDef", action="Install", exi_request="abc="
)


# --- M01, M02: contract certificates ---


async def test_a_contract_certificate_is_fetched_from_the_service() -> None:
    async with world() as (there, ask):
        assert await ask(CONTRACT) == ContractCertificateAnswer(is_accepted=True, exi_response="=cba")
        document = msgspec.json.decode(there.asked[0])
        assert document == {
            "stationId": "CS-1",
            "iso15118SchemaVersion": "urn:iso:15118:2:2013:MsgDef",
            "action": "Install",
            "exiRequest": "abc=",
        }


async def test_without_a_service_it_fails_and_says_why() -> None:
    async with world(exi_url=None) as (_, ask):
        answer = await ask(CONTRACT)
        assert isinstance(answer, ContractCertificateAnswer)
        assert not answer.is_accepted
        assert "no contract certificate service" in answer.reason


async def test_what_the_service_refuses_is_refused() -> None:
    async with world(exi_token="wrong") as (_, ask):
        answer = await ask(CONTRACT)
        assert answer == ContractCertificateAnswer(
            is_accepted=False, exi_response="=cba", reason="the service says Failed"
        )


@pytest.mark.parametrize(
    ("body", "status"), [(b"nonsense", 200), (b'{"status": 7}', 200), (b"{}", 500), (b"x" * 100_000, 200)]
)
async def test_a_service_that_talks_nonsense_fails_the_request_alone(body: bytes, status: int) -> None:
    async with world() as (there, ask):

        async def nonsense(_request: web.Request) -> web.Response:
            return web.Response(body=body, status=status)

        there.hook = nonsense
        answer = await ask(CONTRACT)
        assert isinstance(answer, ContractCertificateAnswer)
        assert not answer.is_accepted
        there.hook = None
        assert await ask(CONTRACT) == ContractCertificateAnswer(is_accepted=True, exi_response="=cba")


async def test_who_hangs_holds_up_nobody_else() -> None:
    async with world(timeout_s=3.0) as (there, ask):  # long enough for a machine that does something else meanwhile
        released = asyncio.Event()

        async def hang(request: web.Request) -> web.StreamResponse:
            if request.path == "/exi":
                await released.wait()
            body = await request.read()
            return web.Response(body=respond(body, there.sub) if request.path == "/ocsp" else b"")

        there.hook = hang
        async with asyncio.TaskGroup() as tasks:
            hanging = [tasks.create_task(ask(CONTRACT)) for _ in range(4)]  # type: ignore[arg-type]
            answer = await ask(wanted(there.hashed))
            assert isinstance(answer, CertificateStatusAnswer)
            assert answer.ocsp_result is not None
            hanging += [tasks.create_task(ask(CONTRACT)) for _ in range(400)]  # type: ignore[arg-type]
            await asyncio.sleep(0)
            event = await ask(SigningRequested(station_id="CS-1", csr=csr_of("CS-1")))
            assert isinstance(event, SigningRequested)
            assert event.request is not None
            assert event.request.common_name == "CS-1"
            assert not any(task.done() for task in hanging)
        for task in hanging:
            assert not task.result().is_accepted  # type: ignore[union-attr]
        released.set()


# --- M06: responders ---


async def test_a_responders_word_is_carried_whole_and_kept_until_it_is_stale() -> None:
    async with world() as (there, ask):
        answer = await ask(wanted(there.hashed))
        assert isinstance(answer, CertificateStatusAnswer)
        response = ocsp.load_der_ocsp_response(b64decode(answer.ocsp_result or ""))
        assert response.serial_number == there.contract.certificate.serial_number
        assert await ask(wanted(there.hashed)) == answer
        assert len(there.asked) == 1
        there.now += timedelta(hours=13)
        there.options = {"now": there.now}
        assert await ask(wanted(there.hashed)) != answer
        assert len(there.asked) == 2


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"now": NOW - timedelta(days=3)}, "stale"),
        ({"now": NOW + timedelta(days=1)}, "future"),
        ({"about": issue("other").certificate}, "another certificate"),
    ],
)
async def test_a_word_that_cannot_be_used_fails(options: dict[str, Any], words: str) -> None:
    async with world() as (there, ask):
        there.options = options
        answer = await ask(wanted(there.hashed))
        assert isinstance(answer, CertificateStatusAnswer)
        assert answer.ocsp_result is None
        assert words in answer.reason


async def test_without_the_setting_no_responder_is_asked() -> None:
    async with world(asks_responders=False) as (there, ask):
        answer = await ask(wanted(there.hashed))
        assert isinstance(answer, CertificateStatusAnswer)
        assert answer.ocsp_result is None
        assert there.asked == []


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/ocsp",
        "http://localhost:{port}/ocsp",
        "http://[::1]:{port}/ocsp",
        "http://[::ffff:127.0.0.1]:{port}/ocsp",
        "http://2130706433:{port}/ocsp",
        "http://169.254.169.254/latest",
        "http://10.0.0.1/",
        "file:///etc/passwd",
        "http://user:pass@127.0.0.1:{port}/ocsp",
    ],
)
async def test_a_station_cannot_have_our_own_network_asked(url: str) -> None:
    async with world(known_hosts=(), exi_url=None) as (there, ask):
        port = there.url.rpartition(":")[2]
        hashed = msgspec.structs.replace(there.hashed, responder_url=url.format(port=port))
        answer = await ask(wanted(hashed))
        assert isinstance(answer, CertificateStatusAnswer)
        assert answer.ocsp_result is None
        assert there.asked == []


async def test_of_too_many_the_last_are_answered_at_once_with_nothing() -> None:
    answers: list[Reply | ChargerEvent] = []
    relay = CertificateRelay(RelaySettings(timeout_s=0.2), lambda: NOW)
    for _ in range(MAX_OPEN + 5):
        relay.ask(CONTRACT, answers.append)
    assert answers == [ContractCertificateAnswer(is_accepted=False, reason="too many ask at once")] * 5
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(relay.run())
        await wait_until(lambda: len(answers) == MAX_OPEN + 5)
        relay.ask(CONTRACT, answers.append)
        await wait_until(lambda: len(answers) == MAX_OPEN + 6)
        running.cancel()


async def test_a_redirect_is_not_followed() -> None:
    async with world() as (there, ask):

        async def elsewhere(_request: web.Request) -> web.Response:
            return web.Response(status=307, headers={"Location": f"{there.url}/inside"})

        there.hook = elsewhere
        answer = await ask(wanted(there.hashed))
        assert isinstance(answer, CertificateStatusAnswer)
        assert "answers 307" in answer.reason


def test_hashes_that_no_certificate_can_have() -> None:
    good = HashedCertificate(
        hash_algorithm="SHA256",
        issuer_name_hash="aa" * 32,
        issuer_key_hash="bb" * 32,
        serial_number="1f",
        responder_url="http://x/",
    )
    assert write_request(good)
    for wrong in (
        {"issuer_name_hash": "aa"},
        {"issuer_key_hash": "zz" * 32},
        {"serial_number": "not hex"},
        {"serial_number": ""},
        {"hash_algorithm": "MD5"},
    ):
        with pytest.raises(BadText):
            write_request(msgspec.structs.replace(good, **wrong))


# --- C07: contracts ---


async def status_of(ask: Callable[[Inquiry], Awaitable[Any]], contract: ContractPresented) -> str:
    event = await ask(contract)
    assert isinstance(event, IdTokenPresented)
    assert event.token_uid == EMAID
    return str(event.certificate_status)


@pytest.mark.parametrize("chain", [False, True])
async def test_a_good_contract(chain: bool) -> None:
    async with world() as (there, ask):
        assert await status_of(ask, there.presented(chain)) == "Accepted"
        assert len(there.asked) == 1


@pytest.mark.parametrize("chain", [False, True])
async def test_a_revoked_contract(chain: bool) -> None:
    async with world() as (there, ask):
        there.options = {"revoked": True}
        assert await status_of(ask, there.presented(chain)) == "CertificateRevoked"


async def test_a_contract_that_has_ended() -> None:
    async with world() as (there, ask):
        there.now += timedelta(days=31)
        assert await status_of(ask, there.presented(True)) == "CertificateExpired"


async def test_a_contract_of_an_unknown_root() -> None:
    async with world(roots=(issue("Another", is_ca=True).certificate,)) as (there, ask):
        assert await status_of(ask, there.presented(True)) == "CertChainError"


async def test_a_contract_of_somebody_else() -> None:
    async with world() as (there, ask):
        other = issue("DEOHMC00000002", there.sub)
        shown = msgspec.structs.replace(there.presented(True), chain_pem=other.pem + there.sub.pem)
        assert await status_of(ask, shown) == "CertChainError"


async def test_a_forged_contract() -> None:
    """Named after the right issuer, signed by another key."""
    async with world() as (there, ask):
        forger = Issued(there.sub.certificate, issue("x").key)
        forged = issue(EMAID, forger)
        shown = msgspec.structs.replace(there.presented(True), chain_pem=forged.pem + there.sub.pem)
        assert await status_of(ask, shown) == "SignatureError"


async def test_a_contract_issued_by_one_that_is_no_ca() -> None:
    async with world() as (there, ask):
        below = issue(EMAID, there.contract)
        chain = below.pem + there.contract.pem + there.sub.pem
        shown = msgspec.structs.replace(there.presented(True), chain_pem=chain)
        assert await status_of(ask, shown) == "CertChainError"


async def test_without_a_responders_word_a_contract_is_not_good() -> None:
    async with world() as (there, ask):

        async def down(_request: web.Request) -> web.Response:
            return web.Response(status=503)

        there.hook = down
        assert await status_of(ask, there.presented()) == "NoCertificateAvailable"


async def test_a_word_over_plain_http_that_nobody_known_signed_is_anybodys() -> None:
    async with world(roots=()) as (there, ask):
        assert await status_of(ask, there.presented()) == "CertChainError"


def test_a_response_is_believed_from_the_issuer_and_from_its_responder_only() -> None:
    there = World(1)
    request = write_request(there.hashed)
    issuers = (there.sub.certificate,)
    delegate = issue("Responder", there.sub, signs_responses=True)
    for signer in (None, delegate):
        verdict = read_response(there.hashed, respond(request, there.sub, signer), NOW, issuers)
        assert verdict.is_proven
    for liar in (issue("Liar", there.sub), issue("Liar", there.root, signs_responses=True)):
        with pytest.raises(BadText, match="responder"):
            read_response(there.hashed, respond(request, there.sub, liar), NOW, issuers)
    impostor = issue("Sub", is_ca=True)
    with pytest.raises(BadText, match="signature"):
        read_response(there.hashed, respond(request, impostor), NOW, issuers)
    assert not read_response(there.hashed, respond(request, impostor), NOW).is_proven


# --- A02 ---


async def test_a_signing_request_goes_to_the_site_with_its_facts() -> None:
    async with world(exi_url=None, asks_responders=False) as (_, ask):
        event = await ask(SigningRequested(station_id="CS-1", csr=csr_of("CS-1")))
        assert isinstance(event, SigningRequested)
        assert event.request is not None
        assert event.request.common_name == "CS-1"
        event = await ask(SigningRequested(station_id="CS-1", csr="nonsense"))
        assert isinstance(event, SigningRequested)
        assert event.request is not None
        assert event.request.problem is not None


async def test_what_is_being_asked_when_the_agent_stops_is_answered_all_the_same() -> None:
    answers: list[Reply | ChargerEvent] = []
    async with world(timeout_s=30) as (there, _):
        reached = asyncio.Event()

        async def hang(_request: web.Request) -> web.StreamResponse:
            reached.set()
            await asyncio.Event().wait()
            raise AssertionError

        there.hook = hang
        relay = CertificateRelay(
            RelaySettings(exi_url=f"{there.url}/exi", known_hosts=("127.0.0.1",), timeout_s=30), lambda: NOW
        )
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(relay.run())
            relay.ask(CONTRACT, answers.append)
            await reached.wait()
            running.cancel()
    assert answers == [ContractCertificateAnswer(is_accepted=False, reason="the agent stops")]
