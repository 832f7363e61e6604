"""TLS as a charger does it: it trusts the roots it was given, and shows its own certificate once it has one."""

from __future__ import annotations

import ssl
import tempfile
from pathlib import Path

from firmware_sim.blocks.kept import CertificateStore
from firmware_sim.functions.certifying import CSMS_ROOTS, STATION


def client_context(roots: str, store: CertificateStore) -> ssl.SSLContext:
    """For OCPP's security profiles 2 and 3; without any root those of the machine are trusted.

    Raises ssl.SSLError for roots that are none.
    """
    known = [roots, *(each.pem for each in store.installed if each.use in CSMS_ROOTS)]
    context = ssl.create_default_context(cadata="\n".join(each for each in known if each) or None)
    chain, key = store.own_chains.get(STATION), store.own_keys.get(STATION)
    if chain is not None and key is not None:
        with tempfile.TemporaryDirectory() as folder:  # the ssl module reads them from files alone
            own_chain, own_key = Path(folder, "chain.pem"), Path(folder, "key.pem")
            own_chain.write_text(chain)
            own_key.write_text(key)
            context.load_cert_chain(own_chain, own_key)
    return context
