"""What stations want to know that a site cannot say from its own knowledge: asked of others, within bounds of time."""

from __future__ import annotations

from msgspec import Struct

from protocols.charger.events import IdTokenPresented, SigningRequested


class HashedCertificate(Struct, frozen=True, kw_only=True, gc=False):
    """OCPP 2.0.1 OCSPRequestDataType: a certificate named by its issuer's hashes, and who knows whether it is revoked.

    The hashes and the serial number are hexadecimal.
    """

    hash_algorithm: str
    issuer_name_hash: str
    issuer_key_hash: str
    serial_number: str
    responder_url: str


class ContractCertificateWanted(Struct, frozen=True, kw_only=True, gc=False):
    """OCPP 2.0.1 M01, M02 Get15118EVCertificate: an EV wants its contract certificate. `exi_request` is Base64."""

    station_id: str
    schema_version: str
    action: str
    exi_request: str


class CertificateStatusWanted(Struct, frozen=True, kw_only=True, gc=False):
    """OCPP 2.0.1 M06 GetCertificateStatus."""

    station_id: str
    certificate: HashedCertificate


class ContractPresented(Struct, frozen=True, kw_only=True, gc=False):
    """OCPP 2.0.1 C07: a token with the contract certificate that it comes from, as PEM chain or as hashes."""

    presented: IdTokenPresented
    chain_pem: str | None = None
    certificates: tuple[HashedCertificate, ...] = ()


Inquiry = ContractCertificateWanted | CertificateStatusWanted | ContractPresented | SigningRequested
"""The first two are answered; a contract becomes an IdTokenPresented with its status, a signing request one with its
facts, and the site decides upon these."""
