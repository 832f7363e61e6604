"""The certification cases of OCPP 2.0.1 for a CSMS, block A, as far as they need TLS or certificates.

TLS is spoken by a real nginx before the agent, configured as deploy/nginx ships it. TC_A_05, TC_A_15 and TC_A_20 to
TC_A_23 are cases of charging stations.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from edge.certificates import authority, authority_files
from edge.certificates.signing_requests import read_csr
from edge.ledger.database import open_reader
from protocols.ocpp.version import Version
from tests.edge.certificates.pki import csr_of
from tests.edge.conformance.charge_point import ChargePoint, charge_point
from tests.edge.conformance.running_agent import PASSWORD, PATIENCE_S, RunningAgent
from tests.edge.conformance.steps_16 import stamp
from tests.edge.conformance.steps_201 import booted
from tests.edge.conformance.tls_door import Door, key_pem, new_authority, tls_door
from tests.journeys.node import nginx_program
from tests.kit import wait_until

pytestmark = pytest.mark.skipif(
    nginx_program() is None, reason="no nginx on this machine (apt-get install nginx-light)"
)

V201 = Version.V201
SUITES = (
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "AES128-GCM-SHA256",
    "AES256-GCM-SHA384",
)
"""What a CSMS has to support, A00.FR.318 and A00.FR.421, as OpenSSL writes it."""
TWO, THREE = "security_profile = 2", "security_profile = 3"
OF_STATION = {
    **dict.fromkeys(("TC_A_04_2", "TC_A_06_2", "TC_A_19_2"), TWO),
    **dict.fromkeys(("TC_A_04_3", "TC_A_06_3", "TC_A_07", "TC_A_08", "TC_A_11", "TC_A_14"), THREE),
    "TC_A_12": 'security_profile = 3\nsecc_ids = ["DEOHME1"]',
}
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def now() -> datetime:
    return datetime.now(UTC)  # noqa: TID251 - TLS knows no other clock


def prepared(folder: Path) -> str:
    """A sub-CA under a V2G root, for what the station shows to vehicles."""
    authority.create(folder / "v2g", "V2G", now())
    return f'\n[iso15118]\nv2g_ca_file = "{folder}/v2g/issuing.pem"\nv2g_ca_key_file = "{folder}/v2g/issuing.key"\n'


@pytest.fixture(scope="module")
def door(agent: RunningAgent, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    with tls_door(agent, tmp_path_factory.mktemp("door")) as opened:
        yield opened


def site_ca(agent: RunningAgent) -> authority.Authority:
    folder = authority_files.folder_of(agent.data)
    return authority.load(folder / authority_files.ISSUER, folder / authority_files.ISSUER_KEY)


def certified(
    by: authority.Authority, name: str, folder: Path, key: Key | None = None, *, ago: timedelta = timedelta()
) -> Path:
    """A certificate of the name, good for a day, made so long ago: with its chain and its key in a file."""
    secret = key or ec.generate_private_key(ec.SECP256R1())
    signed = by.sign(read_csr(csr_of(name, secret)), name, now() - ago, timedelta(days=1))
    path = folder / f"{signed.serial_number}.pem"
    path.write_text(signed.chain + key_pem(secret))
    return path


async def ready(point: ChargePoint) -> None:
    """States Booted and Available, told in both ways that there are."""
    station = {"model": "CS", "vendorName": "Conformance", "serialNumber": point.station_id[:25]}
    answer = await point.call("BootNotification", reason="PowerUp", chargingStation=station)
    assert answer["status"] == "Accepted"
    available = {"timestamp": stamp(), "connectorStatus": "Available", "evseId": 1, "connectorId": 1}
    assert await point.call("StatusNotification", **available) == {}
    event = {
        "eventId": 1,
        "timestamp": stamp(),
        "trigger": "Delta",
        "actualValue": "Available",
        "eventNotificationType": "HardWiredNotification",
        "component": {"name": "Connector", "evse": {"id": 1, "connectorId": 1}},
        "variable": {"name": "AvailabilityState"},
    }
    assert await point.call("NotifyEvent", generatedAt=stamp(), seqNo=0, eventData=[event]) == {}


async def turned_away(agent: RunningAgent, station_id: str, *statuses: int, **how: Any) -> None:
    """The handshake of HTTP is refused, and the station not let in."""
    with pytest.raises(InvalidStatus) as refused:
        async with charge_point(agent, station_id, V201, **how):
            pass
    assert refused.value.response.status_code in (statuses or (401,))


async def handshake(door: Door, context: ssl.SSLContext) -> ssl.SSLObject:
    """What both sides have agreed upon. Raises SSLError where they do not."""
    _, writer = await asyncio.open_connection("localhost", door.port, ssl=context)
    agreed: ssl.SSLObject = writer.get_extra_info("ssl_object")
    writer.close()
    return agreed


# --- who the station is ---


async def test_tc_a_02_basic_authentication_username_is_not_the_station(agent: RunningAgent, case: str) -> None:
    """The right password under another name; TC_A_03 a wrong one is in test_201_upkeep_cases."""
    for username in ("TC_A_07", case.lower(), "", f"{case} "):
        basic = base64.b64encode(f"{username}:{PASSWORD}".encode()).decode()
        with pytest.raises(InvalidStatus) as refused:
            await connect(
                f"ws://127.0.0.1:{agent.ocpp_port}/{case}",
                subprotocols=[Subprotocol("ocpp2.0.1")],
                additional_headers={"Authorization": f"Basic {basic}"},
                proxy=None,
            )
        assert refused.value.response.status_code == 401
    async with charge_point(agent, case, V201) as point:
        await ready(point)


# --- who the site is ---


async def expect_good_server(door: Door, chain: Path | None = None) -> None:
    """TLS 1.2 or newer, not compressed, in each suite that the standard asks for, with a certificate of this host."""
    for suite in (*SUITES, None):
        agreed = await handshake(door, door.client(suite=suite, chain=chain))
        assert agreed.version() == ("TLSv1.3" if suite is None else "TLSv1.2")
        cipher = agreed.cipher()
        assert cipher is not None
        assert suite in (None, cipher[0])
        assert cipher[2] >= 128
        assert agreed.compression() is None
        shown = agreed.getpeercert(binary_form=True)
        assert shown is not None
        certificate = x509.load_der_x509_certificate(shown)
        assert certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == "localhost"
        assert certificate.serial_number > 0
        key = certificate.public_key()
        assert isinstance(key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey)
        assert key.key_size >= (2048 if isinstance(key, rsa.RSAPublicKey) else 224)
    stranger = Door(port=door.port, authority=new_authority())
    with pytest.raises(ssl.SSLError, match="CERTIFICATE_VERIFY_FAILED"):
        await handshake(door, stranger.client())


async def test_tc_a_04_2_tls_server_side_certificate_valid(agent: RunningAgent, case: str, door: Door) -> None:
    """Security profile 2; a station that trusts another authority stays away by itself."""
    await expect_good_server(door)
    for suite in SUITES:
        async with charge_point(agent, case, V201, port=door.port, tls=door.client(suite=suite)) as point:
            await ready(point)
    await turned_away(agent, case)


async def test_tc_a_04_3_tls_server_side_certificate_valid(
    agent: RunningAgent, case: str, door: Door, tmp_path: Path
) -> None:
    """Security profile 3."""
    chain = certified(site_ca(agent), case, tmp_path)
    await expect_good_server(door, chain)
    tls = door.client(chain=chain)
    async with charge_point(agent, case, V201, password=None, port=door.port, tls=tls) as point:
        await ready(point)


async def expect_nothing_weak(door: Door, chain: Path | None = None) -> None:
    for version in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
        with pytest.raises(ssl.SSLError, match="PROTOCOL_VERSION"):
            await handshake(door, door.client(highest=version, chain=chain))


async def test_tc_a_06_2_tls_version_too_low(agent: RunningAgent, case: str, door: Door) -> None:
    """Security profile 2."""
    await expect_nothing_weak(door)
    tls = door.client(highest=ssl.TLSVersion.TLSv1_2)
    async with charge_point(agent, case, V201, port=door.port, tls=tls) as point:
        await ready(point)


async def test_tc_a_06_3_tls_version_too_low(agent: RunningAgent, case: str, door: Door, tmp_path: Path) -> None:
    """Security profile 3."""
    chain = certified(site_ca(agent), case, tmp_path)
    await expect_nothing_weak(door, chain)
    tls = door.client(highest=ssl.TLSVersion.TLSv1_2, chain=chain)
    async with charge_point(agent, case, V201, password=None, port=door.port, tls=tls) as point:
        await ready(point)


@pytest.mark.parametrize(
    "suite", ["AES128-SHA", "AES256-SHA256", "ECDHE-ECDSA-AES128-SHA", "ECDHE-RSA-AES256-SHA384", "NULL-SHA256"]
)
async def test_also_weak_cipher_suites(door: Door, suite: str) -> None:
    """A00.FR.320: what was not made for today is not spoken, whatever the version."""
    with pytest.raises(ssl.SSLError, match="HANDSHAKE_FAILURE"):
        await handshake(door, door.client(suite=suite))


# --- the station's certificate ---


@pytest.mark.parametrize("kind", ["ECDSA", "RSA"])
async def test_tc_a_07_tls_client_side_certificate_valid(
    agent: RunningAgent, case: str, door: Door, tmp_path: Path, kind: str
) -> None:
    key = ec.generate_private_key(ec.SECP256R1()) if kind == "ECDSA" else rsa.generate_private_key(65537, 2048)
    chain = certified(site_ca(agent), case, tmp_path, key)
    for suite in (*SUITES, None):
        tls = door.client(chain=chain, suite=suite)
        async with charge_point(agent, case, V201, password=None, port=door.port, tls=tls) as point:
            await ready(point)


async def test_tc_a_08_tls_client_side_certificate_invalid(
    agent: RunningAgent, case: str, door: Door, tmp_path: Path
) -> None:
    """Unknown, expired, of another name, revoked, or none at all; the right one gets in all the same."""
    ca = site_ca(agent)
    foreign = authority.create(tmp_path / "foreign", "Certification Lot", now())
    unknown, another = certified(foreign, case, tmp_path), certified(ca, "TC_A_07", tmp_path)
    expired = certified(ca, case, tmp_path, ago=timedelta(days=2))
    good = certified(ca, case, tmp_path)
    for chain, status in ((unknown, 400), (expired, 400), (another, 401), (None, 401)):
        await turned_away(agent, case, status, port=door.port, tls=door.client(chain=chain))
    async with charge_point(agent, case, V201, password=None, port=door.port, tls=door.client(chain=good)) as point:
        await ready(point)
        told = await agent.run("certificates", "revoke", case, good.stem)
        assert told.status == 0, told.errors
    for password in (PASSWORD, None):
        await turned_away(agent, case, password=password, port=door.port, tls=door.client(chain=good))
    newer = certified(ca, case, tmp_path)
    async with charge_point(agent, case, V201, password=None, port=door.port, tls=door.client(chain=newer)) as point:
        await ready(point)


async def asked_to_renew(agent: RunningAgent, point: ChargePoint, message: str, kind: str | None, csr: str) -> Any:
    """State RenewChargingStationCertificate: what the station is sent."""
    raw = await agent.call(point.station_id, "TriggerMessage", {"requestedMessage": message})
    assert raw.result == {"status": "Accepted"}
    assert await point.asked("TriggerMessage") == {"requestedMessage": message}
    more = {} if kind is None else {"certificateType": kind}
    assert await point.call("SignCertificate", csr=csr, **more) == {"status": "Accepted"}
    return await point.asked("CertificateSigned")


@pytest.mark.parametrize("is_new_key_rsa", [False, True])
async def test_tc_a_11_update_charging_station_certificate(
    agent: RunningAgent, case: str, door: Door, tmp_path: Path, is_new_key_rsa: bool
) -> None:
    """The new one is for the new key, under the site's root, and the station comes with it."""
    old = certified(site_ca(agent), case, tmp_path)
    key = rsa.generate_private_key(65537, 2048) if is_new_key_rsa else ec.generate_private_key(ec.SECP256R1())
    async with charge_point(agent, case, V201, password=None, port=door.port, tls=door.client(chain=old)) as point:
        await ready(point)
        csr = csr_of(case, key)
        sent = await asked_to_renew(agent, point, "SignChargingStationCertificate", "ChargingStationCertificate", csr)
        assert list(sent) == ["certificateChain", "certificateType"]
        assert sent["certificateType"] == "ChargingStationCertificate"
    leaf, issuer = x509.load_pem_x509_certificates(sent["certificateChain"].encode())
    leaf.verify_directly_issued_by(issuer)
    issuer.verify_directly_issued_by(site_ca(agent).root)
    assert leaf.public_key() == key.public_key()
    (tmp_path / "new.pem").write_text(sent["certificateChain"] + key_pem(key))
    tls = door.client(chain=tmp_path / "new.pem")
    async with charge_point(agent, case, V201, password=None, port=door.port, tls=tls) as point:
        await ready(point)


