"""Certificates: requested, taken or refused, installed, listed, deleted."""

from __future__ import annotations

from typing import Any

import pytest

from firmware_sim import crypto
from firmware_sim.messages import Answered, Said, SaidAnswer, Triggered
from firmware_sim.orders import KeyMade, MakeKey
from firmware_sim.settings import OcppVersion
from tests.firmware_sim.certificates import authority
from tests.firmware_sim.desk import LiveDesk

versions = pytest.mark.parametrize("version", list(OcppVersion))
ROOTS = {
    OcppVersion.V16: "CentralSystemRootCertificate",
    OcppVersion.V201: "CSMSRootCertificate",
    OcppVersion.V21: "CSMSRootCertificate",
}


def request_certificate(desk: LiveDesk) -> str:
    """Let it ask for a certificate; the request."""
    is_16 = desk.version is OcppVersion.V16
    what = "SignChargePointCertificate" if is_16 else "SignChargingStationCertificate"
    assert desk.ask(Triggered(what=what, is_extended=is_16)) == "Accepted"
    job = desk.of(MakeKey)[-1]
    key, csr = crypto.new_key_and_csr(job.common_name, job.organization)
    desk.happens(KeyMade(use=job.use, key=key, csr=csr))
    return str(desk.said("SignCertificate")[-1]["csr"])


def hashes(desk: LiveDesk, kind: str) -> list[dict[str, Any]]:
    if desk.version is OcppVersion.V16:
        return list(desk.request("GetInstalledCertificateIds", certificateType=kind).get("certificateHashData", ()))
    told = desk.request("GetInstalledCertificateIds", certificateType=[kind])
    return [each["certificateHashData"] for each in told.get("certificateHashDataChain", ())]


@versions
def test_a_certificate_from_request_to_use(version: OcppVersion) -> None:
    root = authority()
    desk = LiveDesk(version)
    desk.request("InstallCertificate", certificateType=ROOTS[version], certificate=root.pem)
    chain = root.sign_request(request_certificate(desk))
    assert desk.request("CertificateSigned", certificateChain=chain) == {"status": "Accepted"}
    assert desk.charger.certificates.own_chains["ChargingStationCertificate"] == chain


@versions
def test_what_is_not_for_its_key_or_not_from_its_root_is_refused(version: OcppVersion) -> None:
    root, foreign = authority(), authority("another")
    desk = LiveDesk(version)
    desk.request("InstallCertificate", certificateType=ROOTS[version], certificate=root.pem)
    unasked = root.sign_request(crypto.new_key_and_csr("X", "")[1])
    assert desk.request("CertificateSigned", certificateChain=unasked) == {"status": "Rejected"}
    csr = request_certificate(desk)
    assert desk.request("CertificateSigned", certificateChain=unasked) == {"status": "Rejected"}
    assert desk.request("CertificateSigned", certificateChain=foreign.sign_request(csr)) == {"status": "Rejected"}
    assert desk.request("CertificateSigned", certificateChain="no certificate") == {"status": "Rejected"}
    assert len(desk.said("SecurityEventNotification")) == 4
    assert desk.request("CertificateSigned", certificateChain=root.sign_request(csr)) == {"status": "Accepted"}


@versions
def test_a_request_that_is_refused_is_not_waited_for(version: OcppVersion) -> None:
    root = authority()
    desk = LiveDesk(version)
    csr = request_certificate(desk)
    said = next(each for each in desk.of(Said) if each.action == "SignCertificate")
    desk.happens(Answered(message=said, answer=SaidAnswer(payload={"status": "Rejected"})))
    assert desk.request("CertificateSigned", certificateChain=root.sign_request(csr)) == {"status": "Rejected"}


@versions
def test_roots_installed_listed_and_deleted(version: OcppVersion) -> None:
    desk = LiveDesk(version)
    kind = ROOTS[version]
    install = {"certificateType": kind, "certificate": authority().pem}
    assert hashes(desk, kind) == []
    assert desk.request("InstallCertificate", **install) == {"status": "Accepted"}
    assert desk.request("InstallCertificate", **install) == {"status": "Accepted"}
    bad = desk.request("InstallCertificate", certificateType=kind, certificate="nonsense")
    assert bad == {"status": "Rejected"}
    (hash_data,) = hashes(desk, kind)
    assert desk.request("DeleteCertificate", certificateHashData=hash_data) == {"status": "Accepted"}
    assert desk.request("DeleteCertificate", certificateHashData=hash_data) == {"status": "NotFound"}


def test_the_hash_is_of_the_key_alone() -> None:
    """As OCSP has it: the bits of the public key, without algorithm; checked against cryptography's own OCSP."""
    from cryptography.hazmat.primitives import hashes as algorithms
    from cryptography.x509 import load_pem_x509_certificate, ocsp

    pem = authority().pem
    certificate = load_pem_x509_certificate(pem.encode())
    request = ocsp.OCSPRequestBuilder().add_certificate(certificate, certificate, algorithms.SHA256()).build()
    told = crypto.hash_data(pem)
    assert told is not None
    assert told["issuer_key_hash"] == request.issuer_key_hash.hex()
    assert told["issuer_name_hash"] == request.issuer_name_hash.hex()
    assert told["serial_number"] == f"{request.serial_number:x}"
