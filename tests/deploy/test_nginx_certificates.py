"""Security profile 3 end to end: a station with a certificate of the site CA, nginx as it is shipped with its TLS
lines, and the agent's own OCPP server behind it."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from prometheus_client import CollectorRegistry
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from edge.certificates.authority import Authority, create
from edge.certificates.signing_requests import read_csr
from edge.chargers.charger_metrics import ChargerMetrics
from edge.chargers.credentials import Credentials, Policy, hash_password
from edge.chargers.fleet import Fleet
from edge.chargers.habits import UNKNOWN_MODEL, Habits
from edge.chargers.ocpp_server import OcppServer, OcppServerSettings
from tests.edge.certificates.pki import csr_of
from tests.edge.chargers.scripted import PASSWORD, ScriptedInbox, basic
from tests.journeys.node import Nginx, NodeAgent, nginx_program

pytestmark = pytest.mark.skipif(
    nginx_program() is None, reason="no nginx on this machine (apt-get install nginx-light)"
)
NOW = datetime.now(UTC)  # noqa: TID251 - TLS looks at the machine's clock


@dataclass
class Door:
    """nginx before a server that knows CS-1 (profile 1), CS-2 (profile 2) and CS-3 (profile 3)."""

    folder: Path
    ca: Authority
    tls_port: int
    plain_port: int
    agent_port: int
    fleet: Fleet
    revoked: set[str]

    def certificate(self, common_name: str, ca: Authority | None = None, *, has_ended: bool = False) -> tuple[str, str]:
        """A chain file with its key in it, and the serial number."""
        key = ec.generate_private_key(ec.SECP256R1())
        at = NOW - timedelta(days=2) if has_ended else NOW
        life = timedelta(days=1)
        signed = (ca or self.ca).sign(read_csr(csr_of(common_name, key)), common_name, at, life)
        path = self.folder / f"{common_name}-{signed.serial_number}.pem"
        secret = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        path.write_text(signed.chain + secret.decode())
        return str(path), signed.serial_number

    async def enter(
        self,
        station: str,
        certificate: str | None = None,
        *,
        password: bool = False,
        port: int | None = None,
        headers: dict[str, str] | None = None,
    ) -> int:
        """The HTTP status of an attempt to come in; 101 for in."""
        is_tls = port is None
        context = ssl.create_default_context(cafile=str(self.folder / "server.pem")) if is_tls else None
        if context is not None and certificate is not None:
            context.load_cert_chain(certificate)
        extra = (basic(station, PASSWORD) if password else {}) | (headers or {})
        address = f"wss://localhost:{self.tls_port}" if is_tls else f"ws://127.0.0.1:{port}"
        try:
            async with connect(
                f"{address}/ocpp/{station}",
                ssl=context,
                host="127.0.0.1",
                subprotocols=["ocpp2.0.1"],  # type: ignore[list-item]
                additional_headers=extra,
                proxy=None,
            ):
                return 101
        except InvalidStatus as refused:
            return refused.response.status_code


@asynccontextmanager
async def a_door(folder: Path, *, believes: bool = True) -> AsyncIterator[Door]:
    ca = create(folder / "ca", "Site", NOW)
    (folder / "site-ca.pem").write_text(ca.trusted_pem())
    make_server_certificate(folder)
    registry = CollectorRegistry()
    metrics, inbox, revoked = ChargerMetrics(registry), ScriptedInbox(), set[str]()
    fleet = Fleet(inbox, metrics)
    credentials = Credentials(
        {"CS-1": hash_password(PASSWORD), "CS-2": hash_password(PASSWORD), "CS-3": None},
        {"CS-2": Policy(security_profile=2), "CS-3": Policy(security_profile=3)},
    )
    agent = NodeAgent(number=1, folder=folder, environment={})
    settings = OcppServerSettings(
        host="127.0.0.1",
        port=agent.ocpp_port,
        trusted_proxies=(ip_network("127.0.0.1/32"),),
        is_proxy_tls_believed=believes,
    )
    habits = Habits(inbox, metrics, lambda raw: raw, lambda _station_id: UNKNOWN_MODEL)
    server = OcppServer(settings, inbox, lambda: NOW, fleet, credentials, metrics, habits, revoked=revoked)
    nginx = Nginx(folder=folder)
    tls = Nginx(folder=folder)  # its port
    nginx.configure([agent])
    configuration = folder / "nginx.conf"
    configuration.write_text(with_tls(configuration.read_text(), folder, tls.port))
    async with asyncio.TaskGroup() as tasks:
        started: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        serving = tasks.create_task(server.serve(started.set_result))
        await started
        await nginx.start()
        try:
            yield Door(folder, ca, tls.port, nginx.port, agent.ocpp_port, fleet, revoked)
        finally:
            await nginx.stop()
            serving.cancel()


def with_tls(text: str, folder: Path, port: int) -> str:
    """The configuration with its TLS lines, beside the plain port, as the comments in it say."""
    text, count = re.subn(r"(?m)^(\s+)# ((?:listen 443|ssl_)[^#\n]*;)", r"\1\2", text)
    assert count >= 13
    text = text.replace("listen 443 ssl reuseport", f"listen 127.0.0.1:{port} ssl reuseport")
    return text.replace("/etc/ohmstead/tls/", f"{folder}/")


def make_server_certificate(folder: Path) -> None:
    """The door's own, for localhost; where they come from is no matter of the site CA."""
    for suffix, key in (("-rsa", rsa.generate_private_key(65537, 2048)), ("", ec.generate_private_key(ec.SECP256R1()))):
        pem, secret = _served(key)
        (folder / f"fullchain{suffix}.pem").write_bytes(pem)
        (folder / f"key{suffix}.pem").write_bytes(secret)
    (folder / "server.pem").write_bytes(pem)


