"""The security extension's certificates and triggers (OCPP 1.6 security whitepaper §4.1, §4.2 and §5.4)."""

from __future__ import annotations

from typing import Any

from firmware_sim.functions import certifying
from firmware_sim.messages import Triggered
from firmware_sim.ocpp_client import Desk, Routes


class Security:
    """Each method is one request; it returns the payload of the answer."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def routes(self) -> Routes:
        """The handlers by action."""
        return {
            "ExtendedTriggerMessage": self.trigger,
            "CertificateSigned": self.signed,
            "InstallCertificate": self.install,
            "GetInstalledCertificateIds": self.installed,
            "DeleteCertificate": self.delete,
        }

    def trigger(self, requested_message: str, connector_id: int | None = None, **_: Any) -> dict[str, Any]:
        event = Triggered(what=requested_message, evse_id=connector_id or 0, is_extended=True)
        return {"status": self._desk.ask(event)}

    def signed(self, certificate_chain: str, **_: Any) -> dict[str, Any]:
        return {"status": self._desk.act(lambda model: certifying.signed(model, certificate_chain))}

    def install(self, certificate_type: str, certificate: str, **_: Any) -> dict[str, Any]:
        return {"status": self._desk.act(lambda model: certifying.install(model, certificate_type, certificate))}

    def installed(self, certificate_type: str, **_: Any) -> dict[str, Any]:
        found = self._desk.act(lambda model: certifying.installed(model, [certificate_type]))
        if not found:
            return {"status": "NotFound"}
        return {"status": "Accepted", "certificate_hash_data": [each.hash_data for each in found]}

    def delete(self, certificate_hash_data: dict[str, Any], **_: Any) -> dict[str, Any]:
        return {"status": self._desk.act(lambda model: certifying.delete(model, certificate_hash_data))}
