"""What a decision wants done that is neither a charger's nor the ledger's business. What comes of it comes back as an
event; an errand that is lost with the agent is asked for again by who wanted it."""

from __future__ import annotations

from dataclasses import dataclass

from protocols.sync.payments import Payment


@dataclass(frozen=True, slots=True, kw_only=True)
class SignCertificate:
    """Have the site CA sign a station's request for this common name."""

    station_id: str
    csr: str
    certificate_type: str
    common_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DistrustCertificate:
    """A certificate was revoked: whoever comes with it is turned away, and who is here with it has to leave."""

    station_id: str
    serial_number: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AskProvider:
    """Have the provider take a payment, or give one back (`reverses`). It knows the payment by its id: asked again,
    it begins nothing anew."""

    payment: Payment


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelPayment:
    """Have the provider give up what it has not taken."""

    payment: Payment


CertificateErrand = SignCertificate | DistrustCertificate
PaymentErrand = AskProvider | CancelPayment
Errand = CertificateErrand | PaymentErrand
