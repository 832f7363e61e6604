"""OCPP 2.0.1 functional blocks A and M: certificates asked for, signed, installed, counted and taken away, and what
stations tell of their security."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from protocols.charger.events import SecurityEventReported, SigningRequested
from protocols.charger.operations.certificates import (
    CertificateHash,
    DeleteCertificate,
    GetInstalledCertificateIds,
    InstallCertificate,
    SendSignedCertificate,
)
from protocols.ocpp.dialect import Payload, Result
from protocols.ocpp.outcome import read_status
from protocols.ocpp.reading import given, read_block, read_stamp, read_text
from protocols.ocpp.v201.datatypes import part, parts
from protocols.ocpp.writing import filled


def read_security_event(station_id: str, payload: Any) -> SecurityEventReported:
    """A04 SecurityEventNotificationRequest."""
    return SecurityEventReported(
        station_id=station_id,
        type=read_text(payload.type) or "",
        at=read_stamp(payload.timestamp),
        tech_info=read_block(given(payload.techInfo)),
    )


def read_sign_certificate(station_id: str, payload: Any) -> SigningRequested:
    """A02 SignCertificateRequest."""
    return SigningRequested(
        station_id=station_id,
        csr=read_block(payload.csr) or "",
        certificate_type=given(payload.certificateType, "ChargingStationCertificate"),
    )


def write_certificate_signed(operation: SendSignedCertificate) -> Payload:
    """A02 CertificateSignedRequest."""
    return {"certificateChain": operation.certificate_chain, "certificateType": operation.certificate_type}


def write_install_certificate(operation: InstallCertificate) -> Payload:
    """M05 InstallCertificateRequest."""
    return {"certificateType": operation.certificate_type, "certificate": operation.certificate}


def write_get_installed_certificate_ids(operation: GetInstalledCertificateIds) -> Payload:
    """M03 GetInstalledCertificateIdsRequest."""
    return filled(certificateType=list(operation.certificate_types) or None)


def read_get_installed_certificate_ids(operation: GetInstalledCertificateIds, answers: Sequence[Payload]) -> Result:
    """M03 GetInstalledCertificateIdsResponse; NotFound is an answer, too."""
    if answers[0].get("status") == "NotFound":
        return Result(is_accepted=True, result={"certificates": []})
    told = read_status(operation, answers)
    if not told.is_accepted:
        return told
    certificates = [
        {
            "certificate_type": read_text(chain.get("certificateType")),
            **_told_hash(part(chain, "certificateHashData")),
            "children": [_told_hash(child) for child in parts(chain, "childCertificateHashData")],
        }
        for chain in parts(answers[0], "certificateHashDataChain")
    ]
    return Result(is_accepted=True, detail=told.detail, result={"certificates": certificates})


def write_delete_certificate(operation: DeleteCertificate) -> Payload:
    """M04 DeleteCertificateRequest."""
    return {"certificateHashData": write_certificate_hash(operation.certificate)}


def write_certificate_hash(certificate: CertificateHash) -> Payload:
    """CertificateHashDataType."""
    return {
        "hashAlgorithm": certificate.hash_algorithm,
        "issuerNameHash": certificate.issuer_name_hash,
        "issuerKeyHash": certificate.issuer_key_hash,
        "serialNumber": certificate.serial_number,
    }


def _told_hash(data: Payload) -> Payload:
    return {
        "hash_algorithm": read_text(data.get("hashAlgorithm")),
        "issuer_name_hash": read_text(data.get("issuerNameHash")),
        "issuer_key_hash": read_text(data.get("issuerKeyHash")),
        "serial_number": read_text(data.get("serialNumber")),
    }
