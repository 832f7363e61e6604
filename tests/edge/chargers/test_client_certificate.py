"""What is believed of a proxy's word about a station's certificate, and what each security profile asks for."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from edge.chargers.attempts import Attempts
from edge.chargers.charger_metrics import ChargerMetrics
from edge.chargers.client_certificate import NOTHING, Proof, proof_of, read_common_name
from edge.chargers.credentials import Credentials, Policy, hash_password
from edge.chargers.handshake import Admitted, Gate, Turned
from tests.edge.chargers.scripted import PASSWORD, basic

PROXY = (ip_network("127.0.0.1"),)
TLS = Proof(is_tls=True)


def headers(**changes: list[str]) -> dict[str, list[str]]:
    return {
        "X-Forwarded-Proto": ["https"],
        "X-SSL-Client-Verify": ["SUCCESS"],
        "X-SSL-Client-S-DN": ["CN=CS-1,O=Test"],
        "X-SSL-Client-Serial": ["0A1B"],
    } | {name.replace("_", "-"): value for name, value in changes.items()}


def test_a_trusted_proxys_word_is_proof() -> None:
    assert proof_of("127.0.0.1", headers(), PROXY) == Proof(is_tls=True, common_name="CS-1", serial_number="0A1B")


@pytest.mark.parametrize("peer", ["192.0.2.1", "", "::1", "nonsense"])
def test_nobody_elses_is(peer: str) -> None:
    assert proof_of(peer, headers(), PROXY) == NOTHING


@pytest.mark.parametrize(
    "verify", [["NONE"], ["FAILED:certificate has expired"], [], ["SUCCESS", "SUCCESS"], ["success"]]
)
def test_a_certificate_that_was_not_verified_is_none(verify: list[str]) -> None:
    assert proof_of("127.0.0.1", headers(X_SSL_Client_Verify=verify), PROXY) == TLS


def test_a_header_that_came_twice_names_nobody() -> None:
    proof = proof_of("127.0.0.1", headers(**{"X-SSL-Client-S-DN": ["CN=CS-1", "CN=CS-2"]}), PROXY)
    assert proof.common_name == ""


def test_without_tls_there_is_no_certificate() -> None:
    assert proof_of("127.0.0.1", headers(**{"X-Forwarded-Proto": ["http"]}), PROXY) == NOTHING


@pytest.mark.parametrize(
    ("subject", "name"),
    [
        ("CN=CS-1,O=Test", "CS-1"),
        ("O=Test,CN=CS-1", "CS-1"),
        ("cn=CS-1", "CS-1"),
        ("2.5.4.3=CS-1", "CS-1"),
        ("O=Test+CN=CS-1", "CS-1"),
        (r"CN=CS\,1,O=CN=CS-2", "CS,1"),
        (r"O=a\,CN=CS-2,CN=CS-1", "CS-1"),
        (r"CN=\C3\84,O=x", "Ä"),
        ("CN=CS-1,CN=CS-2", None),
        ("O=Test", None),
        ("CN=#0402", None),
        ("CN=\\", None),
        (r"CN=\FF", None),
        ("", None),
    ],
)
def test_the_common_name_of_a_distinguished_name(subject: str, name: str | None) -> None:
    assert read_common_name(subject) == name


@given(st.text(min_size=1, max_size=40), st.text(min_size=1, max_size=40))
def test_any_name_is_read_as_it_was_written_and_no_other(name: str, organization: str) -> None:
    """`rfc4514_string` escapes as RFC 2253 does."""
    try:
        attributes = [
            x509.NameAttribute(NameOID.COMMON_NAME, name),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization),
        ]
        subject = x509.Name(attributes).rfc4514_string()
    except ValueError:
        return
    assert read_common_name(subject) == name


@given(st.text(alphabet='CNcn=,+\\#" O1aF', max_size=40))
def test_any_subject_is_read_without_a_fault(subject: str) -> None:
    read_common_name(subject)


# --- the gate ---


def gate(profile: int, *, name: str | None = None, revoked: frozenset[str] = frozenset()) -> Gate:
    hashes = {"CS-1": None if profile == 3 else hash_password(PASSWORD), "CS-2": hash_password(PASSWORD)}
    credentials = Credentials(hashes, {"CS-1": Policy(security_profile=profile, certificate_name=name)})
    metrics = ChargerMetrics(CollectorRegistry())
    return Gate(credentials, Attempts(), metrics, lambda: 0.0, allow_unknown=False, revoked=revoked)


def certificate(name: str = "CS-1", serial: str = "0A") -> Proof:
    return Proof(is_tls=True, common_name=name, serial_number=serial)


def enters(door: Gate, proof: Proof = NOTHING, password: str | None = PASSWORD) -> bool:
    authorization = basic("CS-1", password)["Authorization"] if password else None
    outcome = door.admit("192.0.2.1", "/CS-1", authorization, ["ocpp1.6"], proof)
    if isinstance(outcome, Turned):
        assert outcome.status == 401
        return False
    assert isinstance(outcome, Admitted)
    assert outcome.is_known
    return True


@pytest.mark.parametrize(
    ("profile", "plain", "over_tls", "by_certificate"),
    [(1, True, True, True), (2, False, True, True), (3, False, False, True)],
)
def test_a_security_profile_gives_way_to_no_lower_one(
    profile: int, plain: bool, over_tls: bool, by_certificate: bool
) -> None:
    door = gate(profile)
    assert enters(door) is plain
    assert enters(door, TLS) is over_tls
    assert enters(door, certificate(), None) is by_certificate
    assert not enters(door, TLS, None)


@pytest.mark.parametrize("profile", [1, 2, 3])
def test_a_certificate_of_another_name_is_refused_whatever_the_password(profile: int) -> None:
    assert not enters(gate(profile), certificate("CS-2"))
    assert not enters(gate(profile), certificate(""))


@pytest.mark.parametrize("profile", [1, 2, 3])
def test_a_revoked_certificate_is_refused_whatever_the_password(profile: int) -> None:
    assert not enters(gate(profile, revoked=frozenset({"0A"})), certificate())
    assert not enters(gate(profile), certificate(serial="")), "whether it was revoked cannot be told"


def test_the_name_may_be_another_than_the_id_where_the_settings_say_so() -> None:
    door = gate(3, name="SN-77")
    assert enters(door, certificate("SN-77"))
    assert not enters(door, certificate("CS-1"))


def test_a_certificate_for_an_id_that_nobody_knows_lets_nobody_in() -> None:
    outcome = gate(3).admit("192.0.2.1", "/CS-9", None, ["ocpp1.6"], certificate("CS-9"))
    assert isinstance(outcome, Turned)