@pytest.mark.parametrize("name", ["TC_A_12", "DEOHME1"])
async def test_tc_a_12_update_v2g_certificate(
    agent: RunningAgent, case: str, door: Door, tmp_path: Path, name: str
) -> None:
    """Signed by the sub-CA of the V2G root; what is good before a vehicle lets nobody in here."""
    key, own = ec.generate_private_key(ec.SECP256R1()), certified(site_ca(agent), case, tmp_path)
    async with charge_point(agent, case, V201, password=None, port=door.port, tls=door.client(chain=own)) as point:
        await ready(point)
        sent = await asked_to_renew(agent, point, "SignV2GCertificate", "V2GCertificate", csr_of(name, key))
        assert sent["certificateType"] == "V2GCertificate"
    leaf, issuer = x509.load_pem_x509_certificates(sent["certificateChain"].encode())
    leaf.verify_directly_issued_by(issuer)
    root = x509.load_pem_x509_certificates((agent.data.parent / "v2g" / "root.pem").read_bytes())[0]
    issuer.verify_directly_issued_by(root)
    assert (leaf.public_key(), leaf.public_key_algorithm_oid) == (key.public_key(), issuer.public_key_algorithm_oid)
    assert leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == name
    (tmp_path / "secc.pem").write_text(sent["certificateChain"] + key_pem(key))
    await turned_away(agent, case, 400, port=door.port, tls=door.client(chain=tmp_path / "secc.pem"))


