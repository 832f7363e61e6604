"""Certificates: asked for, received, installed, listed, deleted (whitepaper §4.1 and §4.2, 2.0.1 A02 and M). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from firmware_sim import crypto
from firmware_sim.blocks.kept import InstalledCertificate
from firmware_sim.functions import security
from firmware_sim.orders import KeyMade, MakeKey, Reconnect
from firmware_sim.station_model import StationModel

STATION = "ChargingStationCertificate"
V2G = "V2GCertificate"
CSMS_ROOTS = ("CSMSRootCertificate", "CentralSystemRootCertificate")
_MAX_INSTALLED = 20


def ask(model: StationModel, use: str = STATION) -> None:
    """Make a key for a new certificate of the station's own; the request goes out when the key is there."""
    organization = model.device.by_key("CpoName")
    model.out.append(
        MakeKey(
            use=use,
            common_name=model.spec.serial or model.spec.station_id,
            organization="" if organization is None else model.device.kept(organization),
        )
    )


def key_made(model: StationModel, event: KeyMade) -> None:
    """SignCertificate."""
    model.certificates.pending_keys[event.use] = event.key
    if model.is_v16:
        model.tell("SignCertificate", csr=event.csr)
    else:
        model.tell("SignCertificate", csr=event.csr, certificate_type=event.use)


def signed(model: StationModel, chain: str, use: str = STATION) -> str:
    """CertificateSigned: taken when it is for the key that was made, holds now, and comes from a known root."""
    store = model.certificates
    key = store.pending_keys.get(use)
    roots = [each.pem for each in store.installed if each.use in CSMS_ROOTS]
    is_good = key is not None and crypto.belongs_to(chain, key) and crypto.is_valid_chain(chain, roots, model.now)
    if key is None or not is_good:
        security.note_event(model, "InvalidChargingStationCertificate")
        return "Rejected"
    del store.pending_keys[use]
    store.own_keys[use], store.own_chains[use] = key, chain
    model.note("certificate_taken", use=use)
    profile = model.device.by_key("SecurityProfile")
    if use == STATION and profile is not None and model.device.kept(profile) == "3":
        model.out.append(Reconnect())  # with the new one (2.0.1 A02.FR.08)
    return "Accepted"


def install(model: StationModel, use: str, pem: str) -> str:
    """InstallCertificate: Accepted, Rejected for what is none or too many, Failed never."""
    hash_data = crypto.hash_data(pem)
    if hash_data is None or len(model.certificates.installed) >= _MAX_INSTALLED:
        return "Rejected"
    kept = [each for each in model.certificates.installed if (each.use, each.hash_data) != (use, hash_data)]
    model.certificates.installed = [*kept, InstalledCertificate(use=use, pem=pem, hash_data=hash_data)]
    model.note("certificate_installed", use=use)
    return "Accepted"


def installed(model: StationModel, uses: list[str] | None) -> list[InstalledCertificate]:
    """GetInstalledCertificateIds: roots that were installed, and with V2GCertificateChain the station's own chain."""
    found = [each for each in model.certificates.installed if not uses or each.use in uses]
    chain = model.certificates.own_chains.get(V2G)
    hash_data = crypto.hash_data(chain) if chain is not None else None
    if chain is not None and hash_data is not None and (not uses or "V2GCertificateChain" in uses):
        found.append(InstalledCertificate(use="V2GCertificateChain", pem=chain, hash_data=hash_data))
    return found


def delete(model: StationModel, hash_data: Mapping[str, Any]) -> str:
    """DeleteCertificate; the station's own is not deleted so (2.0.1 M04.FR.06)."""
    wanted = {key: str(value).lower() for key, value in hash_data.items()}
    for each in model.certificates.installed:
        if all(wanted.get(key) == str(value).lower() for key, value in each.hash_data.items()):
            model.certificates.installed.remove(each)
            model.note("certificate_deleted", use=each.use)
            return "Accepted"
    return "NotFound"
