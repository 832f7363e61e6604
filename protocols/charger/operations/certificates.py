"""Functional blocks A and M: certificates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from protocols.charger.operations.fields import Pem

CertificateUse = Literal[
    "V2GRootCertificate", "MORootCertificate", "CSMSRootCertificate", "ManufacturerRootCertificate"
]
"""OCPP 2.0.1 InstallCertificateUseEnumType; 1.6 knows CentralSystemRootCertificate (CSMSRootCertificate) and
ManufacturerRootCertificate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateHash:
    """OCPP 2.0.1 CertificateHashDataType."""

    hash_algorithm: Literal["SHA256", "SHA384", "SHA512"]
    issuer_name_hash: Annotated[str, Field(max_length=128)]
    issuer_key_hash: Annotated[str, Field(max_length=128)]
    serial_number: Annotated[str, Field(max_length=40)]


@dataclass(frozen=True, slots=True, kw_only=True)
class SendSignedCertificate:
    """OCPP 2.0.1 A02 CertificateSigned, and of the 1.6 security extension: the chain in PEM, the leaf first."""

    certificate_chain: Pem
    certificate_type: Literal["ChargingStationCertificate", "V2GCertificate"] = "ChargingStationCertificate"
    operation: Literal["send_signed_certificate"] = "send_signed_certificate"


@dataclass(frozen=True, slots=True, kw_only=True)
class InstallCertificate:
    """OCPP 2.0.1 M05, and of the 1.6 security extension."""

    certificate_type: CertificateUse
    certificate: Annotated[str, Field(min_length=1, max_length=5500)]
    operation: Literal["install_certificate"] = "install_certificate"


@dataclass(frozen=True, slots=True, kw_only=True)
class GetInstalledCertificateIds:
    """OCPP 2.0.1 M03, and of the 1.6 security extension, where each type is a call; none for all.

    Result: {"certificates": [{"certificate_type", "hash_algorithm", "issuer_name_hash", "issuer_key_hash",
    "serial_number", "children": [the same without type and children]}]}. NotFound is accepted: the list is empty.
    """

    certificate_types: tuple[CertificateUse | Literal["V2GCertificateChain"], ...] = ()
    operation: Literal["get_installed_certificate_ids"] = "get_installed_certificate_ids"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteCertificate:
    """OCPP 2.0.1 M04, and of the 1.6 security extension."""

    certificate: CertificateHash
    operation: Literal["delete_certificate"] = "delete_certificate"