async def test_tc_a_14_update_charging_station_certificate_invalid(
    agent: RunningAgent, case: str, door: Door, tmp_path: Path
) -> None:
    """The station takes no pleasure in it: an alarm, and the one before goes on."""
    old = certified(site_ca(agent), case, tmp_path)
    tls = door.client(chain=old)
    async with charge_point(agent, case, V201, password=None, port=door.port, tls=tls) as point:
        await ready(point)
        point.answers["CertificateSigned"] = {"status": "Rejected"}
        message, kind = "SignChargingStationCertificate", "ChargingStationCertificate"
        sent = await asked_to_renew(agent, point, message, kind, csr_of(case))
        assert sent["certificateType"] == kind
        event = {"type": "InvalidChargingStationCertificate", "timestamp": stamp()}
        assert await point.call("SecurityEventNotification", **event) == {}
        assert f"certificate_refused:{case}" in (await agent.run("alarms", "list")).output
    async with charge_point(agent, case, V201, password=None, port=door.port, tls=tls) as point:
        await booted(point)


async def test_also_requests_that_are_not_signed(agent: RunningAgent, case: str) -> None:
    """A02.FR.02 onwards: what cannot be read, is not signed with its own key, names another station or is weak."""
    good = csr_of(case)
    der = bytearray(x509.load_pem_x509_csr(good.encode()).public_bytes(serialization.Encoding.DER))
    der[-1] ^= 1
    forged = x509.load_der_x509_csr(bytes(der)).public_bytes(serialization.Encoding.PEM).decode()
    weak = csr_of(case, rsa.generate_private_key(65537, 1024))  # noqa: S505 - that is the point
    async with charge_point(agent, case, V201) as point:
        await booted(point)
        for csr in ("no request", forged, csr_of("TC_A_07"), weak):
            answer = await point.call("SignCertificate", csr=csr, certificateType="ChargingStationCertificate")
            assert answer["status"] == "Rejected"
            assert next(iter(answer["statusInfo"])) == "reasonCode"
        for attempt in range(2):  # said again before an answer came, it is one request
            assert await point.call("SignCertificate", csr=good) == {"status": "Accepted"}, attempt
        assert "BEGIN CERTIFICATE" in (await point.asked("CertificateSigned"))["certificateChain"]


