"""Blocks A and M: certificates."""

from __future__ import annotations

from typing import Any

from firmware_sim.functions import certifying
from firmware_sim.ocpp_client import Desk, Routes


class Certificates:
    """Each method is one request; it returns the payload of the answer."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def routes(self) -> Routes:
        """The handlers by action."""
        return {
            "CertificateSigned": self.signed,
            "InstallCertificate": self.install,
            "GetInstalledCertificateIds": self.installed,
            "DeleteCertificate": self.delete,
        }

    def signed(self, certificate_chain: str, certificate_type: str | None = None, **_: Any) -> dict[str, Any]:
        use = certificate_type or certifying.STATION
        return {"status": self._desk.act(lambda model: certifying.signed(model, certificate_chain, use))}

    def install(self, certificate_type: str, certificate: str, **_: Any) -> dict[str, Any]:
        return {"status": self._desk.act(lambda model: certifying.install(model, certificate_type, certificate))}

    def installed(self, certificate_type: list[str] | None = None, **_: Any) -> dict[str, Any]:
        found = self._desk.act(lambda model: certifying.installed(model, certificate_type))
        if not found:
            return {"status": "NotFound"}
        chains = [{"certificate_type": each.use, "certificate_hash_data": each.hash_data} for each in found]
        return {"status": "Accepted", "certificate_hash_data_chain": chains}

    def delete(self, certificate_hash_data: dict[str, Any], **_: Any) -> dict[str, Any]:
        return {"status": self._desk.act(lambda model: certifying.delete(model, certificate_hash_data))}