def _served(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> tuple[bytes, bytes]:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, NOW - timedelta(1), NOW + timedelta(1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return pem, secret


async def test_who_comes_in_and_who_does_not(tmp_path: Path) -> None:
    async with a_door(tmp_path) as door:
        own, serial = door.certificate("CS-3")
        assert await door.enter("CS-3", own) == 101
        assert await door.enter("CS-1", password=True) == 101
        assert await door.enter("CS-1", door.certificate("CS-1")[0]) == 101, "a certificate needs no password"

        # A profile gives way to no lower one.
        assert await door.enter("CS-3") == 401
        assert await door.enter("CS-3", password=True) == 401
        assert await door.enter("CS-2", password=True) == 101
        assert await door.enter("CS-2", password=True, port=door.plain_port) == 401
        assert await door.enter("CS-1", password=True, port=door.plain_port) == 101

        # Another station's certificate, an ended one, and one of another CA with the same name.
        assert await door.enter("CS-3", door.certificate("CS-1")[0]) == 401
        assert await door.enter("CS-3", door.certificate("CS-3", has_ended=True)[0]) == 400
        foreign = create(tmp_path / "foreign", "Site", NOW)
        assert await door.enter("CS-3", door.certificate("CS-3", foreign)[0]) == 400

        door.revoked.add(serial)
        assert await door.enter("CS-3", own) == 401


async def test_what_a_client_writes_of_itself_is_worth_nothing(tmp_path: Path) -> None:
    forged = {
        "X-Forwarded-Proto": "https",
        "X-SSL-Client-Verify": "SUCCESS",
        "X-SSL-Client-S-DN": "CN=CS-3",
        "X-SSL-Client-Serial": "01",
    }
    async with a_door(tmp_path) as door:
        assert await door.enter("CS-3", headers=forged) == 401
        assert await door.enter("CS-3", headers=forged, port=door.plain_port) == 401
        assert await door.enter("CS-2", headers=forged, password=True, port=door.plain_port) == 401


async def test_a_proxy_is_not_believed_about_certificates_unless_it_is_meant_to_be(tmp_path: Path) -> None:
    """One that was only trusted for its X-Forwarded-For may pass on what a client writes."""
    async with a_door(tmp_path, believes=False) as door:
        own, _ = door.certificate("CS-3")
        assert await door.enter("CS-3", own) == 401
        assert await door.enter("CS-1", password=True) == 101
