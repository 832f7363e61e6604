"""OCPP 2.0.1 functional block M and C07: what vehicles and stations want to know of contract certificates.

The EXI of ISO 15118 and the responders' answers are carried as they come, unread.
"""

from __future__ import annotations

from typing import Any

from msgspec import UNSET

from protocols.charger.commands import CertificateStatusAnswer, ContractCertificateAnswer, IdTokenAnswer, Reply
from protocols.charger.events import IdTokenPresented
from protocols.charger.inquiries import (
    CertificateStatusWanted,
    ContractCertificateWanted,
    ContractPresented,
    HashedCertificate,
)
from protocols.ocpp.dialect import Payload, expect
from protocols.ocpp.reading import given, read_text
from protocols.ocpp.v201.authorization import read_authorize, render_authorize
from protocols.ocpp.writing import filled

_MAX_INFO_LENGTH = 512


def read_contract_authorize(station_id: str, payload: Any) -> IdTokenPresented | ContractPresented:
    """C01, and C07 where the token comes with its contract certificate."""
    presented = read_authorize(station_id, payload)
    if payload.certificate is UNSET and payload.iso15118CertificateHashData is UNSET:
        return presented
    hashed = given(payload.iso15118CertificateHashData, ())
    return ContractPresented(
        presented=presented,
        chain_pem=given(payload.certificate),
        certificates=tuple(_read_hashed(each) for each in hashed),
    )


def render_contract_authorize(reply: Reply) -> Payload:
    """C01, C07 AuthorizeResponse."""
    status = expect(reply, IdTokenAnswer).certificate_status
    return {**filled(certificateStatus=status), **render_authorize(reply)}


def read_get_15118_ev_certificate(station_id: str, payload: Any) -> ContractCertificateWanted:
    """M01, M02 Get15118EVCertificateRequest."""
    return ContractCertificateWanted(
        station_id=station_id,
        schema_version=read_text(payload.iso15118SchemaVersion) or "",
        action=payload.action,
        exi_request=read_text(payload.exiRequest) or "",
    )


def render_get_15118_ev_certificate(reply: Reply) -> Payload:
    """Get15118EVCertificateResponse. The standard wants an exiResponse of a failure, too: an empty one."""
    answer = expect(reply, ContractCertificateAnswer)
    status = "Accepted" if answer.is_accepted else "Failed"
    return {"status": status, "exiResponse": answer.exi_response, **_status_info(answer.reason)}


def read_get_certificate_status(station_id: str, payload: Any) -> CertificateStatusWanted:
    """M06 GetCertificateStatusRequest."""
    return CertificateStatusWanted(station_id=station_id, certificate=_read_hashed(payload.ocspRequestData))


def render_get_certificate_status(reply: Reply) -> Payload:
    """GetCertificateStatusResponse."""
    answer = expect(reply, CertificateStatusAnswer)
    if answer.ocsp_result is None:
        return {"status": "Failed", **_status_info(answer.reason)}
    return {"status": "Accepted", "ocspResult": answer.ocsp_result}


def _read_hashed(data: Any) -> HashedCertificate:
    """OCSPRequestDataType."""
    return HashedCertificate(
        hash_algorithm=data.hashAlgorithm,
        issuer_name_hash=data.issuerNameHash,
        issuer_key_hash=data.issuerKeyHash,
        serial_number=data.serialNumber,
        responder_url=data.responderURL,
    )


def _status_info(reason: str) -> Payload:
    if not reason:
        return {}
    return {"statusInfo": {"reasonCode": "NotAvailable", "additionalInfo": reason[:_MAX_INFO_LENGTH]}}