async def test_also_renewal_begun_by_the_station(agent: RunningAgent, case: str) -> None:
    """A03, A02.FR.17: it asks by itself, and once more when what it was sent did it no good; the last one counts."""
    key = ec.generate_private_key(ec.SECP256R1())
    request = {"csr": csr_of(case, key), "certificateType": "ChargingStationCertificate"}
    async with charge_point(agent, case, V201) as point:
        await booted(point)
        point.errors["CertificateSigned"] = ("InternalError", "no room", {})
        assert await point.call("SignCertificate", **request) == {"status": "Accepted"}
        first = await point.asked("CertificateSigned")
        await wait_until(lambda: f"certificate_refused:{case}" in alarms(agent), PATIENCE_S)
        del point.errors["CertificateSigned"]
        assert await point.call("SignCertificate", **request) == {"status": "Accepted"}
        second = await point.asked("CertificateSigned")
        assert second["certificateChain"] != first["certificateChain"]
        await wait_until(lambda: f"certificate_refused:{case}" not in alarms(agent), PATIENCE_S)
    leaf = x509.load_pem_x509_certificate(second["certificateChain"].encode())
    told = json.loads((await agent.run("certificates", "list", case, "--json")).output)
    in_use = [each["serial_number"] for each in told["issued"] if each["accepted_at"]]
    assert in_use == [authority.serial_of(leaf)]


