"""The security extension of OCPP 1.6 (OCA white paper "Improved security for OCPP 1.6-J"): SecurityEventNotification
(A04), SignCertificate and CertificateSigned (A02), InstallCertificate (M05), GetInstalledCertificateIds (M03),
DeleteCertificate (M04)."""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType
from typing import Any, Final

from protocols.charger.commands import Judged, Reply
from protocols.charger.events import SecurityEventReported, SigningRequested
from protocols.charger.operations.certificates import (
    DeleteCertificate,
    GetInstalledCertificateIds,
    InstallCertificate,
    SendSignedCertificate,
)
from protocols.errors import BadText
from protocols.ocpp.dialect import Calls, Payload, Result, expect
from protocols.ocpp.reading import read_block, read_stamp, read_text

_USES: Final = MappingProxyType(
    {
        "CSMSRootCertificate": "CentralSystemRootCertificate",
        "ManufacturerRootCertificate": "ManufacturerRootCertificate",
    }
)
"""CertificateUseEnumType by 2.0.1's words; the others are of ISO 15118, which 1.6 has in vendors' DataTransfer."""
_HASHES: Final = MappingProxyType(
    {
        "hash_algorithm": "hashAlgorithm",
        "issuer_name_hash": "issuerNameHash",
        "issuer_key_hash": "issuerKeyHash",
        "serial_number": "serialNumber",
    }
)
"""CertificateHashDataType, by the names of CertificateHash."""


def read_security_event(station_id: str, payload: Any) -> SecurityEventReported:
    """SecurityEventNotification.req."""
    return SecurityEventReported(
        station_id=station_id,
        type=read_text(payload.type) or "",
        at=read_stamp(payload.timestamp),
        tech_info=read_text(payload.techInfo),
    )


def read_sign_certificate(station_id: str, payload: Any) -> SigningRequested:
    """SignCertificate.req. The request's line breaks are kept."""
    return SigningRequested(station_id=station_id, csr=read_block(payload.csr) or "")


def render_sign_certificate(reply: Reply) -> Payload:
    """SignCertificate.conf."""
    return {"status": "Accepted" if expect(reply, Judged).is_accepted else "Rejected"}


def render_certificate_signed(send: SendSignedCertificate) -> Calls:
    """CertificateSigned.req. Raises BadText for a certificate of ISO 15118."""
    if send.certificate_type != "ChargingStationCertificate":
        raise BadText(f"OCPP 1.6 has no {send.certificate_type}; expected ChargingStationCertificate")
    return [("CertificateSigned", {"certificateChain": send.certificate_chain})]


def render_install_certificate(install: InstallCertificate) -> Calls:
    """InstallCertificate.req."""
    payload = {"certificateType": _use(install.certificate_type), "certificate": install.certificate}
    return [("InstallCertificate", payload)]


def render_get_installed_certificate_ids(get: GetInstalledCertificateIds) -> Calls:
    """GetInstalledCertificateIds.req, one for each type."""
    return [("GetInstalledCertificateIds", {"certificateType": _use(use)}) for use in _asked(get)]


def read_installed_certificate_ids(get: GetInstalledCertificateIds, answers: Sequence[Payload]) -> Result:
    """GetInstalledCertificateIds.conf. NotFound: there are none of that type."""
    certificates: list[Payload] = []
    for use, answer in zip(_asked(get), answers, strict=True):
        status = read_text(answer.get("status")) or "no status"
        if status.lower() not in ("accepted", "notfound"):
            return Result(is_accepted=False, detail=status)
        told = answer.get("certificateHashData")
        hashes = [data for data in told if isinstance(data, dict)] if isinstance(told, list) else []
        certificates += [_certificate(use, data) for data in hashes]
    return Result(is_accepted=True, detail="" if certificates else "NotFound", result={"certificates": certificates})


def render_delete_certificate(delete: DeleteCertificate) -> Calls:
    """DeleteCertificate.req."""
    data = {theirs: getattr(delete.certificate, ours) for ours, theirs in _HASHES.items()}
    return [("DeleteCertificate", {"certificateHashData": data})]


def _use(use: str) -> str:
    if use not in _USES:
        raise BadText(f"OCPP 1.6 has no {use}; expected {' or '.join(_USES)}")
    return _USES[use]


def _asked(get: GetInstalledCertificateIds) -> tuple[str, ...]:
    return get.certificate_types or tuple(_USES)


def _certificate(use: str, data: Payload) -> Payload:
    hashes = {ours: read_text(data.get(theirs)) for ours, theirs in _HASHES.items()}
    return {"certificate_type": use, **hashes, "children": []}