def alarms(agent: RunningAgent) -> set[str]:
    """What is open in the ledger."""
    with contextlib.closing(open_reader(agent.data / "ledger.sqlite")) as ledger:
        return {alarm_id for (alarm_id,) in ledger.execute("SELECT alarm_id FROM alarms")}


# --- the security profile ---


async def raised(agent: RunningAgent, point: ChargePoint, profile: int) -> None:
    """Steps 1 to 6 of TC_A_19: a network profile in a slot, put in force, and a reset; all by hand."""
    data = {
        "ocppVersion": "OCPP20",
        "ocppTransport": "JSON",
        "ocppCsmsUrl": "wss://localhost/",
        "messageTimeout": 30,
        "securityProfile": profile,
        "ocppInterface": "Wired0",
    }
    name = {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "NetworkConfigurationPriority"}}
    point.answers["SetVariables"] = {"setVariableResult": [{"attributeStatus": "RebootRequired", **name}]}
    calls: list[tuple[str, dict[str, Any]]] = [
        ("SetNetworkProfile", {"configurationSlot": profile, "connectionData": data}),
        ("SetVariables", {"setVariableData": [{"attributeValue": f"{profile},0", **name}]}),
        ("Reset", {"type": "Immediate"}),
    ]
    for action, payload in calls:
        raw = await agent.call(point.station_id, action, payload)
        assert raw.problem is None
        asked = await point.asked(action)
        assert asked == payload
        assert list(asked) == list(payload)


async def test_tc_a_19_1_upgrade_security_profile(agent: RunningAgent, case: str, door: Door) -> None:
    """From 1 to 2. Before the station has come with the new one, the old one is good."""
    async with charge_point(agent, case, V201) as point:
        await ready(point)
        await raised(agent, point, 2)
    async with charge_point(agent, case, V201):
        pass
    for _ in range(2):
        async with charge_point(agent, case, V201, port=door.port, tls=door.client()) as point:
            await ready(point)
        await turned_away(agent, case)


async def test_tc_a_19_2_upgrade_security_profile(agent: RunningAgent, case: str, door: Door, tmp_path: Path) -> None:
    """From 2 to 3, with a certificate of the site; no call takes it back, and staff can."""
    key = ec.generate_private_key(ec.SECP256R1())
    async with charge_point(agent, case, V201, port=door.port, tls=door.client()) as point:
        await ready(point)
        message, kind = "SignChargingStationCertificate", "ChargingStationCertificate"
        sent = await asked_to_renew(agent, point, message, kind, csr_of(case, key))
        await raised(agent, point, 3)
    (tmp_path / "own.pem").write_text(sent["certificateChain"] + key_pem(key))
    tls = door.client(chain=tmp_path / "own.pem")
    for _ in range(2):
        async with charge_point(agent, case, V201, password=None, port=door.port, tls=tls) as point:
            await ready(point)
            await raised(agent, point, 2)
        await turned_away(agent, case, port=door.port, tls=door.client())
    told = await agent.run("stations", "forget-profile", case)
    assert (told.status, "security profile 2" in told.output) == (0, True)
    await turned_away(agent, case)
    async with charge_point(agent, case, V201, port=door.port, tls=door.client()) as point:
        await ready(point)
